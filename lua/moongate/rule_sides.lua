-- SPDX-License-Identifier: GPL-2.0-or-later
--- The sides of a rule, addresses and interfaces, as one rule after the other
-- has to go through them.
local M = {}

-- "No condition" as a list, so that a loop over it runs once.
local any = { false }

-- One side of a set, as moongate.kernel_sets gives it for one that it knows of.
local function listed(_, _, set, side, family)
  return set[side][family]
end

--- What a set of addresses asks for in one family.
-- @param set as moongate.addresses reads it, or a false value for any
-- @param family 1 or 2
-- @param session the evaluation under way
-- @param helper who makes the rule
-- @return the values to go through, or nil if nothing can match; where the set has
--   `sets`, some may be look-ups, see moongate.kernel_sets
-- @return whether they are negated
-- @return those that one rule cannot exclude, or nil
function M.address(set, family, session, helper)
  if not set then
    return any
  elseif set.only then
    return set.only == family and set or nil
  elseif set.all[family] then
    return nil
  end
  local items = set.sets and require("moongate.kernel_sets").items or listed
  local excluded = items(session, helper, set, "exc", family)
  if set.positive then
    local list = items(session, helper, set, "inc", family)
    if #list == 0 then
      return nil
    end
    return list, false, #excluded > 0 and excluded or nil
  elseif #excluded == 0 then
    return any
  elseif #excluded == 1 then
    return excluded, true
  end
  return any, false, excluded
end

--- What a set of interfaces asks for.
-- @param found as moongate.interfaces reads it, or a false value for any
-- @return the same as `address`
function M.interface(found)
  if not found then
    return any
  elseif not found.negative then
    return found
  elseif #found == 0 then
    return any
  elseif #found == 1 then
    return found, true
  end
  return any, false, found
end

--- What one rule cannot exclude, put together.
-- @param s sources, or nil
-- @param d destinations, or nil
-- @param i ways in, or nil
-- @param o ways out, or nil
-- @param more whether there is something else, so that a list is wanted
-- @return a sequence of { option =, values... }, or nil if there is nothing
function M.exclusions(s, d, i, o, more)
  if not (s or d or i or o or more) then
    return nil
  end
  local out = {}
  local function add(option, values)
    if values then
      out[#out + 1] = table.move(values, 1, #values, 1, { option = option })
    end
  end
  add("-s", s)
  add("-d", d)
  add("-i", i)
  add("-o", o)
  return out
end

--- The families in which a set of addresses can match.
-- @param set as moongate.addresses reads it, or a false value for any
-- @return 0 to 3
function M.families(set)
  if not set then
    return 3
  elseif set.sets then
    return require("moongate.kernel_sets").families(set)
  end
  return (M.address(set, 1) and 1 or 0) | (M.address(set, 2) and 2 or 0)
end

return M
