-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The lock file of names.

local c_program = require "spec.support.c_program"

describe("a lock file of names", function()
  c_program.cases("spec/unit/policy/resolved_check.c", it, pending)
end)
