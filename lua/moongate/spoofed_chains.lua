-- SPDX-License-Identifier: GPL-2.0-or-later
--- The chains behind `drop_spoofed`: which sources are dropped, of what comes in
-- by which interfaces.
--
-- What is made here goes to `emit`: argument lists by family, { { args... },
-- { args... } }, in which DROP stands for the verdict.
local connected = require "moongate.connected"
local interface_sets = require "moongate.interface_sets"
local lists = require "moongate.lists"
local names = require "moongate.names"
local networks = require "moongate.networks"
local rules = require "moongate.rules"
local shared_chains = require "moongate.shared_chains"
local stages = require "moongate.stages"

local M = {}

local concat, joined = table.concat, lists.joined

-- Nobody's source address (RFC 6890). Networks for private use and for
-- documentation are not among them: many a provider's side is one.
local nobody = {
  { "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4" },
  { "::/128", "::1/128", "::ffff:0:0/96", "ff00::/8" },
}

-- What a host sends before it has an address (DHCP, duplicate address
-- detection), and IGMP of a switch that has none.
local before_address = {
  { { "-s", "0.0.0.0/32", "-p", "udp", "-m", "udp", "--sport", "68", "--dport", "67", "-j", "RETURN" },
    { "-s", "0.0.0.0/32", "-p", "2", "-j", "RETURN" } },
  { { "-s", "::/128", "-p", "ipv6-icmp", "-j", "RETURN" } },
}

local everything = { { args = {}, families = 3 } }
local longest_name = 28

local function source(network, target)
  return network and { "-s", network, "-j", target } or { "-j", target }
end

local function add_sources(list, sources, target)
  for _, network in ipairs(sources) do
    list[#list + 1] = source(network, target)
  end
end

-- What a set of addresses lists or excludes: a long list is one of the kernel's sets.
local function add_items(session, helper, list, set, side, family, target)
  if not set.sets then
    add_sources(list, set[side][family], target)
    return
  end
  local kernel_sets = require "moongate.kernel_sets"
  for _, item in ipairs(kernel_sets.items(session, helper, set, side, family)) do
    list[#list + 1] = joined(kernel_sets.arguments(session, helper, "-s", item), { "-j", target })
  end
end

local function drop_nobody(family)
  local list = joined(before_address[family], {})
  add_sources(list, nobody[family], "DROP")
  return list
end

-- Whether a later one of the host's networks, which come narrower ones first,
-- holds this one and is dropped.
local function is_held_by_later(found, at, is_dropped)
  for i = at + 1, #found do
    if is_dropped(found[i]) and networks.within(found[at].network, found[i].network) then
      return true
    end
  end
  return false
end

--- All interfaces of a set but for lo.
-- @param links a set as moongate.interfaces reads it, or nil for all
-- @return a set
function M.without_loopback(links)
  return interface_sets.both(links, { negative = true, "lo" })
end

--- All interfaces that are not in a set, but for lo.
-- @param links a set as moongate.interfaces reads it
-- @return a set
function M.others(links)
  return M.without_loopback(table.move(links, 1, #links, 1, { negative = not links.negative }))
end

--- What nobody may send, and what the host has on an interface that is not in
-- a set. As in routing, the narrower network counts.
-- @param session the evaluation under way
-- @param links a set as moongate.interfaces reads it
-- @return argument lists by family
function M.strangers(session, links)
  local out = {}
  local function is_stranger(entry)
    for _, name in ipairs(entry.interfaces) do
      if connected.is_in(name, links) then
        return false
      end
    end
    return true
  end
  for family = 1, 2 do
    local list, found = drop_nobody(family), connected.networks(session, family)
    for i, entry in ipairs(found) do
      if is_stranger(entry) then
        list[#list + 1] = source(entry.network, "DROP")
      elseif is_held_by_later(found, i, is_stranger) then
        list[#list + 1] = source(entry.network, "RETURN")
      end
    end
    out[family] = list
  end
  return out
end

--- What nobody may send, and what comes in by another interface than the one on
-- which the host has its network.
-- @param session the evaluation under way
-- @return argument lists by family
function M.strangers_anywhere(session)
  local out = {}
  local function always()
    return true
  end
  for family = 1, 2 do
    local list, found = drop_nobody(family), connected.networks(session, family)
    for i, entry in ipairs(found) do
      local network, own = entry.network, entry.interfaces
      if #own == 1 and not is_held_by_later(found, i, always) then
        list[#list + 1] = { "-s", network, "!", "-i", own[1], "-j", "DROP" }
      else
        for _, name in ipairs(own) do
          list[#list + 1] = { "-s", network, "-i", name, "-j", "RETURN" }
        end
        list[#list + 1] = source(network, "DROP")
      end
    end
    out[family] = list
  end
  return out
end

--- All but what a set holds, and what is genuine on any link.
-- @param session the evaluation under way
-- @param helper the helper's name
-- @param set addresses, in the long form
-- @return argument lists by family; none where the set is of the other family
function M.all_but(session, helper, set)
  local out = { {}, {} }
  for family = 1, 2 do
    local list = out[family]
    add_items(session, helper, list, set, "exc", family, "DROP")
    if set.all[family] then
      out[family] = { source(nil, "DROP") }
    elseif set.positive and #set.inc[family] > 0 then
      table.move(before_address[family], 1, #before_address[family], #list + 1, list)
      if family == 2 then
        list[#list + 1] = source("fe80::/10", "RETURN")
      end
      add_items(session, helper, list, set, "inc", family, "RETURN")
      list[#list + 1] = source(nil, "DROP")
    end
  end
  return out
end

--- What a set lists, less its exceptions.
-- @param session the evaluation under way
-- @param helper the helper's name
-- @param set addresses, in the long form
-- @return argument lists by family
function M.listed(session, helper, set)
  local out = { {}, {} }
  for family = 1, 2 do
    add_items(session, helper, out[family], set, "exc", family, "RETURN")
    add_items(session, helper, out[family], set, "inc", family, "DROP")
  end
  return out
end

-- A chain is named after the interfaces that it stands for, so that it keeps
-- its name, and its rules their counters, when a network is added.
local function chain_name(session, links)
  local own = {}
  for _, name in ipairs(links) do
    if name ~= "lo" then
      own[#own + 1] = name
    end
  end
  local stem = "SPOOFED"
  if #own == 1 then
    stem = (links.negative and "SPOOFED_NOT_" or "SPOOFED_") .. own[1]
  elseif #own > 1 then
    stem = names.unique(session, "SPOOFED_", (links.negative and "!" or "") .. concat(own, ","))
  end
  local name, number = stem, 1
  while not session.once("chain " .. name) do
    number = number + 1
    name = ("%s_%d"):format(stem, number)
    if #name > longest_name then
      name = names.unique(session, "SPOOFED_", name)
    end
  end
  return name
end

local function text_of(links, by_family, log)
  local out = { links.negative and "!" or "", concat(links, ","), log and log.text or "" }
  for family = 1, 2 do
    for _, args in ipairs(by_family[family]) do
      out[#out + 1] = family .. " " .. concat(args, " ")
    end
  end
  return concat(out, "\n")
end

-- What stands for DROP: a chain that logs first, if that is wanted.
local function verdict(session, helper, family, log)
  local drop = { "-j", "DROP" }
  if not log then
    return drop
  end
  local logging = require "moongate.logging" -- loaded where it is asked for
  return shared_chains.ending(session, { table = "filter", helper = helper }, family, "LOG_",
    { logging.arguments(session, log, family, helper), drop }, drop, helper .. "\0" .. log.text)
end

local function fill(session, helper, family, name, list, links, log)
  local core = session.core
  local drop = verdict(session, helper, family, log)
  local function append(args)
    core.append(family, "filter", name, stages.rank.script, helper, args)
  end
  core.chain(family, "filter", name, helper)
  -- what one rule cannot exclude
  for _, interface in ipairs(links.negative and #links > 1 and links or {}) do
    append { "-i", interface, "-j", "RETURN" }
  end
  for _, args in ipairs(list) do
    if args[#args] == "DROP" then
      args = joined(table.move(args, 1, #args - 2, 1, {}), drop)
    end
    append(args)
  end
end

--- Judge what comes in by some interfaces; the same twice is said once.
-- @param session the evaluation under way
-- @param helper the helper's name
-- @param links a set of interfaces
-- @param by_family made by one of the above
-- @param log a log line of moongate.logging's, or nil
function M.emit(session, helper, links, by_family, log)
  local families = (#by_family[1] > 0 and 1 or 0) | (#by_family[2] > 0 and 2 or 0)
  if families == 0 or not session.once(helper .. " " .. text_of(links, by_family, log)) then
    return
  end
  local name = chain_name(session, links)
  for family = 1, 2 do
    if families & family ~= 0 then
      fill(session, helper, family, name, by_family[family], links, log)
    end
  end
  for _, chain in ipairs { "INPUT", "FORWARD" } do
    rules.emit(session, {
      table = "filter", chain = chain, rank = stages.rank.guard_spoofed, helper = helper, families = families,
      ins = not (links.negative and #links > 1) and links, parts = everything, target = { "-j", name },
    })
  end
end

return M
