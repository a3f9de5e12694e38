-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The policies with very many rules, as a script would write them: a loop over
-- addresses.

local M = {}

-- What every one of them begins with.
local opening = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
]]

-- One rule a turn of the loop, by the helper or by the primitive below it.
local loops = {
  helper = [[
for i = 0, %d do
  local client = ("10.%%d.%%d.%%d"):format(i >> 16, i >> 8 & 255, i & 255)
  allow_inbound { from = client, tcp = i == changed and 8444 or 8443, comment = "client " .. i }
end
]],
  append = [[
local input = chain("filter", "INPUT")
for i = 0, %d do
  local client = ("10.%%d.%%d.%%d"):format(i >> 16, i >> 8 & 255, i & 255)
  input:append {
    protocol = "tcp", source = client, destination_port = i == changed and 8444 or 8443,
    match = { { "conntrack", ctstate = "NEW" }, { "comment", comment = "client " .. i } },
    jump = "ACCEPT",
  }
end
]],
}

--- The text of a policy with `size` rules and a few more.
-- @param way "helper" (allow_inbound) or "append" (chain():append)
-- @param changed the number of the rule that differs; nil for none
function M.large(way, size, changed)
  return ("%slocal changed = %s\n"):format(opening, changed) .. loops[way]:format(size - 1)
end

--- The same rules for ferm(1).
function M.ferm(size)
  local lines = { [[
domain ip table filter {
  chain (FORWARD OUTPUT) policy DROP;
  chain INPUT {
    policy DROP;
    mod conntrack ctstate (RELATED ESTABLISHED) ACCEPT;
    interface lo ACCEPT;]] }
  for i = 0, size - 1 do
    lines[#lines + 1] = ('    proto tcp saddr 10.%d.%d.%d dport 8443 mod conntrack ctstate NEW'
      .. ' mod comment comment "client %d" ACCEPT;'):format(i >> 16, i >> 8 & 255, i & 255, i)
  end
  lines[#lines + 1] = "  }\n}\n"
  return table.concat(lines, "\n")
end

-- The address with this number.
local function client(i)
  return ("10.%d.%d.%d"):format(i >> 16, i >> 8 & 255, i & 255)
end

--- Rules as iptables-save prints them: of each kind its name, what it is called, and the rule with a number.
M.dumps = {
  { name = "clients", text = "clients of one port, with comments", rule = function(i)
    return ('-A INPUT -s %s/32 -p tcp -m tcp --dport 8443 -m conntrack --ctstate NEW -m comment --comment "client %d"'
      .. " -j ACCEPT"):format(client(i), i)
  end },
  { name = "ports", text = "a port for each client", rule = function(i)
    return ("-A INPUT -s %s/32 -p tcp -m tcp --dport %d -j ACCEPT"):format(client(i), 1000 + i % 60000)
  end },
  { name = "blocklist", text = "addresses to be dropped", rule = function(i)
    return ("-A INPUT -s %s/32 -j DROP"):format(client(7 * i))
  end },
  { name = "limits", text = "limits and logs in chains of their own", rule = function(i, size)
    return ('-A GUARD%d -s %s/32 -p udp -m udp --dport %d -m limit --limit 5/min -j LOG --log-prefix "client %d: "')
      :format(i * 50 // size, client(i), 1000 + i % 60000, i)
  end },
}

--- The text of iptables-save with `size` rules of a kind.
function M.dump(kind, size)
  local lines = { "*filter", ":INPUT DROP [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT DROP [0:0]" }
  for i = 0, kind.name == "limits" and 49 or -1 do
    lines[#lines + 1] = (":GUARD%d - [0:0]"):format(i)
  end
  for i = 0, size - 1 do
    lines[#lines + 1] = kind.rule(i, size)
  end
  lines[#lines + 1] = "COMMIT\n"
  return table.concat(lines, "\n")
end

--- As many addresses that do not lie beside each other.
function M.addresses(size)
  local list = {}
  for i = 1, size do
    list[i] = client(2 * i)
  end
  return list
end

--- A policy that blocks those of a file.
M.blocklist = opening .. 'block { addresses_from_file("blocklist.txt") }\n'

-- No conntrack, and no rule but those that are asked about.
local bare = 'chain("filter", "INPUT", { policy = "DROP" })\n'

--- Policies whose cost for a packet is compared: { name =, text =, policy = function(sender's address) }.
function M.packet_cases(size)
  return {
    { name = "none", text = "no rule: the chain's policy", policy = function()
      return bare
    end },
    { name = "first", text = "the first rule of the chain", policy = function(sender)
      return bare .. ("drop_inbound { from = %q }\n"):format(sender)
    end },
    { name = "set", text = ("a set of %d addresses"):format(size), policy = function()
      return bare .. 'drop_inbound { from = addresses_from_file("blocklist.txt") }\n'
    end },
    { name = "single", text = "1000 single rules", policy = function()
      local list = M.addresses(1000)
      return bare .. ('drop_inbound { from = addresses { as = "rules", "%s" } }\n'):format(table.concat(list, '", "'))
    end },
  }
end

return M
