-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The durable state while calls fail: disk, memory, each in its turn.

local c_program = require "spec.support.c_program"

describe("the durable state while a call fails", function()
  c_program.cases("spec/unit/plan/state_failures_check.c", it, pending)
end)
