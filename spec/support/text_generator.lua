-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A seeded generator of rules over all extensions and all tables: base options,
-- a form of one extension, and up to two matches more. What it makes need not
-- be valid: iptables is the judge.

local extensions = require "spec.support.extensions"

local M = {}

local generator = {}
generator.__index = generator

--- A generator for one family. The same seed gives the same rules.
function M.new(seed, family)
  return setmetatable({ family = family, state = seed & 0xffffffff }, generator)
end

-- splitmix32: small, and the same on every machine and Lua.
function generator:between(low, high)
  self.state = (self.state + 0x9e3779b9) & 0xffffffff
  local z = self.state
  z = ((z ~ (z >> 16)) * 0x21f0aaad) & 0xffffffff
  z = ((z ~ (z >> 15)) * 0x735a2d97) & 0xffffffff
  return low + (z ~ (z >> 15)) % (high - low + 1)
end

function generator:pick(list)
  return list[self:between(1, #list)]
end

function generator:one_in(n)
  return self:between(1, n) == 1
end

function generator:fill(text)
  return extensions.fill(text, self.family, function(low, high)
    return self:between(low, high)
  end)
end

-- What goes with any extension: it asks for no protocol, no place and no object.
local function companions(family)
  local list = {}
  for _, entry in ipairs(extensions.matches) do
    local asks = entry.p or entry.needs or entry.hooks or entry.table ~= "filter" or entry.chain ~= "INPUT"
    if not asks and #entry.forms[family] > 0 then
      list[#list + 1] = entry
    end
  end
  return list
end

local with_source = { "-s {net}", "! -s {net}", "-s {ip}", "--source {net}", "-d {net}", "! --dst {ip}" }
local with_ipv4_mask = { "-s 10.{1-9}.0.0/255.255.0.0", "-s 10.0.0.{1-9}/255.0.255.255", "! -d 10.{1-9}/16", "-s 0/0" }
local with_ipv6_mask = { "-s ::/0", "! -d 2001:db8::{1-9}/ffff:ffff::", "-s 2001:db8::{1-9}/33",
  "-d ::ffff:10.0.0.{1-9}" }
local no_out = { INPUT = true, PREROUTING = true }
local no_in = { OUTPUT = true, POSTROUTING = true }

-- Addresses, interfaces and the protocol, each of them or not.
function generator:base(entry)
  local words = {}
  if self:one_in(3) then
    local special = self.family == "ipv4" and with_ipv4_mask or with_ipv6_mask
    words[#words + 1] = self:fill(self:pick(self:one_in(3) and special or with_source))
  end
  if self:one_in(4) and not no_in[entry.chain] then
    words[#words + 1] = self:pick { "-i lan0", "! -i wan+", "-i lo", "-i +", "--in-interface a-name.15chars" }
  end
  if self:one_in(4) and not no_out[entry.chain] then
    words[#words + 1] = self:pick { "-o lan0", "! -o wan+", "--out-interface eth0.12" }
  end
  if self.family == "ipv4" and not entry.p and self:one_in(9) then
    words[#words + 1] = self:pick { "-f", "! -f" }
  elseif entry.p then
    words[#words + 1] = "-p " .. entry.p
  elseif self:one_in(4) then
    words[#words + 1] = self:pick { "-p tcp", "! -p udp", "-p 47", "-p 253", "-p all", "-p SCTP", "--protocol 132" }
  end
  return words
end

--- A rule that uses `entry` in the form given; user chain USER may be jumped to.
-- @return { family, table, chain, text, chains }, as netfilter.compile() takes it, and
--   `needs`: what the kernel must have to take it
function generator:rule(entry, form)
  local words = self:base(entry)
  local own = self:fill(extensions.words(entry, form))
  if entry.kind == "match" then
    words[#words + 1] = own
  end
  self.companions = self.companions or companions(self.family)
  for _ = 1, math.max(0, self:between(-1, 2)) do
    local other = self:pick(self.companions)
    words[#words + 1] = self:fill(extensions.words(other, self:pick(other.forms[self.family])))
  end
  if entry.kind == "target" then
    words[#words + 1] = own
  else
    words[#words + 1] = self:pick { "-j ACCEPT", "-j RETURN", "--jump USER", "-g USER", "-j LOG", "" }
  end
  return { self.family, entry.table, entry.chain, table.concat(words, " "), { "USER" }, needs = entry.needs }
end

--- Rules with every form of every extension, and `more` ones picked by chance.
function generator:rules(more)
  local all, made = {}, {}
  for _, list in ipairs { extensions.matches, extensions.targets } do
    for _, entry in ipairs(list) do
      for _, form in ipairs(entry.forms[self.family]) do
        all[#all + 1] = { entry, form }
        made[#made + 1] = self:rule(entry, form)
      end
    end
  end
  for _ = 1, more do
    made[#made + 1] = self:rule(table.unpack(self:pick(all)))
  end
  return made
end

return M
