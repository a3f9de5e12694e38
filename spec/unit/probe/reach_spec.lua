-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What the probe leaves out, and what it sends.

local c_program = require "spec.support.c_program"

describe("the reach of a probe", function()
  c_program.cases("spec/unit/probe/reach_check.c", it, pending)
end)
