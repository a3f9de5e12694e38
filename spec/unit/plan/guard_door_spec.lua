-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The guard's door: who knocks, with which token, and when.

local c_program = require "spec.support.c_program"

describe("the guard's door", function()
  c_program.cases("spec/unit/plan/guard_door_check.c", it, pending)
end)
