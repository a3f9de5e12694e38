-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What turns one table into another; the cases are in diff_check.c.

local c_program = require "spec.support.c_program"

describe("a diff", function()
  c_program.cases("spec/unit/plan/diff_check.c", it, pending)
end)
