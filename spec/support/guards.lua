-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The processes that guard an apply, to be found, stopped and killed.

local run = require "spec.support.run"

local M = {}

--- The process ids of a pending apply's guard and of its watcher.
function M.of(program)
  local record = assert(run.read_file(program.state_dir .. "/run/pending.json"), "nothing is pending")
  local guard = assert(record:match('"guard"%s*:%s*(%d+)'), record)
  return guard, M.watcher(guard)
end

--- The watcher of a guard, or nil.
function M.watcher(guard)
  local children = run.read_file(("/proc/%s/task/%s/children"):format(guard, guard))
  return children and children:match("%d+")
end

--- Does a process still run? One that nobody has reaped yet does not.
function M.is_alive(pid)
  local stat = run.read_file("/proc/" .. pid .. "/stat")
  return stat and not stat:find("%) [ZX] ") or false
end

--- Send a signal ("KILL") to processes.
function M.signal(name, ...)
  run.must { "kill", "-" .. name, ... }
end

function M.wait_for_end(...)
  for _, pid in ipairs { ... } do
    run.wait_until("the end of process " .. pid, 5, function()
      return not M.is_alive(pid)
    end)
  end
end

--- Kill guard and watcher, neither of which may have the time to act for the other;
-- before them the applying process, if one is given, so that nobody is left.
function M.kill_all(program, apply)
  local guard, watcher = M.of(program)
  M.signal("STOP", guard)
  M.signal("STOP", watcher)
  if apply then
    apply:signal("KILL")
    apply:wait(5)
  end
  M.signal("KILL", watcher, guard)
  M.wait_for_end(watcher, guard)
end

return M
