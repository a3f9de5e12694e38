-- SPDX-License-Identifier: GPL-2.0-or-later
--- What a zone means in a rule. A packet comes from a zone if it comes in by one
-- of its interfaces *and* its source is in one of its networks; it goes to a zone
-- if that holds for its way out and its destination.
--
-- A request with zones is taken apart here into requests without any. Where a
-- packet comes from is a union of boxes, each { links, nets }: a set of
-- interfaces and a set of addresses, either nil for all; so is where it goes.
-- `from` and `on` speak of the same end, and both must hold: their boxes are
-- intersected, pair by pair. What is excluded and is a box itself goes into the
-- chain that returns for exceptions.
local address_sets = require "moongate.address_sets"
local interface_sets = require "moongate.interface_sets"
local lists = require "moongate.lists"

local M = {}

local type, concat = type, table.concat

-- The two ends of a packet's way: the words of a rule, the keys of a request.
local ends = {
  { address = "-s", link = "-i", set = "source", links = "ins", set_name = "from", links_name = "on",
    unseen = { OUTPUT = "a packet of this host's own comes in by no interface",
      POSTROUTING = "POSTROUTING does not know by which interface a packet came in" } },
  { address = "-d", link = "-o", set = "destination", links = "outs", set_name = "to", links_name = "out",
    unseen = { INPUT = "a packet for this host leaves by no interface",
      PREROUTING = "PREROUTING does not know yet by which interface a packet leaves" } },
}

local function name_of(rule, at, key)
  return rule.names and rule.names[at[key]] or at[key .. "_name"]
end

-- The box of a zone. Address translation is about addresses: where a chain of
-- `nat` cannot see the interface, the zone's networks alone stand for it.
local function zone_box(session, rule, at, key, zone)
  local unseen = zone.links and at.unseen[rule.chain]
  if unseen and not (rule.table == "nat" and zone.nets) then
    session.fail(rule.helper, name_of(rule, at, key), ("%s has interfaces, but %s; %s"):format(zone.shown, unseen,
      zone.nets and "give its networks alone, as ZONE.networks" or "give networks"))
  end
  return { links = not unseen and zone.links or nil, nets = zone.nets }
end

local function both(one, other)
  return {
    links = interface_sets.both(one.links, other.links),
    nets = address_sets.both(one.nets, other.nets),
  }
end

-- What a list of addresses asks for, and the zones that it excludes.
local function address_boxes(session, rule, at)
  local set = rule[at.set]
  if not set then
    return { {} }, {}
  elseif not set.zoned then
    return { { nets = set } }, {}
  end
  local boxes, excluded = {}, {}
  if not set.positive or #set.inc[1] + #set.inc[2] > 0 then
    boxes[1] = { nets = set }
  end
  local rest = { nets = { positive = false, inc = { {}, {} }, exc = set.exc, all = set.all } }
  for _, zone in ipairs(set.zones or {}) do
    boxes[#boxes + 1] = both(zone_box(session, rule, at, "set", zone), rest)
  end
  for i, zone in ipairs(set.excluded_zones or {}) do
    excluded[i] = zone_box(session, rule, at, "set", zone)
  end
  return boxes, excluded
end

-- The same for a list of interfaces.
local function interface_boxes(session, rule, at)
  local found = rule[at.links]
  if not found then
    return { {} }, {}
  end
  local boxes, zones = {}, {}
  for i, zone in ipairs(found.zones or {}) do
    zones[i] = zone_box(session, rule, at, "links", zone)
  end
  if found.negative then
    return { { links = #found > 0 and found or nil } }, zones
  elseif #found > 0 then
    boxes[1] = { links = found }
  end
  return table.move(zones, 1, #zones, #boxes + 1, boxes), {}
end

local function is_nowhere(box)
  return interface_sets.is_empty(box.links) or address_sets.families(box.nets) == 0
end

local function fail_apart(session, rule, at, links_apart)
  session.fail(rule.helper, nil, ("no packet can match: %s and %s have no %s in common"):format(
    name_of(rule, at, "set"), name_of(rule, at, "links"), links_apart and "interface" or "address"))
end

-- The ways to say one condition of an excluded box, as argument lists; nil if
-- one rule cannot.
local function conditions(session, rule, flag, list, negative, further)
  local function arguments(item)
    if type(item) == "table" then
      return require("moongate.kernel_sets").arguments(session, rule.helper, flag, item, negative)
    end
    return item and (negative and { "!", flag, item } or { flag, item }) or {}
  end
  if further and #further > 0 or negative and #list > 1 then
    return nil
  elseif negative and #list == 0 then
    return { {} }
  end
  local out = {}
  for i = 1, #list do
    out[i] = arguments(list[i])
  end
  return out
end

-- Add the rules that return for an excluded box in one family.
local function add_returns(session, rule, at, family, box, returns)
  local nets, links = box.nets, box.links
  local addresses = { {} }
  if nets then
    local function items(side)
      return nets.sets and require("moongate.kernel_sets").items(session, rule.helper, nets, side, family)
        or nets[side][family]
    end
    local listed = items(nets.positive and "inc" or "exc")
    addresses = nets.all[family] and {}
      or conditions(session, rule, at.address, listed, not nets.positive, nets.positive and nets.exc[family])
  end
  local interfaces = { {} }
  if links then
    interfaces = conditions(session, rule, at.link, links, links.negative)
  end
  if not addresses or not interfaces then
    session.fail(rule.helper, name_of(rule, at, "set"), "except takes no zone that has exceptions itself")
  end
  for _, address in ipairs(addresses) do
    for _, interface in ipairs(interfaces) do
      returns[family][#returns[family] + 1] = lists.joined(address, interface)
    end
  end
end

-- A box less those that are excluded; what it cannot say itself goes into `returns`.
local function less(session, rule, at, box, excluded, returns)
  for _, out in ipairs(excluded) do
    local links, nets = out.links, out.nets
    local others = nets and not links and address_sets.complement(nets)
    if not nets then
      local rest = table.move(links, 1, #links, 1, { negative = not links.negative })
      box = both(box, { links = rest })
    elseif others then
      box = both(box, { nets = others })
    else
      local overlap = both(box, out)
      local families = not is_nowhere(overlap) and address_sets.families(overlap.nets) or 0
      for family = 1, 2 do
        if families & family ~= 0 then
          add_returns(session, rule, at, family, out, returns)
        end
      end
    end
  end
  for _, name in ipairs(box.links and box.links.but or {}) do
    for family = 1, 2 do
      returns[family][#returns[family] + 1] = { at.link, name }
    end
  end
  return box
end

-- The boxes of one end, each with what returns for its exceptions.
local function boxes_of(session, rule, at)
  local ones, excluded = address_boxes(session, rule, at)
  local others, more = interface_boxes(session, rule, at)
  table.move(more, 1, #more, #excluded + 1, excluded)
  local out, links_apart = {}, true
  for _, one in ipairs(ones) do
    for _, other in ipairs(others) do
      local returns = { {}, {} }
      local box = less(session, rule, at, both(one, other), excluded, returns)
      links_apart = links_apart and interface_sets.is_empty(box.links)
      if not is_nowhere(box) then
        out[#out + 1] = { links = box.links, nets = box.nets, returns = returns }
      end
    end
  end
  if #out == 0 then
    fail_apart(session, rule, at, links_apart)
  end
  return out
end

-- The families that the boxes of one end leave.
local function families_of(boxes)
  local families = 0
  for _, box in ipairs(boxes) do
    families = families | address_sets.families(box.nets)
  end
  return families
end

-- The rules that return, of both ends, or nil if there are none.
local function returns_of(from, to)
  local all, texts = { {}, {} }, {}
  for family = 1, 2 do
    for _, box in ipairs { from, to } do
      for _, args in ipairs(box.returns[family]) do
        all[family][#all[family] + 1] = args
        texts[#texts + 1] = family .. " " .. concat(args, " ")
      end
    end
  end
  all.identity = concat(texts, "\n")
  return #texts > 0 and all or nil
end

--- The requests without zones that mean the same as one with zones.
-- @param session the evaluation under way
-- @param rule the request; not changed
-- @return a sequence of requests, the families that `from` leaves, and those
--   that `to` leaves
-- @raise if nothing is in two places that both must hold, or the chain cannot
--   see the interfaces of a zone
function M.without_zones(session, rule)
  local from, to = boxes_of(session, rule, ends[1]), boxes_of(session, rule, ends[2])
  local out = {}
  for _, one in ipairs(from) do
    for _, other in ipairs(to) do
      local plain = lists.merged(rule)
      plain.source, plain.destination = one.nets, other.nets
      plain.ins, plain.outs = one.links, other.links
      plain.returns = returns_of(one, other)
      out[#out + 1] = plain
    end
  end
  return out, families_of(from), families_of(to)
end

return M
