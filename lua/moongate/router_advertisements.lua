-- SPDX-License-Identifier: GPL-2.0-or-later
--- `allow_router_advertisements`: what the router of an IPv6 network says to it.
--
-- `allow_icmp` lets a host find its routers; a router is found by this. Hosts ask
-- for it, it tells them of itself and of better ways, and asks who listens to
-- which multicast group. Conntrack leaves all of it UNTRACKED, as it does with
-- neighbour discovery, so no other rule takes it for a connection.
local interfaces = require "moongate.interfaces"
local rules = require "moongate.rules"
local schema = require "moongate.schema"
local stages = require "moongate.stages"

local M = {}

local helper = "allow_router_advertisements"
local options_schema = schema.helper(helper, { on = "interfaces", comment = "comment" },
  { required = { "on" }, example = { on = "lan0" } })

local function part(type_number, ...)
  return {
    args = { "-p", "ipv6-icmp", "-m", "icmp6", "--icmpv6-type", type_number, ... }, families = 2,
  }
end

-- A hop limit of 255 proves that the sender is on the link.
local asked = { part("133", "-m", "hl", "--hl-eq", "255") } -- router solicitation
local reported = { part "131", part "132", part "143" } -- MLD report, done, version 2 report
local said = { part "134", part "137", part "130" } -- router advertisement, redirect, MLD query

local link_local = { positive = true, inc = { {}, { "fe80::/10" } }, exc = { {}, {} }, all = { false, false } }

--- Offer `allow_router_advertisements` to policies.
-- Options: `on`, the interfaces to the networks that this host is the router of;
-- `comment`.
-- @param language table of names
-- @param session the evaluation under way
-- @usage allow_router_advertisements { on = "lan0" }
function M.install(language, session)
  language[helper] = function(...)
    local options = schema.take(session, helper, options_schema, ...)
    local on = interfaces.read_links(session, helper, "on", options.on)
    if interfaces.is_empty(on) then
      rules.note_empty(session, helper, "on")
      return
    end
    local function emit(chain, parts, rule)
      rule.table, rule.chain, rule.rank, rule.helper = "filter", chain, stages.rank.allow, helper
      rule.families, rule.parts, rule.comment, rule.target = 2, parts, options.comment, { "-j", "ACCEPT" }
      rules.emit(session, rule)
    end
    emit("INPUT", asked, { ins = on })
    emit("INPUT", reported, { ins = on, source = link_local })
    emit("OUTPUT", said, { outs = on })
  end
end

return M
