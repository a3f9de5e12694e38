-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A seeded generator of random rules and chains of table filter, in
-- iptables-restore's syntax. The same seed gives the same rules; nothing else
-- is random in the specs. What it makes is valid, so that the kernel is the
-- only judge of what becomes of it.

local M = {}

local generator = {}
generator.__index = generator

local function everything()
  return true
end

--- A generator for one family; features.takes() as `takes` tells what the kernel has.
function M.new(seed, family, takes)
  return setmetatable({ family = family, state = seed & 0xffffffff, takes = takes or everything }, generator)
end

-- splitmix32: small, and the same on every machine and Lua.
function generator:next()
  self.state = (self.state + 0x9e3779b9) & 0xffffffff
  local z = self.state
  z = ((z ~ (z >> 16)) * 0x21f0aaad) & 0xffffffff
  z = ((z ~ (z >> 15)) * 0x735a2d97) & 0xffffffff
  return z ~ (z >> 15)
end

--- An integer from low to high.
function generator:between(low, high)
  return low + self:next() % (high - low + 1)
end

function generator:pick(list)
  return list[self:between(1, #list)]
end

--- True in one of n cases.
function generator:one_in(n)
  return self:between(1, n) == 1
end

function generator:address()
  if self.family == "ipv4" then
    local length = self:pick { 8, 16, 24, 32 }
    local parts = { self:between(1, 223), 0, 0, 0 }
    for index = 2, length // 8 do
      parts[index] = self:between(0, 255)
    end
    return table.concat(parts, ".") .. "/" .. length
  end
  return self:pick {
    ("2001:db8:%x::/48"):format(self:between(1, 0xffff)),
    ("2001:db8::%x/128"):format(self:between(1, 0xffff)),
    ("fd00:%x::/32"):format(self:between(1, 0xffff)),
  }
end

-- Words that a comment or a prefix may hold; quoting is what they are for.
local odd_words = {
  "web", "a b", "it's", 'say "hi"', "back\\slash", "-j DROP", "--comment", "tab\there", "#no remark", "ümläut",
  "%s %n", "$HOME", "`id`", "*", "a,b;c", "=", "\\", '"', "'", "!", "[1:2]", ":INPUT", "COMMIT",
}

--- Quote for iptables-restore: double quotes, backslash before what is special in them.
function M.quote(text)
  return '"' .. text:gsub('[\\"]', "\\%0") .. '"'
end

function generator:odd_text(limit)
  local words = {}
  for index = 1, self:between(1, 3) do
    words[index] = self:pick(odd_words)
  end
  return M.quote(table.concat(words, " "):sub(1, limit):gsub("[\xc0-\xff][\x80-\xbf]*$", ""))
end

local function not_word(self)
  return self:one_in(5) and "! " or ""
end

local function port_range(self)
  local low = self:between(1, 60000)
  return self:one_in(3) and ("%d:%d"):format(low, low + self:between(1, 5000)) or tostring(low)
end

-- Protocol parts: text and what the protocol allows afterwards.
local protocols = {
  function(self)
    local text = "-p tcp -m tcp " .. not_word(self) .. "--dport " .. port_range(self)
    if self:one_in(3) then
      text = text .. " --tcp-flags "
        .. self:pick { "SYN,RST SYN", "FIN,SYN,RST,ACK SYN", "ALL NONE", "SYN,FIN SYN,FIN" }
    end
    return text, "tcp"
  end,
  function(self)
    local source, negation = port_range(self), not_word(self)
    return ("-p udp -m udp --sport %s %s--dport %s"):format(source, negation, port_range(self)), "udp"
  end,
  function(self)
    if self.family == "ipv4" then
      return "-p icmp -m icmp --icmp-type " .. self:pick { "0", "3/1", "8", "11/0" }, "icmp"
    end
    return "-p ipv6-icmp -m icmp6 --icmpv6-type " .. self:pick { "1", "128", "135", "3/0" }, "icmp"
  end,
  function(self)
    local ports = {}
    for index = 1, self:between(1, 4) do
      ports[index] = self:between(1, 65535)
    end
    local protocol = self:pick { "tcp", "udp" }
    return ("-p %s -m multiport %s--%s %s"):format(protocol, not_word(self), self:pick { "dports", "sports", "ports" },
      table.concat(ports, ",")), protocol
  end,
  function(self)
    return "-p " .. self:pick { "47", "50", "132", "tcp", "udp" }, "other"
  end,
}

-- Matches that need no protocol; `where` is the chain that they are for.
local match_names = {
  "conntrack", "comment", "limit", "mark", "mac", "pkttype", "addrtype", "iprange", "connlimit", "recent", "length",
}

-- One rule of each match that the kernel may lack, to ask it with.
local samples = {
  connlimit = "-p tcp -m connlimit --connlimit-above 3 -j ACCEPT",
  recent = "-m recent --set --name sample --rsource -j ACCEPT",
  pkttype = "-m pkttype --pkt-type unicast -j ACCEPT",
  addrtype = "-m addrtype --dst-type LOCAL -j ACCEPT",
  length = "-m length --length 1:2 -j ACCEPT",
  mark = "-m mark --mark 1 -j ACCEPT",
  mac = "-m mac --mac-source 02:00:00:00:00:01 -j ACCEPT",
}

local matches = {
  conntrack = function(self)
    return "-m conntrack " .. not_word(self) .. "--ctstate "
      .. self:pick { "NEW", "RELATED,ESTABLISHED", "INVALID", "NEW,UNTRACKED" }
  end,
  comment = function(self)
    return "-m comment --comment " .. self:odd_text(200)
  end,
  limit = function(self)
    return ("-m limit --limit %d/%s --limit-burst %d"):format(self:between(1, 50), self:pick { "sec", "min", "hour" },
      self:between(1, 30))
  end,
  mark = function(self)
    return ("-m mark %s--mark 0x%x/0x%x"):format(not_word(self), self:between(0, 255), self:between(255, 65535))
  end,
  mac = function(self, where)
    if where ~= "INPUT" and where ~= "FORWARD" then
      return nil
    end
    return ("-m mac %s--mac-source 02:00:00:00:%02x:%02x"):format(not_word(self), self:between(0, 255),
      self:between(0, 255))
  end,
  pkttype = function(self)
    return "-m pkttype " .. not_word(self) .. "--pkt-type " .. self:pick { "unicast", "broadcast", "multicast" }
  end,
  addrtype = function(self)
    return "-m addrtype " .. not_word(self) .. "--dst-type " .. self:pick { "LOCAL", "UNICAST", "MULTICAST" }
  end,
  iprange = function(self)
    if self.family == "ipv6" then
      return "-m iprange --src-range 2001:db8::1-2001:db8::" .. ("%x"):format(self:between(2, 0xffff))
    end
    return "-m iprange " .. not_word(self) .. "--dst-range 10.0.0.1-10.0.1." .. self:between(1, 254)
  end,
  connlimit = function(self, _, protocol)
    return protocol == "tcp" and "-m connlimit --connlimit-above " .. self:between(1, 50) or nil
  end,
  recent = function(self)
    return ("-m recent --%s --name spec%d %s"):format(self:pick { "set", "rcheck", "update --seconds 60" },
      self:between(1, 3), self:pick { "--rsource", "--rdest" })
  end,
  length = function(self)
    return ("-m length --length %d:%d"):format(self:between(1, 100), self:between(101, 1500))
  end,
}

-- A jump; `later` are the user chains that this chain may enter.
function generator:jump(protocol, later)
  local kind = self:between(1, 10)
  if kind <= 2 and #later > 0 then
    return (self:one_in(4) and "-g " or "-j ") .. self:pick(later)
  elseif kind <= 7 then
    return "-j " .. self:pick { "ACCEPT", "DROP", "RETURN" }
  elseif kind == 8 then
    return "-j LOG --log-prefix " .. self:odd_text(28) .. " --log-level " .. self:between(0, 7)
  elseif kind == 9 and protocol == "tcp" then
    return "-j REJECT --reject-with tcp-reset"
  elseif kind == 9 then
    return "-j REJECT"
  elseif self:one_in(2) then
    return ("-j MARK --set-xmark 0x%x/0xffff"):format(self:between(0, 255))
  end
  return nil
end

--- A random rule for chain `where`, without "-A CHAIN".
function generator:rule(where, later)
  local words, protocol = {}, nil
  if self:one_in(3) then
    words[1] = not_word(self) .. "-s " .. self:address()
  end
  if self:one_in(5) then
    words[#words + 1] = not_word(self) .. "-d " .. self:address()
  end
  if where == "INPUT" and self:one_in(5) then
    words[#words + 1] = not_word(self) .. "-i " .. self:pick { "lan0", "wan+", "lo" }
  end
  if self:one_in(2) then
    words[#words + 1], protocol = self:pick(protocols)(self)
  end
  for _ = 1, self:between(0, 2) do
    local name = self:pick(match_names)
    local match = matches[name](self, where, protocol)
    if match and (not samples[name] or self.takes(self.family, samples[name])) then
      words[#words + 1] = match
    end
  end
  words[#words + 1] = self:jump(protocol, later)
  return table.concat(words, " ")
end

local built_in = { "INPUT", "FORWARD", "OUTPUT" }

local function later_than(names, index)
  return table.move(names, index + 1, #names, 1, {})
end

--- A random table: { policies = {chain = word}, order = {chain, ...}, rules = {chain = {rule, ...}} }.
-- @param unique no rule stands twice in a chain
function generator:table(unique)
  local made = { policies = {}, order = {}, rules = {} }
  local user = {}
  for index = 1, self:between(0, 3) do
    user[index] = "USER" .. index
  end
  for index, name in ipairs { "INPUT", "FORWARD", "OUTPUT", table.unpack(user) } do
    made.order[index] = name
    local later = index <= #built_in and user or later_than(user, index - #built_in)
    local rules, seen = {}, {}
    for _ = 1, self:between(0, 8) do
      local rule = self:rule(name, later)
      if not unique or not seen[rule] then
        rules[#rules + 1] = rule
        seen[rule] = true
      end
    end
    made.rules[name] = rules
  end
  for _, name in ipairs(built_in) do
    made.policies[name] = self:pick { "ACCEPT", "ACCEPT", "DROP" }
  end
  return made
end

--- Another table that has come from `old` by insertions, removals and perhaps moves.
function generator:edited(old, moves)
  local made = { policies = {}, order = table.move(old.order, 1, #old.order, 1, {}), rules = {} }
  for name, policy in pairs(old.policies) do
    made.policies[name] = policy
  end
  made.policies[self:pick(built_in)] = self:pick { "ACCEPT", "DROP" }
  for index, name in ipairs(old.order) do
    local rules = table.move(old.rules[name], 1, #old.rules[name], 1, {})
    for _ = 1, self:between(0, 3) do
      if #rules > 0 and self:one_in(2) then
        table.remove(rules, self:between(1, #rules))
      else
        local later = index <= #built_in and later_than(old.order, #built_in) or later_than(old.order, index)
        table.insert(rules, self:between(1, #rules + 1), self:rule(name, later))
      end
    end
    if moves and #rules > 1 and self:one_in(2) then
      table.insert(rules, self:between(1, #rules), table.remove(rules, self:between(1, #rules)))
    end
    made.rules[name] = rules
  end
  return made
end

--- As text for iptables-restore.
function M.restore_text(made)
  local lines = { "*filter" }
  for _, name in ipairs(made.order) do
    lines[#lines + 1] = (":%s %s [0:0]"):format(name, made.policies[name] or "-")
  end
  for _, name in ipairs(made.order) do
    for _, rule in ipairs(made.rules[name]) do
      lines[#lines + 1] = "-A " .. name .. " " .. rule
    end
  end
  lines[#lines + 1] = "COMMIT\n"
  return table.concat(lines, "\n")
end

--- As a policy of primitives.
function M.policy_text(made, family)
  local lines = {}
  for index, name in ipairs(made.order) do
    local policy = made.policies[name]
    lines[#lines + 1] = ("local c%d = chain(%q, %q, { family = %q%s })"):format(index, "filter", name, family,
      policy and (", policy = %q"):format(policy) or "")
  end
  for index, name in ipairs(made.order) do
    for _, rule in ipairs(made.rules[name]) do
      -- A rule of no words is written as a table; a string that is empty is refused.
      lines[#lines + 1] = ("c%d:append(%s)"):format(index, rule == "" and "{}" or ("%q"):format(rule))
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

return M
