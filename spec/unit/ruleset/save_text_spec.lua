-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- iptables-save text: arguments to a line and back, and whole files.

local c_program = require "spec.support.c_program"

describe("iptables-save text", function()
  c_program.cases("spec/unit/ruleset/save_text_check.c", it, pending)
end)
