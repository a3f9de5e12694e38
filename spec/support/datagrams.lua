-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Datagrams with sources that are not the sender's own, and who got them.

local gateway = require "spec.support.gateway"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local services = require "spec.support.services"

local M = {}

local listener = {}
listener.__index = listener

-- How often a datagram of this source has come to this port.
local function count(self, port, source)
  local number = 0
  for line in self.process:out():gmatch("[^\n]+") do
    number = number + (line == ("%d %s"):format(port, source) and 1 or 0)
  end
  return number
end

--- Note every datagram that comes to ports of a namespace.
function M.listen(namespace, ...)
  local process = services.start(namespace, "listener", packets.script("datagram.py", "listen", ...))
  return setmetatable({ process = process }, listener)
end

--- Send datagrams, one from each source.
-- @param from the namespace that sends
-- @param target the address that they go to
-- @param sources list of addresses of one family
-- @param port the port that they go to
function M.send(from, target, sources, port)
  local words = {}
  for i, source in ipairs(sources) do
    words[i] = ("%d,%s"):format(port, source)
  end
  from:must(packets.script("datagram.py", "send", target, table.unpack(words)))
end

--- Which sources come through to a port of the listener's. Behind them the sender
-- puts a datagram of its own, which must come through: so nothing is waited for.
-- @param from the namespace that sends, a client of the lab
-- @param sources list of addresses of one family, not the sender's own
-- @param target the listener's address
-- @param port one of the listener's ports
-- @param open_port another one, to which the sender may send, if it may not to this
-- @return the list of those that have come
function listener:gets(from, sources, target, port, open_port)
  local own = network.addresses[from.name][target:find(":") and "ipv6" or "ipv4"]
  local before = {}
  for i, source in ipairs(sources) do
    before[i] = count(self, port, source)
  end
  local own_before = count(self, open_port or port, own)
  M.send(from, target, sources, port)
  M.send(from, target, { own }, open_port or port)
  run.wait_until("the sender's own datagram", 5, function()
    return count(self, open_port or port, own) > own_before
  end)
  local seen = {}
  for i, source in ipairs(sources) do
    if count(self, port, source) > before[i] then
      seen[#seen + 1] = source
    end
  end
  return seen
end

--- A gateway whose kernel does nothing of its own against spoofed sources: what is
-- dropped is dropped by the policy.
function M.gateway()
  local lab = gateway.lab()
  lab.router:must { "sh", "-c", "for scope in all lan0 wan0; do"
    .. " echo 0 >/proc/sys/net/ipv4/conf/$scope/rp_filter; done" }
  return lab
end

return M
