-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Sets as text.

local c_program = require "spec.support.c_program"

describe("sets as text", function()
  c_program.cases("spec/unit/ruleset/set_text_check.c", it, pending)
end)
