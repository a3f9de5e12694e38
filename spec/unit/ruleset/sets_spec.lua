-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Address sets as plain data.

local c_program = require "spec.support.c_program"

describe("sets of addresses", function()
  c_program.cases("spec/unit/ruleset/sets_check.c", it, pending)
end)
