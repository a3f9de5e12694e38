-- SPDX-License-Identifier: GPL-2.0-or-later
--- Helpers that write into several chains at once, recognised in what is there:
-- each is made, and taken if all that it does is there, in its place.
local import_trial = require "moongate.import_trial"
local stages = require "moongate.stages"
local text = require "moongate.import_text"

local M = {}

local allow = stages.rank.allow

local function key_of(family, table_name, chain)
  return family .. table_name .. " " .. chain
end

local built_in = { INPUT = true, FORWARD = true, OUTPUT = true }

-- Go through the rules of INPUT whose kind has a text that `match` takes: calls
-- visit(family, columns, place, what `match` gave for the first of the kind).
local function each_like(model, match, visit)
  for family = 1, 2 do
    local chain = model.chains[key_of(family, "filter", "INPUT")]
    local columns, known = chain and chain.rules, {}
    for place = 1, columns and columns.count or 0 do
      local kind = columns.kinds[place]
      if known[kind] == nil then
        known[kind] = match(columns.text(place)) or false
      end
      if known[kind] then
        visit(family, columns, place, known[kind])
      end
    end
  end
end

-- Who may ping: the sources of the echo requests that are accepted, in order.
local function ping_sources(model)
  local found = {}
  each_like(model, function(rule)
    return rule:match("^%-s (%S+) %-p icmp %-m icmp %-%-icmp%-type 8 %-m conntrack")
      or rule:match("^%-s (%S+) %-p ipv6%-icmp %-m icmp6 %-%-icmpv6%-type 128 %-m conntrack")
  end, function(_, columns, place, first)
    found[#found + 1] = columns.source[place] or first
  end)
  return found
end

-- Networks that return from the chain of drop_spoofed for an interface.
local function returning(model, name)
  local networks = {}
  for family = 1, 2 do
    local chain = model.chains[key_of(family, "filter", "SPOOFED_" .. name)]
    for place = 1, chain and chain.rules.count or 0 do
      local network = chain.rules.text(place):match("^%-s (%S+) %-j RETURN$")
      if network ~= "fe80::/10" then -- link-local sources are always let through
        networks[#networks + 1] = network
      end
    end
  end
  return networks
end

-- The chains of drop_spoofed carry the name of the interface; networks that may
-- be on its side return from there.
local function spoofed(model)
  local groups, seen = {}, {}
  each_like(model, function(rule)
    return rule:match("^%-i (%S+) %-j SPOOFED_%1$")
  end, function(_, _, _, name)
    if not seen[name] then
      seen[name] = true
      local networks = returning(model, name)
      local on = "on = " .. text.quoted(name)
      local group = { ("drop_spoofed { %s }"):format(on) }
      if networks[1] then
        group[2] = text.call("drop_spoofed", { { "on", text.quoted(name) }, { "networks", text.list(networks) } })
      end
      groups[#groups + 1] = group
    end
  end)
  return groups
end

-- The first rule of each kind, as one text.
local function samples(model)
  local texts, seen = {}, {}
  for _, chain in next, model.chains do
    local columns = chain.rules
    for place = 1, columns.count do
      local kind = columns.kinds[place]
      if not seen[kind] then
        seen[kind] = true
        texts[#texts + 1] = columns.text(place)
      end
    end
  end
  return table.concat(texts, "\n")
end

-- For each helper the ways to call it, the likeliest first, and a sign: what its
-- rules say, without which it need not be tried.
local function alternatives(model)
  local icmp = { "allow_icmp()", "allow_icmp { forward = true }" }
  local sources = ping_sources(model)
  if sources[1] then
    local from = "from = " .. text.list(sources)
    icmp = { ("allow_icmp { %s }"):format(from), ("allow_icmp { %s, forward = true }"):format(from) }
  end
  icmp.sign = "icmp"
  local groups = {
    -- in the order of what they write first, so that each finds its place behind those before
    { "allow_established()", sign = "RELATED,ESTABLISHED" }, { "allow_loopback()", sign = "-i lo" }, icmp,
    { "drop_bad_tcp_flags()", sign = "--tcp-flags" }, { "drop_invalid()", sign = "INVALID" },
  }
  for _, group in ipairs(spoofed(model)) do
    groups[#groups + 1] = group
  end
  groups[#groups + 1] = { "reject_denied()", last = true, sign = "-j REJECT" }
  groups[#groups + 1] = { "log_denied()", last = true, sign = "-j LOG" }
  return groups
end

-- What some calls do together, by chain: what comes before the rules of the
-- policy's own, among them, and behind.
local function together(effects)
  local chains = {}
  for _, effect in ipairs(effects) do
    for _, rule in ipairs(effect) do
      local key = key_of(rule.family, rule.table, rule.chain)
      local parts = chains[key] or { before = {}, among = {}, behind = {} }
      chains[key] = parts
      local is_staged = rule.table == "filter" and built_in[rule.chain]
      local part = is_staged and rule.rank == allow and parts.among
        or is_staged and rule.rank > allow and parts.behind or parts.before
      part[#part + 1] = rule
    end
  end
  for _, parts in next, chains do
    for _, part in next, parts do
      import_trial.sort(part)
    end
  end
  return chains
end

-- Do the rules of `part` stand in `rules`, from `at` on?
local function stands(rules, at, part)
  for i, rule in ipairs(part) do
    local place = at + i - 1
    if place > rules.count or rules.text(place) ~= rule.text then
      return false
    end
  end
  return true
end

-- Where the rules of `part` stand between two places, or nil.
local function find(rules, first, last, part)
  local at = rules.find(part[1].text, first, last - #part + 1)
  while at and not stands(rules, at, part) do
    at = rules.find(part[1].text, at + 1, last - #part + 1)
  end
  return at
end

-- The place of what is done to one chain: { first, last } of what is left, and
-- { at, count } of what stands among it. Nil if it is not all there.
local function fit(chain, name, parts)
  local rules = chain.rules
  local first, last = #parts.before + 1, rules.count - #parts.behind
  if first > last + 1 or not stands(rules, 1, parts.before) or not stands(rules, last + 1, parts.behind) then
    return nil
  elseif not (chain.table == "filter" and built_in[name]) then
    return last < first and { first = first, last = last } or nil
  end
  local at = #parts.among > 0 and find(rules, first, last, parts.among)
  if #parts.among > 0 and not at then
    return nil
  end
  return { first = first, last = last, at = at or nil, count = #parts.among }
end

-- Where all that some calls do has its place, by chain; nil if it has not.
local function fit_all(model, effects)
  local places = {}
  for key, parts in next, together(effects) do
    local chain = model.chains[key]
    local place = chain and fit(chain, chain.name, parts)
    if not place then
      return nil
    end
    places[key] = place
  end
  return places
end

--- Recognise the helpers.
-- @param model the rules, see moongate.import
-- @param trial see moongate.import_trial
-- @return { first = calls to begin with, among = the call that stands among other rules or nil, last = calls to end
--   with, places = { CHAIN'S KEY = { first =, last =, at =, count = } } }
function M.find(model, trial)
  local effects, found, there = {}, { first = {}, last = {}, places = {} }, samples(model)
  for _, group in ipairs(alternatives(model)) do
    for _, call in ipairs((not group.sign or there:find(group.sign, 1, true)) and group or {}) do
      local effect = trial.printed(call, true)
      local places
      if effect and #effect > 0 then
        effects[#effects + 1] = effect
        places = fit_all(model, effects)
        if not places then
          effects[#effects] = nil
        end
      end
      if places then
        found.places = places
        if call:find("^allow_icmp") then
          found.among = call
        else
          table.insert(group.last and found.last or found.first, call)
        end
        break
      end
    end
  end
  return found
end

--- The key of a chain in a model.
M.key = key_of

return M
