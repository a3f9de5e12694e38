-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The parts of an origin, and any bytes as a JSON string.

local c_program = require "spec.support.c_program"

describe("the program's text", function()
  c_program.cases("spec/unit/cli/text_check.c", it, pending)
end)
