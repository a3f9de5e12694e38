-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Nonsense in the flags of TCP, for the specs: the patterns that the policy
-- language drops, and a check that each is counted at its own rule.

local assert = require "luassert"
local packets = require "spec.support.packets"
local tables = require "spec.support.tables"

local M = {}

-- Each pattern as iptables-save writes it, and a segment that it must catch.
-- The segments are as small as their pattern allows, so that the general
-- patterns do not catch what an exact one is there for.
local patterns = {
  { mask = "FIN,ACK", set = "FIN", segment = "F" },
  { mask = "PSH,ACK", set = "PSH", segment = "P" },
  { mask = "ACK,URG", set = "URG", segment = "U" },
  { mask = "FIN,RST", set = "FIN,RST", segment = "FRA" },
  { mask = "FIN,SYN", set = "FIN,SYN", segment = "SFA" },
  { mask = "SYN,RST", set = "SYN,RST", segment = "SRA" },
  { mask = "FIN,SYN,RST,PSH,ACK,URG", set = "FIN,SYN,RST,PSH,ACK,URG", segment = "FSRPAU" },
  { mask = "FIN,SYN,RST,PSH,ACK,URG", set = "NONE", segment = "-" },
  { mask = "FIN,SYN,RST,PSH,ACK,URG", set = "FIN,PSH,URG", segment = "FPU" },
  { mask = "FIN,SYN,RST,PSH,ACK,URG", set = "FIN,SYN,PSH,URG", segment = "FSPU" },
  { mask = "FIN,SYN,RST,PSH,ACK,URG", set = "FIN,SYN,RST,ACK,URG", segment = "FSRAU" },
}

--- Send each pattern a number of times of its own from one namespace to an
-- address, and find that number in the chain BAD_TCP_FLAGS of another.
function M.check(from, server, family, address)
  local before = tables.filter(server, family).BAD_TCP_FLAGS
  local orders = {}
  for count, pattern in ipairs(patterns) do
    orders[count] = ("%s=%d"):format(pattern.segment, count)
  end
  packets.segments(from, address, 22, orders)
  local after = tables.filter(server, family).BAD_TCP_FLAGS
  assert.truthy(before and after, family .. " has no chain BAD_TCP_FLAGS")
  for count, pattern in ipairs(patterns) do
    local words = ("--tcp-flags %s %s "):format(pattern.mask, pattern.set)
    local rule, at = tables.find(after, words)
    assert.truthy(rule, family .. ": no rule with " .. words)
    assert.equal(count, rule.packets - before[at].packets, family .. ": " .. rule.text)
  end
end

return M
