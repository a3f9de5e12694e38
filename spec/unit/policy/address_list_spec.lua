-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Reading and folding addresses.

local c_program = require "spec.support.c_program"

describe("a list of addresses", function()
  c_program.cases("spec/unit/policy/address_list_check.c", it, pending)
end)
