-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The longest common subsequence: what stays when one chain becomes another.

local c_program = require "spec.support.c_program"

describe("the longest common subsequence", function()
  c_program.cases("spec/unit/plan/sequence_check.c", it, pending)
end)
