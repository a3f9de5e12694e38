-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A confirmation that comes at the last moment; 10,000 of them in `make torture`.

local c_program = require "spec.support.c_program"

describe("a confirmation and the deadline #torture", function()
  c_program.cases("spec/torture/race_check.c", it, pending, 1200)
end)
