-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Any bytes as UTF-8 and back.

local c_program = require "spec.support.c_program"

describe("bytes as text", function()
  c_program.cases("spec/unit/ruleset/byte_text_check.c", it, pending)
end)
