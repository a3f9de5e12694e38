-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The kernel's address sets.

local c_program = require "spec.support.c_program"
local features = require "spec.support.features"

describe("a set of the kernel", function()
  c_program.cases("spec/unit/netfilter/ipset_check.c", features.it(it, pending), pending)
end)
