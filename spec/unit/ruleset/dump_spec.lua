-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Dumps of rules, of whatever age.

local c_program = require "spec.support.c_program"

describe("a dump of rules", function()
  c_program.cases("spec/unit/ruleset/dump_check.c", it, pending)
end)
