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
-- Besides texts, `inc` and `exc` may hold sets of somebody else's, as tables. A set
-- with `sets` has some of those, or a list that is to be a set of the kernel's: it
-- is gone through by moongate.kernel_sets. `as` and `exc_as` are "set" or "rules"
-- if the policy says so, `label` and `exc_label` what such a set is called.
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

-- `addresses { ... }` value -> { set =, texts =, negative = the set of all but that,
-- if it has been needed }
local made = setmetatable({}, { __mode = "k" })

-- What few policies need is loaded with the first list that does.
local function kernel_sets()
  return require "moongate.kernel_sets"
end

local function address_lists()
  return require "moongate.address_lists"
end

local function new_set()
  return { positive = false, inc = { {}, {} }, exc = { {}, {} }, all = { false, false }, seen = {} }
end

-- One text -> family, canonical text (false for /0).
local function parse(session, helper, path, text)
  local family, canonical, host_bits = session.core.address(text)
  if not family then
    session.fail(helper, path, require("moongate.address_words").explain(session, text))
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

-- Add a set of somebody else's.
local function add_name(set, excluded, family, item)
  local key = ("%s%d set %s %s"):format(excluded and "-" or "+", family, item.set, item.flags or "")
  set.named = true
  if not set.seen[key] then
    set.seen[key] = true
    local list = (excluded and set.exc or set.inc)[family]
    list[#list + 1] = item
  end
end

local function add_item(set, excluded, family, item)
  if type(item) == "table" then
    add_name(set, excluded, family, item)
  else
    add(set, excluded, family, item or whole[family])
  end
end

-- How a list that is made of others is to stand in rules: a set, if one of them is.
local function take_as(set, key, as)
  if as == "set" or not set[key] then
    set[key] = as
  end
end

-- A list keeps its name as a set where nothing else is beside it. False: that has
-- no name any more.
local function take_label(set, key, label)
  if set[key] == nil then
    set[key] = label or false
  elseif set[key] ~= label then
    set[key] = false
  end
end

-- The end of reading a list.
local function complete(set)
  set.seen, set.label, set.exc_label = nil, set.label or nil, set.exc_label or nil
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
    for _, item in ipairs(set.inc[family]) do
      add_item(into, excluded, family, item)
    end
    for _, item in ipairs(set.exc[family]) do
      add_item(into, true, family, item)
    end
    into.all[family] = into.all[family] or set.all[family]
  end
  take_as(into, excluded and "exc_as" or "as", set.as)
  take_as(into, "exc_as", set.exc_as)
  take_label(into, excluded and "exc_label" or "label", set.label)
  if M.has_exceptions(set) then
    take_label(into, "exc_label", set.exc_label)
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
    take_label(set, excluded and "exc_label" or "label", nil)
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
  elseif session.sets[value] then
    for family = 1, 2 do
      if session.sets[value].families & family ~= 0 then
        add_name(set, excluded, family, session.sets[value])
      end
    end
    if not excluded then
      set.positive = true
      texts[#texts + 1] = session.sets[value].shown
    end
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

--- The lists of both families as one set has them: a network /0, which is alone
-- then, is false.
-- @param ipv4 canonical networks, folded; changed
-- @param ipv6 likewise
-- @return both in a table
function M.without_whole(ipv4, ipv6)
  for family, list in ipairs { ipv4, ipv6 } do
    if list[1] == whole[family] then
      list[1] = false
    end
  end
  return { ipv4, ipv6 }
end

--- All that is listed, as texts.
-- @param inc the lists of both families
-- @return a sequence
function M.texts_of(inc)
  local texts = {}
  for family = 1, 2 do
    for _, item in ipairs(inc[family]) do
      texts[#texts + 1] = type(item) == "table" and item.shown or item or whole[family]
    end
  end
  return texts
end

-- One side of a set, folded.
local function folded(session, side)
  local texts, others = {}, { {}, {} }
  for family = 1, 2 do
    for _, item in ipairs(side[family]) do
      if type(item) == "table" then
        table.insert(others[family], item)
      else
        texts[#texts + 1] = item or whole[family]
      end
    end
  end
  local lists_by_family = M.without_whole(session.core.fold(texts))
  for family = 1, 2 do
    table.move(others[family], 1, #others[family], #lists_by_family[family] + 1, lists_by_family[family])
  end
  return lists_by_family
end

--- Fold a set that is complete, and not shared yet, if it is long.
-- @param session the evaluation under way
-- @param set the set; changed
-- @return whether it is
function M.fold_long(session, set)
  local inc, exc = set.inc, set.exc
  if not set.long and math.max(#inc[1], #inc[2], #exc[1], #exc[2]) <= most_as_written and set.as ~= "set"
      and set.exc_as ~= "set" then
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

--- Find out whether some of a set are sets of the kernel's.
-- @param set complete but for that; changed
-- @return the set
function M.with_sets(set)
  local inc, exc = set.inc, set.exc
  if set.as or set.exc_as or set.named or math.max(#inc[1], #inc[2], #exc[1], #exc[2]) > most_as_written then
    set.sets = kernel_sets().is_wanted(set) or nil
  end
  return set
end

-- What `addresses` made, alone or as all that a list holds: it needs no set of
-- its own then, which takes long where a file has filled it.
local function made_alone(session, value)
  if type(value) == "table" and getmetatable(value) == nil and next(value, next(value)) == nil then
    value = value[1]
  end
  if made[value] then
    return made[value]
  end
  local zone = session.zones[value]
  return zone and zone.only_addresses and not zone.empty and { set = zone.nets, texts = zone.texts } or nil
end

--- Whether a set lists no address at all.
-- @param set made by `read`
-- @return boolean
function M.is_empty(set)
  if set.only or set.zoned or not set.positive then
    return false
  elseif set.sets then
    return kernel_sets().count(set, 1) + kernel_sets().count(set, 2) == 0
  end
  return #set.inc[1] == 0 and #set.inc[2] == 0
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
  local known = made_alone(session, value)
  if known then
    return known.set
  end
  local excluded = exception_of(value)
  known = excluded ~= nil and made_alone(session, excluded)
  if known and known.set.sets and known.set.positive and not M.has_exceptions(known.set) then
    known.negative = known.negative or address_lists().all_but(session, known.set)
    return known.negative
  end
  local set = new_set()
  collect(session, helper, path, value, set, false, {})
  M.fold_long(session, set)
  complete(set)
  return (set.long or set.named) and M.with_sets(set) or set
end

local function refuse_change()
  error("addresses are read-only: make new ones with addresses { old, more }", 2)
end

--- A value that a policy can keep, count and go through, but not change.
-- @param set what it stands for
-- @param texts what it lists
-- @return the value
function M.new_value(set, texts)
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
-- @param as how it is to stand in rules, "set" or "rules"; nil for what suits its length
-- @param label what it is called as a set, see moongate.kernel_sets; or nil
-- @return the value; and its set
-- @raise `helper: path: what` if something in it is no address
function M.value(session, helper, path, list, as, label)
  local known = made_alone(session, list)
  if known and (as or label) then
    return address_lists().otherwise(session, known, as, label)
  elseif known then
    return M.new_value(known.set, known.texts), known.set
  end
  local set, texts = new_set(), {}
  collect(session, helper, path, list, set, false, texts)
  check_plain(session, helper, path, set)
  complete(set)
  set.as, set.exc_as = as or set.as, as or set.exc_as
  if label then
    set.label, set.exc_label = label, set.positive and label.except or label
  end
  if M.fold_long(session, set) then
    texts = M.texts_of(set.inc)
  end
  return M.new_value(set, texts), M.with_sets(set)
end

-- Whether something stands beside the addresses of a list that somebody wrote: what
-- comes behind the last one. It is to be told as an option, not as a stray key.
local function has_options(list)
  return type(next(list, list[1] ~= nil and #list or nil)) == "string"
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
    local as, label
    if type(list) == "table" and getmetatable(list) == nil
        and (list.as ~= nil or list.name ~= nil or has_options(list)) then
      list, as, label = kernel_sets().read_options(session, "addresses", list)
    end
    return (M.value(session, "addresses", nil, list, as, label))
  end
end

return M
