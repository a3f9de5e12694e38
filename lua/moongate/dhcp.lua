-- SPDX-License-Identifier: GPL-2.0-or-later
--- A DHCP client on this host.
local interfaces = require "moongate.interfaces"
local rules = require "moongate.rules"
local schema = require "moongate.schema"
local stages = require "moongate.stages"

local M = {}

local helper = "allow_dhcp_client"
local options_schema = schema.helper(helper, { on = "interfaces", family = "family", comment = "comment" })

local request = {
  { args = { "-p", "udp", "-m", "udp", "--sport", "68", "--dport", "67" }, families = 1, comment = "DHCP" },
  { args = { "-p", "udp", "-m", "udp", "--sport", "546", "--dport", "547" }, families = 2, comment = "DHCPv6" },
}

-- DHCPv6 asks a multicast group, so conntrack takes the answer for a stranger.
-- The answer to DHCP over IPv4 reaches the client's packet socket unfiltered,
-- and a renewal's is ESTABLISHED.
local answer = {
  { args = { "-p", "udp", "-m", "udp", "--sport", "547", "--dport", "546" }, families = 2, comment = "DHCPv6" },
}

local link_local = { positive = true, inc = { {}, { "fe80::/10" } }, exc = { {}, {} }, all = { false, false } }

--- Offer `allow_dhcp_client` to policies.
-- Options: `on` (interfaces; all without it), `family`, `comment`.
-- @param language table of names
-- @param session the evaluation under way
-- @usage allow_dhcp_client { on = "eth0" }
function M.install(language, session)
  language.allow_dhcp_client = function(...)
    local options = schema.take(session, helper, options_schema, ...)
    local on = options.on ~= nil and interfaces.read_links(session, helper, "on", options.on)
    local families = schema.families[options.family or "both"]
    if on and interfaces.is_empty(on) then
      rules.note_empty(session, helper, "on")
      return
    end
    local function emit(chain, parts, rule)
      rule.table, rule.chain, rule.rank, rule.helper = "filter", chain, stages.rank.allow, helper
      rule.families, rule.parts, rule.state = families, parts, "NEW"
      rule.comment, rule.target = options.comment, { "-j", "ACCEPT" }
      rules.emit(session, rule)
    end
    emit("OUTPUT", request, { outs = on })
    if families & 2 ~= 0 then
      emit("INPUT", answer, { ins = on, source = link_local })
    end
  end
end

return M
