-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The allocator of a policy's Lua state.

local c_program = require "spec.support.c_program"

describe("a policy's memory", function()
  c_program.cases("spec/unit/policy/memory_check.c", it, pending)
end)
