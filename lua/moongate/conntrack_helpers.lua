-- SPDX-License-Identifier: GPL-2.0-or-later
--- Services that open second connections: who tells conntrack of them.
--
-- FTP, SIP and some others agree in one connection on the ports of the next.
-- A helper in the kernel reads along, so that those are RELATED, and
-- `allow_established` lets them through. The kernel gives a connection no helper
-- by itself any more: a rule in `raw` has to say so, before conntrack sees the
-- first packet. It says it of what an accept lets in, and of nothing else: a
-- helper believes what it reads.
local lists = require "moongate.lists"
local nearest = require "moongate.nearest"
local order = require "moongate.order"
local rules = require "moongate.rules"
local stages = require "moongate.stages"

local M = {}

-- Helper -> the protocols that it reads, its families, and the directions in
-- which it has something to do, if not all: a server of IRC only passes on what
-- its clients agree on, and who asks by broadcast is who waits for answers.
local helpers = {
  amanda = { udp = true, families = 3 },
  ftp = { tcp = true, families = 3 },
  irc = { tcp = true, families = 1, outbound = true, forward = true },
  ["netbios-ns"] = { udp = true, families = 1, outbound = true },
  pptp = { tcp = true, families = 1 },
  ["Q.931"] = { tcp = true, families = 3 },
  RAS = { udp = true, families = 3 },
  sane = { tcp = true, families = 3 },
  sip = { tcp = true, udp = true, families = 3 },
  snmp = { udp = true, families = 1, outbound = true },
  tftp = { udp = true, families = 3 },
}

--- What is wrong with the helper that a service names.
-- @param entry the service, as in moongate.services
-- @return text, or nil if all is well
function M.mistake(entry)
  local name = entry.helper
  local helper = helpers[name]
  if not helper then
    local names = order.keys(helpers)
    return ("the kernel has no conntrack helper %q%s (one of %s)"):format(name, nearest.suggestion(name, names),
      table.concat(names, ", "))
  elseif not (helper.tcp and entry.tcp or helper.udp and entry.udp) then
    return ("%q reads %s, of which the service has no port"):format(name, helper.tcp and "TCP" or "UDP")
  end
end

--- The families in which a helper has something to do.
-- @param name the helper's name
-- @param protocol "tcp", "udp" or "sctp"
-- @param direction "inbound", "outbound" or "forward"
-- @return 0 to 3
function M.families(name, protocol, direction)
  local helper = helpers[name]
  local is_everywhere = not (helper.outbound or helper.forward)
  return helper[protocol] and (is_everywhere or helper[direction]) and helper.families or 0
end

--- The jump that gives a connection its helper.
-- @param name the helper's name
-- @param protocol the protocol of the rule, which the kernel wants to read beside it
-- @return arguments
function M.target(name, protocol)
  return { "-j", "CT", "--helper", name, protocol = protocol }
end

-- A request for the parts of one helper and one protocol, where anything of it
-- can match.
local function emit(session, request, name, protocol, parts)
  local from, to = rules.families(session, request)
  local families = 0
  for _, part in ipairs(parts) do
    families = families | part.families
  end
  if from & to & families & request.families ~= 0 then
    request.parts, request.target = parts, M.target(name, protocol)
    rules.emit(session, request)
  end
end

--- Append the rules of `raw` for what an accept lets through. Where a forwarded
-- packet goes is not asked: its destination may still be translated.
-- @param session the evaluation under way
-- @param rule the request of the accept, see moongate.rules; not changed
-- @param direction "inbound", "outbound" or "forward"
function M.assign(session, rule, direction)
  local wanted = {}
  for _, part in ipairs(rule.parts) do
    local name, protocol = part.conntrack_helper, part.args[2]
    local families = name and M.families(name, protocol, direction) or 0
    if families & part.families ~= 0 then
      local key = name .. " " .. protocol
      wanted[key] = wanted[key] or { name = name, protocol = protocol }
      table.insert(wanted[key], { args = part.args, families = families & part.families, comment = part.comment })
    end
  end
  for _, key in ipairs(order.keys(wanted)) do
    local request = lists.merged(rule, {
      table = "raw", chain = direction == "outbound" and "OUTPUT" or "PREROUTING", rank = stages.rank.script,
      state = false, destination = direction ~= "forward" and rule.destination,
      outs = direction == "outbound" and rule.outs,
    })
    request.ending = nil
    emit(session, request, wanted[key].name, wanted[key].protocol, wanted[key])
  end
end

return M
