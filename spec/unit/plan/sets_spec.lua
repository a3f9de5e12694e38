-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Address sets in a transaction.

local c_program = require "spec.support.c_program"
local features = require "spec.support.features"

describe("sets in a transaction", function()
  c_program.cases("spec/unit/plan/sets_check.c", features.it(it, pending), pending)
end)
