-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What is found wrong with a ruleset for its host.

local c_program = require "spec.support.c_program"

describe("the diagnosis of a ruleset", function()
  c_program.cases("spec/unit/analysis/diagnosis_check.c", it, pending)
end)
