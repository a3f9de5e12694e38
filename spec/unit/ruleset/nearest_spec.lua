-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The name that was probably meant.

local c_program = require "spec.support.c_program"

describe("the nearest name", function()
  c_program.cases("spec/unit/ruleset/nearest_check.c", it, pending)
end)
