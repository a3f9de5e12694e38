-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Packets for the specs: is a port open, refused or silent; pings; bare TCP
-- segments with any flags; a conversation over one connection.

local lfs = require "lfs"
local run = require "spec.support.run"

local M = {}

local here = lfs.currentdir() .. "/spec/support/"

-- The system's own interpreter first: wrappers in PATH cost more than a probe.
M.python = lfs.attributes("/usr/bin/python3") and "/usr/bin/python3" or "python3"

--- The words that run one of the scripts beside this file.
function M.script(name, ...)
  return { M.python, "-I", "-S", here .. name, ... }
end

-- What wire.py is told, and what it says.
local function probe_words(targets, seconds)
  return M.script("wire.py", "probe", seconds or 0.7, table.unpack(targets))
end

local function states_of(out)
  local states = {}
  for target, state in out:gmatch("(%S+) (%S+)\n") do
    states[target] = state
  end
  return states
end

--- Try targets from a namespace, all at once.
-- @param targets list of "tcp,ADDR,PORT" and "udp,ADDR,PORT"
-- @param seconds how long silence is waited for (default 0.7)
-- @return table from target to "open", "refused", "denied" (by its own host),
--   "unreachable" or "silent"
function M.probe(namespace, targets, seconds)
  return states_of(namespace:must(probe_words(targets, seconds)))
end

--- Begin to try targets, while something else is done; see probe().
-- @return a function that waits, and returns what probe() does
function M.begin_probe(namespace, targets, seconds)
  local process = namespace:start(probe_words(targets, seconds))
  return function()
    local result = process:wait()
    assert(result.code == 0, result.err)
    return states_of(result.out)
  end
end

--- One target's state.
function M.state(namespace, protocol, address, port, seconds)
  local target = ("%s,%s,%d"):format(protocol, address, port)
  return M.probe(namespace, { target }, seconds)[target]
end

--- How many of `count` pings are answered.
function M.ping(namespace, address, count)
  count = count or 1
  local result = namespace:run {
    "ping", "-n", "-c", count, "-i", "0.05", "-W", "1", address,
  }
  return tonumber(result.out:match("(%d+) received")) or 0
end

--- Send bare TCP segments.
-- @param orders list of "FLAGS=COUNT", FLAGS being letters of FSRPAU or "-"
function M.segments(namespace, address, port, orders)
  namespace:must(M.script("segment.py", address, port, table.unpack(orders)))
end

local conversation = {}
conversation.__index = conversation

--- Say a word and wait for its echo; raises when none comes.
function conversation:say(word, seconds)
  assert(self.pipe:write(word, "\n"))
  self.pipe:flush()
  run.wait_until("echo of " .. word, seconds or 5, function()
    return (run.read_file(self.log) or ""):find("echo " .. word .. "\n", 1, true)
  end)
end

function conversation:close()
  self.pipe:close()
end

--- Open one TCP connection to an echo service and keep it.
function M.converse(namespace, address, port)
  local log = ("%s/conversation-%s"):format(namespace.lab.dir, tostring(run.now()):gsub("%D", ""))
  local line = ("exec timeout 60 nsenter --net=/proc/%s/ns/net %s >%s 2>&1"):format(
    namespace.pid, run.line(M.script("wire.py", "converse", address, port)), log)
  local self = setmetatable({ pipe = assert(io.popen(line, "w")), log = log }, conversation)
  run.wait_until("connection to " .. address, 5, function()
    return (run.read_file(log) or ""):find("connected\n", 1, true)
  end)
  return self
end

return M
