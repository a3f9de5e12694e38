-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What a namespace logs to a netlink group, read back. The kernel's own log is
-- no way to do that: LOG writes nothing for a private namespace.

local packets = require "spec.support.packets"
local run = require "spec.support.run"
local services = require "spec.support.services"

local M = {}

local reader = {}
reader.__index = reader

local fields = { "prefix", "hook", "protocol", "source", "destination", "port", "interface" }

--- Read a group in the background.
-- @param namespace where the rules are
-- @param group the netlink group
-- @return a reader
function M.start(namespace, group)
  local process = services.start(namespace, "the log's reader", packets.script("nflog.py", group))
  return setmetatable({ process = process, skipped = 0 }, reader)
end

--- Forget what has been logged so far.
function reader:skip()
  self.skipped = #self.process:out()
end

--- What has been logged so far.
-- @return a sequence of { prefix =, hook =, protocol =, source =, destination =,
--   port =, interface = }, all of them strings
function reader:lines()
  local found = {}
  for line in self.process:out():sub(self.skipped + 1):gmatch("[^\n]+") do
    local entry, index = {}, 0
    for field in (line .. "|"):gmatch("([^|]*)|") do
      index = index + 1
      entry[fields[index]] = field
    end
    if index == #fields then
      found[#found + 1] = entry
    end
  end
  return found
end

--- Wait for lines with a prefix.
-- @param prefix the whole prefix
-- @param count how many there must be at least
-- @return those there are
function reader:wait(prefix, count)
  return run.wait_until(("%d log lines %q"):format(count, prefix), 5, function()
    local found = {}
    for _, entry in ipairs(self:lines()) do
      if entry.prefix == prefix then
        found[#found + 1] = entry
      end
    end
    return #found >= count and found
  end)
end

return M
