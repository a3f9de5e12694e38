-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What a ruleset says about other software's rules.

local c_program = require "spec.support.c_program"

describe("a ruleset", function()
  c_program.cases("spec/unit/ruleset/keep_check.c", it, pending)
end)
