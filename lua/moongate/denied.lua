-- SPDX-License-Identifier: GPL-2.0-or-later
--- What no rule has allowed, at the end of the chains: `log_denied`, then
-- `reject_denied`, in whichever order they are called.
local limits = require "moongate.limits"
local lists = require "moongate.lists"
local logging = require "moongate.logging"
local schema = require "moongate.schema"
local stages = require "moongate.stages"

local M = {}

local log_options = schema.helper("log_denied", {
  prefix = "string", level = "level", limit = "limit_or_none", group = "count", directions = "directions",
})
local reject_options = schema.helper("reject_denied", { limit = "limit", directions = "directions" })

local direction_names = { "inbound", "outbound", "forward" }
local chain_of = { inbound = "INPUT", outbound = "OUTPUT", forward = "FORWARD" }

local reject_chain = "REJECT_DENIED"

-- The families and rules of REJECT_DENIED. Nothing is said to what could not be
-- its sender's, what went to many, or what is itself an answer: of ICMP only
-- echo requests are rejected, so neither errors nor neighbour discovery. What
-- returns is left to the chain's policy.
local reject_rules = {
  { 3, "-m", "conntrack", "--ctstate", "INVALID", "-j", "RETURN" },
  { 1, "-m", "addrtype", "--dst-type", "BROADCAST,MULTICAST", "-j", "RETURN" },
  { 2, "-d", "ff00::/8", "-j", "RETURN" },
  { 1, "-p", "icmp", "-m", "icmp", "!", "--icmp-type", "8", "-j", "RETURN" },
  { 2, "-p", "ipv6-icmp", "-m", "icmp6", "!", "--icmpv6-type", "128", "-j", "RETURN" },
  { 3, "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset" },
  { 1, "-p", "udp", "-j", "REJECT", "--reject-with", "icmp-port-unreachable" },
  { 2, "-p", "udp", "-j", "REJECT", "--reject-with", "icmp6-port-unreachable" },
  { 1, "-j", "REJECT", "--reject-with", "icmp-admin-prohibited" },
  { 2, "-j", "REJECT", "--reject-with", "icmp6-adm-prohibited" },
}

-- The chains that are meant, in the language's order; all three without `value`.
local function read_directions(session, helper, value)
  local chains = {}
  for i, name in ipairs(lists.choose(session, helper, "directions", value == nil and direction_names or value,
      direction_names, "no direction", "leave directions out for all three")) do
    chains[i] = chain_of[name]
  end
  return chains
end

-- Whether something is to be said in a chain for the first time. Saying the same
-- twice is saying it once; another thing clashes, since one of two rules that
-- match everything would be for nothing.
local function is_new(session, said, helper, chain, text)
  local key = helper .. " " .. chain
  local before = said[key]
  if before and before.text ~= text then
    session.fail(helper, nil, ("%s is spoken of otherwise at %s: use directions= to part them"):format(chain,
      before.place))
  end
  said[key] = before or { text = text, place = session.core.place() .. session.core.uses() }
  return not before
end

-- Append one rule; in each family apart where it depends on the family.
local function append(session, chain, rank, helper, by_family, arguments)
  for families = by_family and 1 or 3, by_family and 2 or 3 do
    session.core.append(families, "filter", chain, rank, helper, arguments(families))
  end
end

local function log_denied(session, said, options, chain)
  local helper = "log_denied"
  local log = logging.read_options(session, helper, nil, options, "denied " .. chain)
  if is_new(session, said, helper, chain, log.text) then
    append(session, chain, stages.rank.last_log, helper, log.by_family, function(families)
      return logging.arguments(session, log, families, helper .. " " .. chain)
    end)
  end
end

local function write_reject_chain(session)
  session.core.chain(3, "filter", reject_chain, "reject_denied")
  for _, rule in ipairs(reject_rules) do
    session.core.append(rule[1], "filter", reject_chain, stages.rank.script, "reject_denied",
      table.move(rule, 2, #rule, 1, {}))
  end
end

local function reject_denied(session, said, options, chain)
  local helper, limit = "reject_denied", nil
  if options.limit ~= nil then
    limit = limits.read(session, helper, "limit", options.limit)
    if limit.above then
      session.fail(helper, "limit", "answers are limited to a rate, not to what is above it")
    end
  end
  if is_new(session, said, helper, chain, limit and limit.text or "") then
    append(session, chain, stages.rank.last_reject, helper, limit and limit.by_family, function(families)
      local args = limit and limits.arguments(session, limit, families, helper .. " " .. chain) or {}
      return lists.joined(args, { "-j", reject_chain })
    end)
  end
end

--- Offer `log_denied` and `reject_denied` to policies.
--
-- Options of `log_denied`: `prefix`, `level`, `limit` ("5/minute", burst 10
-- without it; false for none), `group` (NFLOG to that group), `directions`
-- ("inbound", "outbound", "forward"; all three without it). One rule a chain,
-- behind whatever a policy puts there itself with `stage = "last"`.
--
-- Options of `reject_denied`: `directions`, and `limit`, over which the chain's
-- policy has its way without an answer. TCP is answered with a reset, UDP with
-- "port unreachable", the rest with "administratively prohibited".
-- @param language table of names
-- @param session the evaluation under way
-- @usage log_denied { limit = "10/minute", prefix = "denied: " }
-- @usage reject_denied { directions = { "outbound", "forward" } }
function M.install(language, session)
  local said = {}
  language.log_denied = function(...)
    local options = schema.take(session, "log_denied", log_options, ...)
    for _, chain in ipairs(read_directions(session, "log_denied", options.directions)) do
      log_denied(session, said, options, chain)
    end
  end
  language.reject_denied = function(...)
    local options = schema.take(session, "reject_denied", reject_options, ...)
    for _, chain in ipairs(read_directions(session, "reject_denied", options.directions)) do
      reject_denied(session, said, options, chain)
    end
    if session.once("reject_denied") then
      write_reject_chain(session)
    end
  end
end

return M
