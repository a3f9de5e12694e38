-- SPDX-License-Identifier: GPL-2.0-or-later
--- `block`: addresses that this host has nothing to do with, in either direction.
--
-- What comes from them is dropped in INPUT and FORWARD, what goes to them in
-- OUTPUT and FORWARD: new connections, as a guard; with `established` everything,
-- before all other rules. A long list stands once for each direction, in a chain
-- that all long lists share, so that one more address is one more rule; a still
-- longer one is a set of the kernel, and one rule.
local addresses = require "moongate.addresses"
local interfaces = require "moongate.interfaces"
local rules = require "moongate.rules"
local schema = require "moongate.schema"
local stages = require "moongate.stages"

local M = {}

local type, next, select, math_type = type, next, select, math.type

local helper = "block"
local options_schema = schema.helper(helper, {
  addresses = "addresses", from = "addresses", to = "addresses", on = "interfaces",
  established = "boolean", log = "log", comment = "comment",
}, { positional = "addresses", list = true, example = { addresses = { "192.0.2.0/24", "2001:db8::/32" } } })

-- More addresses than this in one family go into the shared chain.
local most_in_place = 4

local everything = { { args = {}, families = 3 } }
local drop = { "-j", "DROP" }

-- Where each direction is judged; `key` is the end of the packet's way that is
-- looked at, `links` the interface on that side.
local directions = {
  from = { key = "source", links = "ins", chains = { "INPUT", "FORWARD" }, name = "BLOCKED_FROM" },
  to = { key = "destination", links = "outs", chains = { "OUTPUT", "FORWARD" }, name = "BLOCKED_TO" },
}

-- How many rules a set takes in one family.
local function rule_count(set, family)
  if set.sets then
    return require("moongate.kernel_sets").count(set, family)
  end
  return #set.inc[family]
end

local function is_long(set)
  return not set.only and (rule_count(set, 1) > most_in_place or rule_count(set, 2) > most_in_place)
end

-- The shared chain, and the jumps to it in the families that have not got them.
local function shared_chain(session, direction, established, rank, families)
  local name = direction.name .. (established and "_FIRST" or "")
  for family = 1, 2 do
    if families & family ~= 0 and session.once(("chain %s %d"):format(name, family)) then
      session.core.chain(family, "filter", name, helper)
      for _, chain in ipairs(direction.chains) do
        session.core.append(family, "filter", chain, rank, helper, { "-j", name })
      end
    end
  end
  return name
end

-- Drop one direction. A zone is part of the rule, so it needs a chain that sees
-- the interface: those in which it is judged do.
local function emit(session, direction, option, set, links, options, ending)
  local rank = options.established and stages.rank.first or stages.rank.guard_block
  local request = {
    table = "filter", rank = rank, helper = helper, parts = everything, target = drop,
    comment = options.comment, ending = ending, names = { [direction.key] = option, [direction.links] = "on" },
    [direction.key] = set, [direction.links] = links,
  }
  local chains = direction.chains
  if is_long(set) then
    local families = (rule_count(set, 1) > 0 and 1 or 0) | (rule_count(set, 2) > 0 and 2 or 0)
    chains = { shared_chain(session, direction, options.established, rank, families) }
    request.rank = stages.rank.script
  end
  for _, chain in ipairs(chains) do
    request.chain = chain
    rules.emit(session, request)
  end
end

-- What stands in the table without a name: the addresses.
local function list_part(options)
  local list = {}
  for key, value in next, options do
    if math_type(key) == "integer" then
      list[key] = value
    end
  end
  return next(list) ~= nil and list or nil
end

local function note_empty(session, what)
  session.core.note("warning", ("%s: %s is empty, so nothing is blocked"):format(helper, what))
end

-- The addresses of one option, or nil if there are none.
local function read_set(session, option, value)
  if value == nil then
    return nil
  end
  local set = addresses.read(session, helper, option, value)
  if addresses.is_empty(set) then
    note_empty(session, option or "the list")
    return nil
  end
  return set
end

local function read_links(session, options)
  local links = options.on ~= nil and interfaces.read(session, helper, "on", options.on)
  if links and interfaces.is_empty(links) then
    note_empty(session, "on")
    return nil, true
  end
  return links, false
end

--- Offer `block` to policies.
-- Options: the addresses, as a list or in `addresses` (both directions), `from` (as
-- sources only), `to` (as destinations only), `on` (only what comes in or goes out
-- by these interfaces), `established` (connections that are there, too), `log`,
-- `comment`. Zones stand where addresses may.
-- @param language table of names
-- @param session the evaluation under way
-- @usage block { "192.0.2.0/24", "2001:db8:bad::/48" }
-- @usage block { bad_networks, established = true, comment = "abuse" }
-- @usage block { to = "198.51.100.7", log = true }
function M.install(language, session)
  language.block = function(...)
    local first = ...
    if select("#", ...) == 1 and type(first) == "table" and next(first) == nil and getmetatable(first) == nil then
      note_empty(session, "the list")
      return
    end
    local options = schema.take(session, helper, options_schema, ...)
    local both, option = list_part(options), nil
    if both ~= nil and options.addresses ~= nil then
      session.fail(helper, "addresses", "the list already says which are meant: give one of them")
    elseif options.addresses ~= nil then
      both, option = options.addresses, "addresses"
    elseif both == nil and options.from == nil and options.to == nil then
      session.fail(helper, nil, "nothing says what to block: write block { address, ... }")
    end
    local ending = options.log and require("moongate.rule_endings").read(session, helper, options)
    local links, has_no_link = read_links(session, options)
    if has_no_link then
      return
    end
    local function drop_one(direction, name, set)
      if set then
        emit(session, directions[direction], name, set, links, options, ending)
      end
    end
    local listed = read_set(session, option, both)
    drop_one("from", option or "the list", listed)
    drop_one("from", "from", read_set(session, "from", options.from))
    drop_one("to", option or "the list", listed)
    drop_one("to", "to", read_set(session, "to", options.to))
  end
end

return M
