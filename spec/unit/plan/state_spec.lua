-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The durable state: generations, the lock, the pending record.

local c_program = require "spec.support.c_program"

describe("the durable state", function()
  c_program.cases("spec/unit/plan/state_check.c", it, pending)
end)
