-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Who is at the keyboard, over a made-up /proc.

local c_program = require "spec.support.c_program"

describe("the operator", function()
  c_program.cases("spec/unit/plan/operator_check.c", it, pending)
end)
