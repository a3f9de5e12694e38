-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A ruleset that comes from a process that nobody trusts: the true one arrives as
-- it left, a forged one is told apart, whatever was done to it.

local c_program = require "spec.support.c_program"

describe("a ruleset that crosses", function()
  c_program.cases("spec/unit/ruleset/crossing_check.c", it, pending)
end)
