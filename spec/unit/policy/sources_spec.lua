-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The files that a policy is made of, and what is noted of each.

local c_program = require "spec.support.c_program"

describe("the sources of a policy", function()
  c_program.cases("spec/unit/policy/sources_check.c", it, pending)
end)
