-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What a policy keeps of other software's, in the new table and in the old one.

local c_program = require "spec.support.c_program"

describe("kept rules", function()
  c_program.cases("spec/unit/plan/merge_check.c", it, pending)
  c_program.cases("spec/unit/plan/merge_old_check.c", it, pending)
end)
