-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What becomes of a packet, rule by rule.

local c_program = require "spec.support.c_program"

describe("the verdict on a packet", function()
  c_program.cases("spec/unit/analysis/verdict_check.c", it, pending)
end)
