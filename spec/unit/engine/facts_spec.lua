-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The cases of facts_check.c.

local c_program = require "spec.support.c_program"

describe("facts as JSON", function()
  c_program.cases("spec/unit/engine/facts_check.c", it, pending)
end)
