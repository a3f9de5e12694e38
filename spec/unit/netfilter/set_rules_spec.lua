-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Rules that name address sets.

local c_program = require "spec.support.c_program"
local features = require "spec.support.features"

describe("rules that name sets", function()
  c_program.cases("spec/unit/netfilter/set_rules_check.c", features.it(it, pending), pending)
end)
