-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A router between two networks, for the specs: the lab's server forwards, the
-- friend is a host of its LAN, the stranger one of the internet. The internet
-- has a route to the LAN, so that what is closed is closed by rules alone.

local assert = require "luassert"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"

local M = {}

--- Their addresses, by family.
M.lan_host = network.addresses.friend
M.internet_host = network.addresses.stranger
M.router_for = { lan = network.addresses.server_for.friend, internet = network.addresses.server_for.stranger }
M.lan = { ipv4 = "10.137.0.0/24", ipv6 = "2001:db8:137::/64" }

local forwarding = [[
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
]]

--- A lab: `router` (also `server`), `lan` and `internet`, with routes.
function M.lab()
  local lab = network.lab()
  lab.router, lab.lan, lab.internet = lab.server, lab.friend, lab.stranger
  lab.router:must { "sh", "-c", forwarding }
  for family, flag in pairs { ipv4 = "-4", ipv6 = "-6" } do
    lab.lan:must { "ip", flag, "route", "add", "default", "via", M.router_for.lan[family] }
    lab.internet:must { "ip", flag, "route", "add", M.lan[family], "via", M.router_for.internet[family] }
  end
  return lab
end

--- Check what a host reaches at an address of each family, all at once.
-- @usage gateway.reaches(lab.lan, { ipv4 = A, ipv6 = B }, { ["tcp:80"] = "open", ["udp:53"] = "silent" })
function M.reaches(from, addresses, expected)
  local targets, wanted = {}, {}
  for _, address in pairs(addresses) do
    for spec, state in pairs(expected) do
      local target = spec:gsub(":", "," .. address .. ",")
      targets[#targets + 1] = target
      wanted[target] = state
    end
  end
  assert.same(wanted, packets.probe(from, targets))
end

-- "[::ffff:10.66.0.1]:4000" and "10.66.0.1:4000" -> "10.66.0.1"
local function host_of(text)
  return (text:gsub(":%d+$", ""):gsub("^%[(.*)%]$", "%1"):gsub("^::ffff:", ""))
end

--- What a host sees of the one connection to a port of its own.
-- @return { from = address, mss = largest segment that it may send }
function M.seen(namespace, port)
  return run.wait_until("a connection to port " .. port, 5, function()
    local text = namespace:must { "ss", "-Htni", "state", "established", ("( sport = :%d )"):format(port) }
    local peer, rest = text:match("^%s*%d+%s+%d+%s+%S+%s+(%S+)(.*)$")
    local mss = rest and rest:match(" mss:(%d+)")
    return peer and { from = host_of(peer), mss = tonumber(mss) }
  end)
end

return M
