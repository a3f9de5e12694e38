-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The guard's life: from armed to its verdict, whatever becomes of who armed it.

local c_program = require "spec.support.c_program"

describe("the guard's life", function()
  c_program.cases("spec/unit/plan/guard_check.c", it, pending)
end)
