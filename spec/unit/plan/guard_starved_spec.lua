-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The guard where processes or descriptors are few.

local c_program = require "spec.support.c_program"

describe("the guard, starved", function()
  c_program.cases("spec/unit/plan/guard_starved_check.c", it, pending)
end)
