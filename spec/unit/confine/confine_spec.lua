-- SPDX-License-Identifier: GPL-2.0-or-later

local c_program = require "spec.support.c_program"

describe("a confined process", function()
  c_program.cases("spec/unit/confine/confine_check.c", it, pending)
end)
