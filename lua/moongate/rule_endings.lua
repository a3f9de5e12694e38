-- SPDX-License-Identifier: GPL-2.0-or-later
--- How a rule ends that has `limit=` or `log=`: the log line stands before the
-- verdict, with the same matches; the limit says how often both are reached.
--
-- Where a call makes several rules, or has both, a chain holds what comes
-- behind the matches, so that one limit holds for the whole call, and a packet
-- counts once. A reject ends in two ways, for TCP and for the rest: each has a
-- limit of its own.
local limits = require "moongate.limits"
local lists = require "moongate.lists"
local logging = require "moongate.logging"
local names = require "moongate.names"
local shared_chains = require "moongate.shared_chains"

local M = {}

--- How a rule ends that is limited, logged, or both.
-- @param limit made by moongate.limits, or nil
-- @param log made by moongate.logging, or nil
-- @return an ending for a request's `ending`, or nil: { limit =, log =,
--   by_family = }
function M.new(limit, log)
  return (limit or log) and {
    limit = limit, log = log, by_family = limit and limit.by_family or log and log.by_family,
  } or nil
end

--- Read `limit=` and `log=` of a call.
-- @param session the evaluation under way
-- @param helper name for errors and the usual log prefix
-- @param options checked; `limit` and `log` are looked at
-- @return an ending, or nil
-- @raise if a value is wrong
function M.read(session, helper, options)
  local limit, log = options.limit, options.log
  if limit ~= nil then
    limit = limits.read(session, helper, "limit", limit)
  end
  if log ~= nil then
    log = logging.read(session, helper, "log", log)
  end
  return M.new(limit, log)
end

-- A list that is a set of the kernel may be in a file only, which nobody has read.
local function identity_of(set)
  return set and set.sets and require("moongate.kernel_sets").identity(set) or set or false
end

--- One text for a request, so that its limits and chains are not another's.
-- @param rule the request, see moongate.rules
-- @return the text
function M.identity(rule)
  local ending, parts = rule.ending, {}
  for i, part in ipairs(rule.parts) do
    parts[i] = part.args
  end
  return names.fingerprint {
    rule.table, rule.chain, rule.helper, parts, identity_of(rule.source), identity_of(rule.destination),
    rule.ins or false, rule.outs or false, rule.state or false, rule.comment == nil and "" or rule.comment,
    ending.limit and ending.limit.text or false, ending.log and ending.log.text or false,
  }
end

--- How the rules of one part end.
-- @param session the evaluation under way
-- @param rule the request, see moongate.rules
-- @param families the families of the rules; one only if the ending is by family
-- @param target what a plain rule would end with
-- @param several whether more than one rule ends so
-- @param identity made by `identity`
-- @return argument lists: for each rule one rule more, in this order
function M.rules(session, rule, families, target, several, identity)
  local limit, log = rule.ending.limit, rule.ending.log
  local function chain(prefix, endings)
    return shared_chains.ending(session, rule, families, prefix, endings, target, identity)
  end
  local endings = { target }
  if log then
    endings = { logging.arguments(session, log, families, identity), target }
  end
  if limit then
    local within = log and chain("LOG_", endings) or target
    endings = { lists.joined(limits.arguments(session, limit, families, identity), within) }
  end
  return several and { chain(limit and "LIMIT_" or "LOG_", endings) } or endings
end

return M
