-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What a generation tells of how it came to be, and which ones stay.

local c_program = require "spec.support.c_program"

describe("the story of a generation", function()
  c_program.cases("spec/unit/plan/story_check.c", it, pending)
end)
