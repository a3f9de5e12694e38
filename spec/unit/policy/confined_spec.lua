-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The parent of a confined evaluation, with children that are not what they seem.

local c_program = require "spec.support.c_program"

describe("the parent of a confined evaluation", function()
  c_program.cases("spec/unit/policy/confined_check.c", it, pending)
end)

describe("a confined child that asks", function()
  c_program.cases("spec/unit/policy/confined_questions_check.c", it, pending)
end)
