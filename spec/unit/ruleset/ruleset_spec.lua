-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A ruleset as plain data.

local c_program = require "spec.support.c_program"

describe("a ruleset", function()
  c_program.cases("spec/unit/ruleset/ruleset_check.c", it, pending)
end)
