-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What is hit by the specs of torture: policies that differ, and the commands
-- that go from one to the other.

local run = require "spec.support.run"

local M = {}

--- A busy machine, and a tracer, make the evaluation slow.
M.patient = "--policy-seconds=20"

local base = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
]]

--- Two policies for table filter, of both families.
M.filter = { old = base, new = base .. "allow_inbound { tcp = 8080 }\n" }

local function everywhere(port)
  local lines = {}
  for _, name in ipairs { "raw", "mangle", "security", "nat" } do
    lines[#lines + 1] = ('chain("%s", "OUTPUT"):append "-p udp -m udp --dport %d -j ACCEPT"'):format(name, port)
  end
  return base .. ("allow_inbound { tcp = %d }\n"):format(port) .. table.concat(lines, "\n") .. "\n"
end

--- Two policies that differ in all tables of both families.
M.tables = { old = everywhere(7000), new = everywhere(7001) }

--- Apply the new policy for good.
function M.at_once(program, new)
  return program:words("apply", new, "--no-confirm", M.patient)
end

--- Apply the new policy, and nobody confirms it.
function M.unconfirmed(program, new)
  return program:words("apply", new, "--confirm", "1s", M.patient)
end

-- Waits for the commit, or for the end of an apply that does not get so far;
-- without a process of its own, so that those that are hit have always the same
-- numbers. bash, since its read has a time-out.
local committed = [[
dir=%s state=%s
exec 9<>"$dir/never"
committed() {
  until [ -e "$dir/ended" ]; do
    read -r -t 0.02 -u 9
    while read -r line; do
      case $line in *'"committed": 0,'*) ;; *'"committed": '*) return;; esac
    done <"$state/run/pending.json"
  done 2>/dev/null
}
]]

-- An apply in the background, and what is done once it waits: words.
local function script(program, seconds, new, body)
  local dir, apply = program.lab.dir, run.line(program:words("apply", new, "--confirm", seconds, M.patient))
  run.must { "sh", "-c", ("rm -f %s/ended; [ -e %s/never ] || mkfifo %s/never"):format(dir, dir, dir) }
  return { "/bin/bash", "-c", committed:format(dir, run.quote(program.state_dir))
    .. ("{ %s; : >$dir/ended; } %s & committed%s"):format(apply, body == "" and ">/dev/null 2>&1" or "", body) }
end

--- Apply the new policy in the background until it waits: a line for sh.
function M.waiting(program, new)
  return "rm -f " .. program.lab.dir .. "/ended" .. "; " .. run.line(script(program, "1s", new, ""))
end

--- A command that settles it: words for the series.
function M.settle(...)
  local words = { ... }
  return function(program)
    return program:words(table.unpack(words))
  end
end

--- Apply the new policy and settle it, in one: the processes of the apply can be hit.
function M.apply_and(...)
  local words = { ... }
  return function(program, new)
    return script(program, "20s", new, "; " .. run.line(program:words(table.unpack(words)))
      .. "; code=$?; wait; rm -f $dir/ended; exit $code")
  end
end

--- A row of a series: a pair of policies with what else is said of it.
function M.row(pair, more)
  more.old, more.new = pair.old, pair.new
  return more
end

return M
