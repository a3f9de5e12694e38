-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Software that puts rules of its own into the tables, by its looks.

local c_program = require "spec.support.c_program"

describe("the presets", function()
  c_program.cases("spec/unit/ruleset/presets_check.c", it, pending)
end)
