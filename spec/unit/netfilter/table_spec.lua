-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Tables as the kernel gives and takes them.

local c_program = require "spec.support.c_program"
local features = require "spec.support.features"

describe("a table of the kernel", function()
  c_program.cases("spec/unit/netfilter/table_check.c", features.it(it, pending), pending)
end)
