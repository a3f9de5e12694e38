-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Datagrams with sources that are not the sender's own, and who got them; and a
-- lab whose server passes packets on.

local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"

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
  local process = namespace:start { "timeout", "-k", "1", "180",
    table.unpack(packets.script("datagram.py", "listen", ...)) }
  run.wait_until("listener", 5, function()
    assert(process:alive(), process:err())
    return process:out():find("^ready\n")
  end)
  return setmetatable({ process = process }, listener)
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
  local before, words = {}, {}
  for i, source in ipairs(sources) do
    before[i] = count(self, port, source)
    words[i] = ("%d,%s"):format(port, source)
  end
  words[#words + 1] = ("%d,%s"):format(open_port or port, own)
  local own_before = count(self, open_port or port, own)
  from:must(packets.script("datagram.py", "send", target, table.unpack(words)))
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

-- No help of the kernel's own against spoofed sources: what is dropped is dropped
-- by the policy.
local forwarding = [[
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
for scope in all lan0 wan0; do
  echo 0 >/proc/sys/net/ipv4/conf/$scope/rp_filter
done
]]

--- A lab whose server is the gateway between friend (lan0) and stranger (wan0).
function M.gateway()
  local lab = network.lab()
  lab.server:must { "sh", "-c", forwarding }
  for who, ways in pairs(network.addresses.server_for) do
    lab[who]:must { "ip", "route", "add", "default", "via", ways.ipv4 }
    lab[who]:must { "ip", "-6", "route", "add", "default", "via", ways.ipv6 }
  end
  return lab
end

return M
