-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A seeded generator of calls as policies make them in long loops, and of
-- calls that are nearly like those: of the verbs, of the helpers of single
-- services, and of `append`. Values are Lua source text.

local generator = require "spec.support.generator"

local M = {}

-- What is as plain as it can be, and what is so nearly.
local addresses = {
  plain = { '"10.0.0.1"', '"10.0.0.0/8"', '"192.0.2.7/32"', '"2001:db8::1"', '"2001:db8::/32"', '"198.51.100.0/24"' },
  odd = {
    '"10.0.0.1/8"', '"0.0.0.0/0"', '"::/0"', '"0.0.0.0"', '"::"', '"2001:DB8:0:0::1"', '"2001:db8::1/32"',
    '"::ffff:192.0.2.1"', '"fe80::1%eth0"', '"10.0.0"', '"010.0.0.1"', '"10.0.0.0/255.255.0.0"',
    '"10.0.0.1/255.0.0.0"',
    '"10.0.0.0/255.0.255.0"', '"10.0.0.0/0.0.0.255"', '"10.0.0.0/33"', '"2001:db8::/129"', '"10.0.0.0/"',
    '"10.0.0.0/08"',
    '"10.0.0.0/+8"', '"10.0.0.0/ 8"', '"10.0.0.0/-1"', '"10.0.0.0/24x"', '" 10.0.0.1"', '"10.0.0.1 "',
    '"example.org"',
    '""', '"10.0.0.1\\0"', '"10.0.0.1\\0.evil"', '"10.0.0.1\\n"', '"10.0.0.1,10.0.0.2"', '"!10.0.0.1"',
    '"10.0.0.1-10.0.0.9"', '"any"', '("1"):rep(2000)', '{ "10.0.0.1" }', '{ "10.0.0.1", "2001:db8::1" }', '{}',
    '{ {} }',
    '{ "10.0.0.1", nil, "10.0.0.2" }', 'except "10.0.0.1"', 'except { "10.0.0.1", "2001:db8::1" }', 'except {}',
    'addresses { "10.1.0.0/16", "2001:db8:1::/48" }', 'addresses {}', 'true', 'false', '42', '10.5', 'print',
    'setmetatable({ "10.0.0.1" }, {})', "lan", "nowhere", "{ lan }", "except(lan)",
  },
}

local ports = {
  plain = { "22", "80", "443", "8443", "1", "65535" },
  odd = {
    "0", "-1", "65536", "22.0", "22.5", "1e3", "0x16", "2^53", "1e300", "-0.0", "0/0", "1/0", "math.maxinteger",
    "math.mininteger", "4294967318", '"22"', '"022"', '" 22 "', '"22.0"', '"0x16"', '"ssh"', '"dns"', '"nosuch"',
    '"20-30"',
    '"30-20"', '"20:30"', '"22-22"', '""', '"22\\0"', "{ 22 }", "{ 22, 80 }", '{ 22, "8000-8010" }', "{}",
    "except(22)",
    "except { 22, 80 }", "true", "false", "print",
  },
}

local comments = {
  plain = { '"web"', '"a b"', '"it\'s"', '("x"):rep(255)', '"ümläut"', '"-j DROP"', '"--comment"', '"100%"', '"!"' },
  odd = {
    '("x"):rep(256)', '("x"):rep(5000)', '""', '"a\\nb"', '"\\127"', '"\\0"', '"a\\0b"', '"\\t"', '"\\27[1m"',
    '"\\255\\254"',
    "false", "true", "5", "5.5", '{ "x" }', "{}", "print", 'setmetatable({}, {})',
  },
}

-- Options of the verbs beyond the plain ones.
local verb_options = {
  { "to", addresses }, { "to", addresses }, { "udp", ports }, { "sctp", ports }, { "source_ports", ports },
  { "on", { plain = { '"eth0"' }, odd = { '"eth+"', '""', 'except "eth0"', '{ "a", "b" }', "{}", "5", "lan" } } },
  { "out", { plain = { '"eth1"' }, odd = { "true", "{}" } } },
  { "state", { plain = { '"NEW"', '"any"', '"ESTABLISHED"', '"DNAT"' },
    odd = { '"ANY"', '"new"', '{ "NEW", "RELATED" }', '""', "{}", "false" } } },
  { "stage", { plain = { '"allow"' }, odd = { '"first"', '"last"', '"frist"', "1" } } },
  { "service", { plain = { '"ssh"' }, odd = { '"dns"', '"shh"', '{ "ssh", "dns" }', "{}", "22" } } },
  { "protocol", { plain = { '"tcp"' }, odd = { '"gre"', '"all"', "6", '{ "tcp", "udp" }', '"tpc"' } } },
  { "family", { plain = { '"ipv4"' }, odd = { '"ipv9"' } } },
  { "log", { plain = { "true" }, odd = { '"x: "', "5" } } },
  { "limit", { plain = { '"5/minute"' }, odd = { '"many"', "5" } } },
  { "form", { plain = { '"10.0.0.1"' }, odd = { "1" } } },
  { "[1]", { plain = { '"ssh"' }, odd = { '"shh"', "22", "{}" } } },
  { "[2]", { plain = { '"ssh"' }, odd = { "5" } } },
  { "[1.5]", { plain = { "1" }, odd = { "{}" } } },
  { "[true]", { plain = { "1" }, odd = { "{}" } } },
}

local matches = {
  plain = {
    '{ { "conntrack", ctstate = "NEW" } }', '{ { "limit", limit = "5/minute" } }', '{ { "mark", mark = 5 } }', "{}",
    '{ { "conntrack", ctstate = "NEW" }, { "limit", limit = "5/minute" } }', '{ { "addrtype" } }',
    '{ { "conntrack", ctstate = "NEW,RELATED" } }', '{ { "comment", comment = "a b" } }',
  },
  odd = {
    '{ "conntrack" }', '{ "conntrack", ctstate = "NEW" }', '{ { "conntrack", ctstate = { "NEW", "RELATED" } } }',
    '{ { "conntrack", ctstate = except "NEW" } }', '{ { "conntrack", ctstate = "" } }',
    '{ { "conntrack", ctstate = "\\0" } }',
    '{ { "conntrack", ctstate = "a\\nb" } }', '{ { "conntrack", ctstate = true } }',
    '{ { "conntrack", ctstate = false } }',
    '{ { "conntrack", ctstate = {} } }', '{ { "conntrack", ["ct state"] = "NEW" } }',
    '{ { "conntrack", [2] = "x" } }',
    '{ { ctstate = "NEW" } }', '{ { [2] = "conntrack" } }', '{ {} }', '{ nil, { "addrtype" } }',
    '{ { "addrtype" }, nil, 5 }',
    '{ [1.5] = { "addrtype" } }', '{ { "limit", limit = "5/minute", limit_burst = 7 } }',
    '{ { "limit", limit_burst = 7.0 } }',
    '{ { "limit", limit_burst = -7 } }', '{ { "limit", limit_burst = 7.5 } }', '{ { "limit", limit_burst = 2^62 } }',
    '{ { "limit", limit_burst = math.mininteger } }', '{ { "limit", limit_burst = 0/0 } }',
    '{ { "limit", ["limit-burst"] = 7 } }', '{ { "ttl", ttl_eq = 5 } }', '{ { "hl", hl_eq = 5 } }',
    '{ { "icmp6", icmpv6_type = 5 } }', '{ { "tcp", tcp_flags = { "SYN,ACK", "SYN" } } }',
    '{ { "tcp", tcp_flags = "SYN" } }',
    '{ { "conntrack", ctorigsrc = "10.0.0.1" } }', '{ { "conntrack", ctorigsrc = "2001:db8::1" } }',
    '{ { "string", algo = "bm", string = ("x"):rep(1024) } }', '{ { "string", string = ("x"):rep(1025) } }',
    '{ { "string", string = "-j" } }', '{ { "string", string = "" } }', '{ { "no such" } }', '{ { 5 } }',
    '{ { "" } }',
    '{ { "addrtype" }, { "addrtype" }, { "addrtype" }, { "addrtype" }, { "addrtype" }, { "addrtype" } }',
    '(function() local t = {} for i = 1, 40 do t[i] = { "addrtype" } end return t end)()',
    '{ setmetatable({ "addrtype" }, {}) }', 'setmetatable({ { "addrtype" } }, {})', '{ except "x" }', "true",
    '"conntrack"', "5",
  },
}

local jumps = {
  plain = { '"ACCEPT"', '"DROP"', '"RETURN"', '"NFQUEUE"', '"OWN"' },
  odd = {
    '"REJECT"', '"TTL"', '"HL"', '{ "LOG", log_prefix = "x: " }', '{ "ACCEPT" }',
    '{ "REJECT", reject_with = "tcp-reset" }',
    '{ "MARK", set_mark = 5 }', 'own', 'other', '""', '"ACCEPT\\0"', '"ACCEPT "', '"-j"', "{}", "5", "true", "false",
  },
}

local append_options = {
  { "source_port", ports }, { "go_to", { plain = { "own" }, odd = { '"OWN"', '"NONE"', "{}", "5" } } },
  { "in_interface", { plain = { '"eth0"' }, odd = { 'except "eth0"', '{ "a", "b" }', '""' } } },
  { "out_interface", { plain = { '"eth0"' }, odd = { "{}" } } },
  { "fragment", { plain = { "true" }, odd = { "false", "1" } } },
  { "stage", { plain = { '"allow"' }, odd = { '"first"', '"frist"' } } },
  { "family", { plain = { '"ipv4"', '"ipv6"' }, odd = { '"both"', '"v4"' } } },
  { "[1]", { plain = { '"ACCEPT"' }, odd = { "{}" } } },
  { "protokol", { plain = { '"tcp"' }, odd = { "1" } } },
}

local protocols = {
  plain = { '"tcp"', '"udp"' },
  odd = { '"TCP"', '"icmp"', '"icmpv6"', '"sctp"', '"all"', "6", "6.0", '"6"', '"tpc"', '"tcp\\0"', '""',
  'except "tcp"',
          '{ "tcp" }', '{ "tcp", "udp" }', "true" },
}

local verbs = { "allow", "drop", "reject" }
local directions = { "inbound", "outbound", "forward" }
local services = { "ssh", "https", "ntp", "dns", "game", "game6", "custom" }

-- Rules in iptables' syntax, and what their parts may be: plain or odd.
local rule_texts = {
  "-s A -p tcp -m tcp --dport P -j ACCEPT", "-s A -d A -p udp -m udp --sport P -m comment --comment C -j DROP",
  "-d A -m limit --limit 5/min -j LOG --log-prefix C", "-p P -m multiport --dports P,P -j ACCEPT",
  "-m comment --comment C -s A -j RETURN", "! -s A -p icmp -j DROP", "-s A -j OWN", "-s A -g OWN", "-4 -s A -j DROP",
  "-m owner --uid-owner P -j ACCEPT", "--source A -p tcp --dport P -j ACCEPT", "-m string --algo bm --string C -j DROP",
  "-m ttl --ttl-eq P -j DROP", "-p ipv6-icmp -m icmp6 --icmpv6-type P -j ACCEPT", "--protocol P -s A -j ACCEPT",
  "-p tcp -s A,A -j ACCEPT", "-t nat -s A -j ACCEPT", "-m mark --mark P C", "-j REJECT --reject-with C -s A",
  "-p tcp -j DNAT --to-destination D", "-m conntrack --ctorigdst D -j ACCEPT",
}
local rule_text_values = {
  A = { plain = { "10.0.0.1", "10.0.0.0/8", "192.0.2.7/32", "2001:db8::1", "198.51.100.0/24" },
    odd = { "10.0.0.1/8", "0.0.0.0/0", "::/0", "10.2/16", "10.0.0.0/255.255.0.0", "x", "-j", "10.0.0.1,10.0.0.2" } },
  P = { plain = { "22", "80", "6", "51", "58", "1", "1000:2000" }, odd = { "-6", "!", "tcp", "icmp", "022", "-s" } },
  C = { plain = { "web", "x:y", "'it'", '\\"a b\\"', "tcp-reset", "10.0.0.1" },
    odd = { "-s", "-s=10.0.0.1", "!", "-j", "--comment", "\\t", "-4", '\\"', "-g", '\\"\\"', "\\n", "\\0" } },
  D = { plain = { "10.0.0.1", "2001:470::10", ":8080", "10.0.0.1:80", "1::" },
    odd = { "8080", "1:2:3:4:5:6:7:8", "::" } },
}

-- What a policy begins with: chains and services for the calls.
local preamble = [[
service("game", { tcp = 25565, comment = "a game" })
service("game6", { udp = 25566, family = "ipv6" })
service("custom", { udp = 9, source_ports = 9 })
local built_in = chain("filter", "INPUT")
local own, other = chain("filter", "OWN"), chain("filter", "OTHER", { family = "ipv6" })
local mangle = chain("mangle", "PREROUTING", { family = "ipv4" })
local chains = { built_in, own, other, mangle }
local lan = zone { interfaces = "lan0", networks = { "10.0.0.0/8", "2001:db8::/32" } }
local nowhere = zone { networks = {} }
]]

local calls = {}
calls.__index = calls

--- A generator of policies.
function M.new(seed)
  return setmetatable({ random = generator.new(seed, "ipv4") }, calls)
end

function calls:value(values)
  return self.random:pick(self.random:one_in(4) and values.odd or values.plain)
end

-- An options table from { name, value } pairs, in any order.
local function write_table(self, parts)
  local texts = {}
  while #parts > 0 do
    local name, value = table.unpack(table.remove(parts, self.random:between(1, #parts)))
    texts[#texts + 1] = ("%s = %s"):format(name, value)
  end
  local text = "{ " .. table.concat(texts, ", ") .. " }"
  return self.random:one_in(30) and ("setmetatable(%s, {})"):format(text) or text
end

-- The arguments of a call: one table nearly always.
local function arguments(self, text)
  if not self.random:one_in(15) then
    return "(" .. text .. ")"
  end
  return self.random:pick { "()", "(nil)", '("ssh")', "(5)", "(true)", '("10.0.0.1")', "(" .. text .. ", nil)",
    "(" .. text .. ", 1)", "(" .. text .. ", {})", "(nil, " .. text .. ")" }
end

-- Some of the options beyond the plain ones, rarely.
local function add_more(self, parts, options)
  if self.random:one_in(5) then
    for _ = 1, self.random:between(1, 2) do
      local name, values = table.unpack(self.random:pick(options))
      parts[#parts + 1] = { name, self:value(values) }
    end
  end
end

function calls:verb()
  local random = self.random
  local name = random:pick(verbs) .. "_" .. random:pick(directions)
  local parts = {}
  if not random:one_in(10) then
    parts[1] = { "from", self:value(addresses) }
  end
  if random:one_in(4) then
    name = name .. "_" .. random:pick(services)
  elseif not random:one_in(10) then
    parts[#parts + 1] = { random:pick { "tcp", "udp" }, self:value(ports) }
  end
  if random:one_in(2) then
    parts[#parts + 1] = { "comment", self:value(comments) }
  end
  add_more(self, parts, verb_options)
  return name .. arguments(self, write_table(self, parts))
end

function calls:append()
  local random = self.random
  local object = random:pick { "built_in", "built_in", "own", "other", "mangle", "chains[1]" }
  local parts = {}
  for _, option in ipairs {
    { "source", addresses, 3 }, { "destination", addresses, 6 }, { "protocol", protocols, 2 },
    { "destination_port", ports, 3 }, { "match", matches, 2 }, { "comment", comments, 3 },
  } do
    if random:one_in(option[3]) then
      parts[#parts + 1] = { option[1], self:value(option[2]) }
    end
  end
  if not random:one_in(20) then
    parts[#parts + 1] = { "jump", self:value(jumps) }
  end
  add_more(self, parts, append_options)
  local text = write_table(self, parts)
  if random:one_in(25) then
    return random:pick { ("%s.append(own, %s)"):format(object, text), ("%s.append(%s)"):format(object, text),
      ("%s.append({}, %s)"):format(object, text), ('%s:append "-p tcp --dport 22 -j ACCEPT"'):format(object),
      ("%s:append(%s):append(%s)"):format(object, text, text) }
  end
  return object .. ":append" .. arguments(self, text)
end

function calls:append_text()
  local random = self.random
  self.rule_text = not random:one_in(3) and self.rule_text or random:pick(rule_texts)
  local text = self.rule_text:gsub("%f[%u][ACDP]%f[%U]", function(name)
    local values = rule_text_values[name]
    return random:pick(random:one_in(6) and values.odd or values.plain)
  end)
  return ('%s:append "%s"'):format(random:pick { "built_in", "own", "own", "other", "mangle" }, text)
end

--- One policy: a few calls on lines of their own. Most go on after an error,
-- and say what it was; some end with it.
function calls:policy()
  local random = self.random
  local lines = { preamble }
  for _ = 1, random:between(1, 8) do
    local call = random:one_in(3) and self:append_text() or random:one_in(2) and self:append() or self:verb()
    if random:one_in(12) then
      lines[#lines + 1] = call
    elseif random:one_in(12) then
      lines[#lines + 1] = ("print(pcall(function() return %s end))"):format(call) -- a tail call
    else
      lines[#lines + 1] = ("print(pcall(function() %s end))"):format(call)
    end
    -- the same again: what was remembered of it must not change anything
    if random:one_in(3) then
      lines[#lines + 1] = lines[#lines]
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

return M
