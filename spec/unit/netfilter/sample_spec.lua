-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Sampling for the kernel's judgement; the cases are in sample_check.c.

local c_program = require "spec.support.c_program"

describe("a sample", function()
  c_program.cases("spec/unit/netfilter/sample_check.c", it, pending)
end)
