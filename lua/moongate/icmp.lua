-- SPDX-License-Identifier: GPL-2.0-or-later
--- ICMP: what each family needs to work, and ping.
--
-- IPv6 follows RFC 4890 section 4.4. Errors carry no state: they are RELATED
-- or, if they belong to no connection, INVALID, and `drop_invalid` has had
-- those. Neighbour discovery and MLD carry none because conntrack leaves them
-- UNTRACKED, never NEW. `from=` limits who may ping and nothing else.
local addresses = require "moongate.addresses"
local rules = require "moongate.rules"
local schema = require "moongate.schema"
local stages = require "moongate.stages"

local M = {}

local helper = "allow_icmp"
local options_schema = schema.helper(helper, { from = "addresses", forward = "boolean" })

local function v4(type_number)
  return { "-p", "icmp", "-m", "icmp", "--icmp-type", type_number }
end

local function v6(type_number)
  return { "-p", "ipv6-icmp", "-m", "icmp6", "--icmpv6-type", type_number }
end

local errors = {
  { 1, v4 "3" }, -- destination unreachable, with "fragmentation needed"
  { 1, v4 "11" }, -- time exceeded
  { 1, v4 "12" }, -- parameter problem
  { 2, v6 "1" }, -- destination unreachable
  { 2, v6 "2" }, -- packet too big: without it, path MTU discovery fails
  { 2, v6 "3" }, -- time exceeded
  { 2, v6 "4" }, -- parameter problem
}

local ping = {
  { args = v4 "8", families = 1 },
  { args = v6 "128", families = 2 },
}

-- What a host, not a router, receives on its link. A hop limit of 255 proves
-- that the sender is on the link: RFC 4861 wants it for neighbour discovery.
local received = {
  { "130", source = "fe80::/10" }, -- MLD query, by a router
  { "131", source = "fe80::/10" }, -- MLD report, by another listener
  { "134", on_link = true }, -- router advertisement
  { "135", on_link = true }, -- neighbour solicitation
  { "136", on_link = true }, -- neighbour advertisement
}

-- What it sends. Reports carry the unspecified source before the host has a
-- link-local address, so the source is not asked for.
local sent = {
  { "131" }, -- MLD report
  { "132" }, -- MLD done
  { "133" }, -- router solicitation
  { "135" }, -- neighbour solicitation
  { "136" }, -- neighbour advertisement
  { "143" }, -- MLD version 2 report
}

-- Types of the same kind that conntrack does not know: it calls them INVALID,
-- so they are accepted before the guards or never.
local received_early = {
  { "141", on_link = true }, -- inverse neighbour solicitation
  { "142", on_link = true }, -- inverse neighbour advertisement
  { "149", on_link = true }, -- SEND certification path advertisement
}
local sent_early = { { "141" }, { "142" }, { "148" } }

local function append(session, families, chain, rank, args, before, after)
  local whole = {}
  for _, list in ipairs { before or {}, args, after or {}, { "-j", "ACCEPT" } } do
    table.move(list, 1, #list, #whole + 1, whole)
  end
  session.core.append(families, "filter", chain, rank, helper, whole)
end

local function append_link(session, chain, rank, list)
  for _, item in ipairs(list) do
    append(session, 2, chain, rank, v6(item[1]), item.source and { "-s", item.source },
      item.on_link and { "-m", "hl", "--hl-eq", "255" })
  end
end

local function append_errors(session, chain)
  if session.once("icmp errors " .. chain) then
    for _, item in ipairs(errors) do
      append(session, item[1], chain, stages.rank.allow, item[2])
    end
  end
end

local function append_ping(session, chain, source)
  rules.emit(session, {
    table = "filter", chain = chain, rank = stages.rank.allow, helper = helper,
    source = source, parts = ping, state = "NEW", comment = false, target = { "-j", "ACCEPT" },
  })
end

-- What the host's own addresses need; nobody may limit it.
local function append_host(session)
  append_errors(session, "INPUT")
  append_errors(session, "OUTPUT")
  if session.once("icmp link") then
    append_link(session, "INPUT", stages.rank.before_guard, received_early)
    append_link(session, "OUTPUT", stages.rank.before_guard, sent_early)
    append_link(session, "INPUT", stages.rank.allow, received)
    append_link(session, "OUTPUT", stages.rank.allow, sent)
  end
end

--- Offer `allow_icmp` to policies.
-- Options: `from` (who may ping this host, or through it), `forward` (errors
-- and ping in FORWARD, too).
-- @param language table of names
-- @param session the evaluation under way
-- @usage allow_icmp { from = office }
function M.install(language, session)
  language.allow_icmp = function(...)
    local options = schema.take(session, helper, options_schema, ...)
    local from = options.from ~= nil and addresses.read(session, helper, "from", options.from)
    append_host(session)
    if from and addresses.is_empty(from) then
      rules.note_empty(session, helper, "from")
    else
      append_ping(session, "INPUT", from)
    end
    if session.once("icmp ping out") then
      append_ping(session, "OUTPUT")
    end
    if options.forward then
      append_errors(session, "FORWARD")
      if not (from and addresses.is_empty(from)) then
        append_ping(session, "FORWARD", from)
      end
    end
  end
end

return M
