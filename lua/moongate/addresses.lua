-- SPDX-License-Identifier: GPL-2.0-or-later
--- Addresses: `addresses { ... }`, and what stands wherever addresses may.
--
-- A set is { positive, inc = { v4, v6 }, exc = { v4, v6 }, all = { v4, v6 } }:
-- lists of canonical texts by family. A positive set is what `inc` lists, less
-- what `exc` lists; any other set is everything but `exc`. A network /0 is
-- `false` in `inc` (a rule needs no condition for it), and `all` in exceptions
-- (nothing is left of that family). A set with zones that are more than a list
-- of addresses is `zoned`: it holds what is in one of `zones`, too, and nothing
-- that is in one of `excluded_zones`. The set of one address, by far the most
-- common, is { text, only = family } instead: it is its own list. Sets are
-- shared and never change.
--
-- What a person writes stays as it is written. A list that is `long`, because it
-- came from a file or has more addresses than anybody writes by hand, is folded:
-- the fewest networks that hold the same addresses, in order.
local exceptions = require "moongate.exceptions"
local lists = require "moongate.lists"

local M = {}

local type, next, setmetatable, getmetatable, error = type, next, setmetatable, getmetatable, error
local exception_of, shown = exceptions.of, lists.shown

-- How many parsed texts are kept; a policy may go through millions.
local cache_limit = 20000

-- Lists of more addresses than this in one family are folded.
local most_as_written = 64

--- All of a family as a network, by its number.
M.whole = { "0.0.0.0/0", "::/0" }
local whole = M.whole

-- `addresses { ... }` value -> { set =, texts = }
local made = setmetatable({}, { __mode = "k" })

local function new_set()
  return { positive = false, inc = { {}, {} }, exc = { {}, {} }, all = { false, false }, seen = {} }
end

-- Why a text is no address, in words that help.
local function explain(session, text)
  local quoted = shown(text)
  if text == "" then
    return "an empty string is not an address"
  elseif text:find("^%s*!") then
    return quoted .. ": write except(...) to negate"
  elseif text:lower() == "any" or text:lower() == "all" then
    return quoted .. " is not an address: leave the option out to match any"
  elseif text:find("%%") then
    return quoted .. " names an interface: give that as on= or out="
  end
  local first, last = text:match("^([%x.:]+)%s*%-%s*([%x.:]+)$")
  if first and session.core.address(first) and session.core.address(last) then
    return quoted .. " is a range: write it as networks, like 192.0.2.0/28"
  end
  local host = text:match("^([^/]+)")
  if host and host:find("^[%w_-][%w_.-]*$") and host:find("[G-Zg-z_-]") then
    return ("%s is a host name: names are not looked up here, since DNS at boot is a trap; write its address, "
      .. "or resolve(%s)"):format(quoted, quoted)
  end
  return quoted .. " is not an IPv4 or IPv6 address or network"
end

-- One text -> family, canonical text (false for /0).
local function parse(session, helper, path, text)
  local family, canonical, host_bits = session.core.address(text)
  if not family then
    session.fail(helper, path, explain(session, text))
  elseif host_bits then
    session.core.note("warning", ("%s: %s%s has bits set beyond its prefix"):format(helper,
      path and path .. ": " or "", shown(text)), ('write "%s"'):format(canonical))
  end
  return family, canonical, host_bits
end

local function add(set, excluded, family, canonical)
  local side = excluded and set.exc or set.inc
  local key = (excluded and "-" or "+") .. canonical
  if set.seen[key] then
    return
  end
  set.seen[key] = true
  local entry = canonical
  if canonical:sub(-2) == "/0" then
    if excluded then
      set.all[family] = true
    end
    entry = false
  end
  if entry or not excluded then
    side[family][#side[family] + 1] = entry
  end
end

--- Whether a set excludes anything.
-- @param set made by `read`, in the long form
-- @return boolean
function M.has_exceptions(set)
  return #set.exc[1] + #set.exc[2] > 0 or set.all[1] or set.all[2]
end

-- Add all of another set, seen from a list that it stands in.
local function add_set(session, helper, path, into, set, excluded)
  if excluded and (not set.positive or M.has_exceptions(set)) then
    session.fail(helper, path, "except takes no list that has exceptions itself")
  end
  for family = 1, 2 do
    for _, text in ipairs(set.inc[family]) do
      add(into, excluded, family, text or whole[family])
    end
    for _, text in ipairs(set.exc[family]) do
      add(into, true, family, text)
    end
    into.all[family] = into.all[family] or set.all[family]
  end
  if not excluded and set.positive then
    into.positive = true
  end
  into.long = into.long or set.long
end

local function add_new(set, key, zone)
  local list = set[key] or {}
  for _, known in ipairs(list) do
    if known == zone then
      return
    end
  end
  list[#list + 1] = zone
  set[key], set.zoned = list, true
end

-- A zone in a list: plain addresses as such, the rest for moongate.places.
local function add_zone(session, helper, path, into, zone, excluded, texts)
  if zone.empty then
    into.positive = into.positive or not excluded
  elseif zone.only_addresses then
    add_set(session, helper, path, into, zone.nets, excluded)
    table.move(zone.texts, 1, #zone.texts, #texts + 1, texts)
  elseif excluded then
    add_new(into, "excluded_zones", zone)
  else
    into.positive = true
    add_new(into, "zones", zone)
  end
end

local collect

-- A leaf of a list: a text, a value made by addresses{}, or an exception.
local function take_leaf(session, helper, path, value, set, excluded, texts)
  if type(value) == "string" then
    local family, canonical = parse(session, helper, path, value)
    add(set, excluded, family, canonical)
    if not excluded then
      set.positive = true
      texts[#texts + 1] = canonical
    end
    return true
  elseif made[value] then
    add_set(session, helper, path, set, made[value].set, excluded)
    table.move(made[value].texts, 1, #made[value].texts, #texts + 1, texts)
    return true
  elseif session.zones[value] then
    add_zone(session, helper, path, set, session.zones[value], excluded, texts)
    return true
  elseif exception_of(value) ~= nil then
    if excluded then
      session.fail(helper, path, "an exception of an exception says nothing: write the value itself")
    end
    collect(session, helper, path, exception_of(value), set, true, texts)
    return true
  elseif type(value) == "table" then
    -- An empty list stands for no address, even beside exceptions: it must
    -- not turn into "everything".
    if next(value) == nil and not excluded then
      set.positive = true
    end
    return false
  end
  session.fail(helper, path, ("an address as a string is needed, not %s"):format(shown(value)))
end

function collect(session, helper, path, value, set, excluded, texts)
  lists.each(session, helper, path, value, function(leaf, leaf_path)
    return take_leaf(session, helper, leaf_path, leaf, set, excluded, texts)
  end)
end

-- The lists of both families as one set has them: a network /0, which is alone
-- then, is false.
local function without_whole(ipv4, ipv6)
  for family, list in ipairs { ipv4, ipv6 } do
    if list[1] == whole[family] then
      list[1] = false
    end
  end
  return { ipv4, ipv6 }
end

-- All that is listed, as texts.
local function texts_of(inc)
  local texts = {}
  for family = 1, 2 do
    table.move(inc[family], 1, #inc[family], #texts + 1, texts)
    if inc[family][1] == false then
      texts[#texts - #inc[family] + 1] = whole[family]
    end
  end
  return texts
end

-- One side of a set, folded.
local function folded(session, side)
  local texts = {}
  for family = 1, 2 do
    for _, text in ipairs(side[family]) do
      texts[#texts + 1] = text or whole[family]
    end
  end
  return without_whole(session.core.fold(texts))
end

-- Fold a set that is complete, and not shared yet, if it is long.
-- Returns whether it is.
local function fold_long(session, set)
  local inc, exc = set.inc, set.exc
  if not set.long and math.max(#inc[1], #inc[2], #exc[1], #exc[2]) <= most_as_written then
    return false
  end
  set.long = true
  set.inc, set.exc = folded(session, inc), folded(session, exc)
  for family = 1, 2 do
    if set.exc[family][1] == false then
      set.all[family], set.exc[family] = true, {}
    end
  end
  return true
end

-- What `addresses` made, alone or as all that a list holds: it needs no set of
-- its own then, which takes long where a file has filled it.
local function made_alone(value)
  if made[value] then
    return made[value]
  elseif type(value) == "table" and getmetatable(value) == nil and next(value, next(value)) == nil then
    return made[value[1]]
  end
end

--- Whether a set lists no address at all.
-- @param set made by `read`
-- @return boolean
function M.is_empty(set)
  return not set.only and not set.zoned and set.positive and #set.inc[1] == 0 and #set.inc[2] == 0
end

--- Read what a policy gave as addresses.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param path path of the value for errors
-- @param value a text, a list, an `addresses` value or an exception
-- @return a set; it is shared and must not be changed
-- @raise `helper: path: what` if something in it is no address
function M.read(session, helper, path, value)
  if type(value) == "string" then
    local cached = session.address_cache[value]
    if cached then
      return cached
    end
    local family, canonical, host_bits = parse(session, helper, path, value)
    local set = { canonical:sub(-2) ~= "/0" and canonical, only = family }
    if not host_bits then -- else it is to be said at every place
      if session.address_cached >= cache_limit then
        session.address_cache, session.address_cached = {}, 0
      end
      session.address_cache[value] = set
      session.address_cached = session.address_cached + 1
    end
    return set
  end
  local known = made_alone(value)
  if known then
    return known.set
  end
  local set = new_set()
  collect(session, helper, path, value, set, false, {})
  fold_long(session, set)
  set.seen = nil
  return set
end

local function refuse_change()
  error("addresses are read-only: make new ones with addresses { old, more }", 2)
end

-- A value that a policy can keep, count and go through, but not change.
local function new_value(set, texts)
  local value = setmetatable({}, {
    __name = "addresses",
    __metatable = false,
    __index = texts,
    __newindex = refuse_change,
    __len = function()
      return #texts
    end,
    __pairs = function()
      return ipairs(texts)
    end,
    __tostring = function()
      return "addresses { " .. table.concat(texts, ", ") .. " }"
    end,
  })
  made[value] = { set = set, texts = texts }
  return value
end

-- Refuse a zone that has interfaces, or exceptions of its own.
local function check_plain(session, helper, path, set)
  if set.zoned then
    local zone = (set.zones or set.excluded_zones)[1]
    session.fail(helper, path, ("%s is more than a list of addresses, which is what is needed here%s"):format(
      zone.shown, zone.nets and zone.links and ": give its networks alone, as ZONE.networks" or ""))
  end
end

--- Read what is addresses and nothing more.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param path path of the value for errors
-- @param value as `read` takes it
-- @return a set; it is shared and must not be changed
-- @raise `helper: path: what`, also for a zone that has interfaces
function M.read_plain(session, helper, path, value)
  local set = M.read(session, helper, path, value)
  check_plain(session, helper, path, set)
  return set
end

--- The value that `addresses { ... }` gives.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param path path of the list for errors
-- @param list what is in it
-- @return the value; and its set
-- @raise `helper: path: what` if something in it is no address
function M.value(session, helper, path, list)
  local known = made_alone(list)
  if known then
    return new_value(known.set, known.texts), known.set
  end
  local set, texts = new_set(), {}
  collect(session, helper, path, list, set, false, texts)
  check_plain(session, helper, path, set)
  if fold_long(session, set) then
    texts = texts_of(set.inc)
  end
  set.seen = nil
  return new_value(set, texts), set
end

--- The value for a long list that the core has folded.
-- @param ipv4 canonical networks; given away, as is the next one
-- @param ipv6 likewise
-- @return the same as `addresses { ... }` gives
function M.folded_value(ipv4, ipv6)
  local set = new_set()
  set.positive, set.long, set.seen = true, true, nil
  set.inc = without_whole(ipv4, ipv6)
  return new_value(set, texts_of(set.inc))
end

--- Offer `addresses` to policies.
-- @param language table of names
-- @param session the evaluation under way
function M.install(language, session)
  language.addresses = function(...)
    local list, extra = ...
    if extra ~= nil then
      session.fail("addresses", nil, "takes one list: write addresses { a, b }")
    elseif list == nil then
      session.fail("addresses", nil, "nil given (a misspelt variable?)")
    end
    return (M.value(session, "addresses", nil, list))
  end
end

return M
