-- SPDX-License-Identifier: GPL-2.0-or-later
--- What two sets of addresses have in common. Sets are those that
-- moongate.addresses reads; here nil stands for all addresses of both families.
local addresses = require "moongate.addresses"
local lists = require "moongate.lists"
local networks = require "moongate.networks"

local M = {}

local joined = lists.joined

-- A set of one address in the long form.
local function long(set)
  if not set or not set.only then
    return set
  end
  local out = { positive = true, inc = { {}, {} }, exc = { {}, {} }, all = { false, false } }
  out.inc[set.only][1] = set[1]
  return out
end

local nothing = { inc = { {}, {} }, exc = { {}, {} } }

-- Whether one side of a set is that of one of two sets, and the other one adds
-- nothing: lists only ever get shorter here, or longer.
local function is_that_of(out, side, one, other)
  for family = 1, 2 do
    if #out[side][family] ~= #one[side][family] or #other[side][family] > 0 then
      return false
    end
  end
  return true
end

-- What two sets say of how they are to stand in rules, in the set that comes of
-- them: a name is that of one list, and stays with it alone.
local function inherit(out, one, other)
  for _, key in ipairs { "as", "exc_as", "named" } do
    local first, second = one[key], other[key]
    out[key] = (first == "set" or second == "set") and "set" or first or second
  end
  for side, key in next, { inc = "label", exc = "exc_label" } do
    out[key] = is_that_of(out, side, one, other) and one[key] or is_that_of(out, side, other, one) and other[key] or nil
  end
  return addresses.with_sets(out)
end

-- Leave out what says nothing: listed networks that are excluded anyway, and
-- exceptions that are apart from all that is listed.
local function simplified(set)
  if not set then
    return nil
  elseif not set.positive then
    return addresses.has_exceptions(set) and set or nil
  end
  local out = { positive = true, inc = {}, exc = {}, all = { false, false } }
  for family = 1, 2 do
    out.inc[family] = set.all[family] and {} or networks.outside(set.inc[family], set.exc[family])
    out.exc[family] = networks.touching(set.exc[family], out.inc[family])
  end
  return inherit(out, set, nothing)
end

--- The addresses that both sets hold.
-- @param one a set or nil
-- @param other a set or nil
-- @return a set in the long form, or nil
function M.both(one, other)
  one, other = long(one), long(other)
  if not one or not other then
    return simplified(one or other)
  end
  local out = { positive = one.positive or other.positive, inc = {}, exc = {}, all = {} }
  for family = 1, 2 do
    out.exc[family] = joined(one.exc[family], networks.outside(other.exc[family], one.exc[family]))
    out.all[family] = one.all[family] or other.all[family]
    if one.positive and other.positive then
      out.inc[family] = networks.common(one.inc[family], other.inc[family])
    else
      out.inc[family] = (one.positive and one or other).inc[family]
    end
  end
  return simplified(inherit(out, one, other))
end

--- All addresses that are not in a set.
-- @param set a set in the long form
-- @return a set; or nil for one that both lists and excludes some, whose
--   complement is none
function M.complement(set)
  local out = { positive = not set.positive, inc = { {}, {} }, exc = { {}, {} }, all = { false, false } }
  for family = 1, 2 do
    if not set.positive then
      out.inc[family] = set.all[family] and { false } or set.exc[family]
    elseif #set.exc[family] > 0 or set.all[family] then
      return nil
    else
      for _, network in ipairs(set.inc[family]) do
        out.all[family] = out.all[family] or not network
      end
      out.exc[family] = out.all[family] and {} or set.inc[family]
    end
  end
  out.as, out.exc_as, out.label, out.exc_label = set.exc_as, set.as, set.exc_label, set.label
  out.named = set.named
  return addresses.with_sets(out)
end

--- The families in which a set has an address.
-- @param set a set or nil
-- @return 0 to 3
function M.families(set)
  if not set then
    return 3
  elseif set.only then
    return set.only
  end
  local families = 0
  for family = 1, 2 do
    if not set.all[family] and (not set.positive or #set.inc[family] > 0) then
      families = families | family
    end
  end
  return families
end

return M
