-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The lock file of modules.

local c_program = require "spec.support.c_program"

describe("a lock file of modules", function()
  c_program.cases("spec/unit/policy/pins_check.c", it, pending)
end)
