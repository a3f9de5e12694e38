-- SPDX-License-Identifier: GPL-2.0-or-later
--- Protocols by name, without asking the host's /etc/protocols.
local lists = require "moongate.lists"
local nearest = require "moongate.nearest"

local M = {}

local type, tointeger = type, math.tointeger

-- What iptables itself knows under a name is passed on by name, the rest by
-- number. `family` where a protocol exists in one family only.
local known = {
  all = { arg = false },
  -- To IPv6 an extension header, which -p never matches.
  ah = { arg = "ah", number = 51, family = 1, header = { "-m", "ah" } },
  dccp = { arg = "33", number = 33 },
  egp = { arg = "8", number = 8 },
  eigrp = { arg = "88", number = 88 },
  esp = { arg = "esp", number = 50 },
  etherip = { arg = "97", number = 97 },
  gre = { arg = "47", number = 47 },
  icmp = { arg = "icmp", number = 1, family = 1 },
  ["ipv6-icmp"] = { arg = "ipv6-icmp", number = 58, family = 2 },
  igmp = { arg = "2", number = 2, family = 1 },
  ipcomp = { arg = "108", number = 108 },
  ipip = { arg = "4", number = 4 },
  ipv6 = { arg = "41", number = 41 },
  l2tp = { arg = "115", number = 115 },
  ospf = { arg = "89", number = 89 },
  pim = { arg = "103", number = 103 },
  rsvp = { arg = "46", number = 46 },
  sctp = { arg = "sctp", number = 132 },
  tcp = { arg = "tcp", number = 6 },
  udp = { arg = "udp", number = 17 },
  udplite = { arg = "udplite", number = 136 },
  vrrp = { arg = "112", number = 112 },
}
known.icmpv6 = known["ipv6-icmp"]
known.icmp6 = known["ipv6-icmp"]
known.ipencap = known.ipip

local names, by_number = {}, {}
for name, protocol in next, known do
  names[#names + 1] = name
  if protocol.number then
    by_number[protocol.number] = protocol
  end
end
table.sort(names)

--- Look a protocol up.
-- @param value its name or number
-- @return { arg = text for -p or false for any, family = 1, 2 or nil }, or nil
--   and what is wrong
function M.find(value)
  local number = tointeger(value)
  if type(value) == "string" and not number then
    local protocol = known[value:lower()]
    if protocol then
      return protocol
    end
    return nil, ("unknown protocol %s%s"):format(lists.shown(value), nearest.suggestion(value, names))
  elseif not number then
    return nil, ("a protocol's name or number is needed, not %s"):format(lists.shown(value))
  elseif number < 0 or number > 255 then
    return nil, ("protocol %d is out of range (0 to 255)"):format(number)
  elseif number == 0 then
    return known.all
  end
  return by_number[number] or { arg = tostring(number), number = number }
end

--- The ways to match a protocol's packets.
-- @param value its name or number
-- @return a sequence of parts, as in moongate.rules; or nil and what is wrong
function M.parts(value)
  local protocol, wrong = M.find(value)
  if not protocol then
    return nil, wrong
  end
  local parts = { {
    args = protocol.arg and { "-p", protocol.arg } or {},
    families = protocol.family or 3,
    tcp = protocol.arg == "tcp",
  } }
  if protocol.header then
    parts[2] = { args = protocol.header, families = 2, tcp = false }
  end
  return parts
end

return M
