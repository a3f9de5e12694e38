-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The guard's watcher: what a guard that is dead or stopped had to do is done.

local c_program = require "spec.support.c_program"

describe("the guard's watcher", function()
  c_program.cases("spec/unit/plan/guard_watch_check.c", it, pending)
end)
