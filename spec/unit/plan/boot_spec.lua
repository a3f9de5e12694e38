-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What a boot takes from the state, and the rules where there is nothing to take.

local c_program = require "spec.support.c_program"

describe("a boot", function()
  c_program.cases("spec/unit/plan/boot_check.c", it, pending)
end)
