-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Who proves a new connection, over a made-up /proc.

local c_program = require "spec.support.c_program"

describe("the newcomer", function()
  c_program.cases("spec/unit/plan/newcomer_check.c", it, pending)
end)
