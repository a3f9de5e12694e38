-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Compiling and printing by pattern; the cases are in pattern_check.c.

local c_program = require "spec.support.c_program"

describe("rules by pattern", function()
  c_program.cases("spec/unit/netfilter/pattern_check.c", it, pending)
end)
