-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- State files that were cut anywhere, and each bit of them the other way round.

local c_program = require "spec.support.c_program"

describe("rot in the state", function()
  c_program.cases("spec/unit/plan/rot_check.c", it, pending)
end)
