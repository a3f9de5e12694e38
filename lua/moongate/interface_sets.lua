-- SPDX-License-Identifier: GPL-2.0-or-later
--- What two sets of interfaces have in common. Sets are those that
-- moongate.interfaces reads; here nil stands for all interfaces, and `but` is a
-- list of names that are taken off a name with a wildcard: what one rule cannot
-- say.
local lists = require "moongate.lists"

local M = {}

local joined = lists.joined

-- "eth+" is every name that begins with "eth".
local function covers(outer, inner)
  if outer:sub(-1) ~= "+" then
    return outer == inner
  end
  local start = outer:sub(1, -2)
  return inner:sub(1, #start) == start
end

local function any(list, test)
  for _, name in ipairs(list) do
    if test(name) then
      return true
    end
  end
  return false
end

-- The names of a list that pass a test.
local function filtered(list, test)
  local out = {}
  for _, name in ipairs(list) do
    if test(name) then
      out[#out + 1] = name
    end
  end
  return out
end

local function outside(list, other)
  return filtered(list, function(name)
    return not any(other, function(outer)
      return covers(outer, name)
    end)
  end)
end

local function touching(list, other)
  return filtered(list, function(name)
    return any(other, function(one)
      return covers(one, name) or covers(name, one)
    end)
  end)
end

-- Of two names that overlap, the narrower one.
local function common(list, other)
  local out = { negative = false }
  for _, name in ipairs(list) do
    for _, found in ipairs(other) do
      if covers(found, name) then
        found = name
      end
      if covers(name, found) and not any(out, function(seen) return seen == found end) then
        out[#out + 1] = found
      end
    end
  end
  return out
end

--- The interfaces that both sets hold.
-- @param one a set or nil
-- @param other a set or nil
-- @return a set or nil
function M.both(one, other)
  if not one or not other then
    return one or other
  elseif one.negative and other.negative then
    local out = joined(one, outside(other, one))
    out.negative = true
    return out
  elseif one.negative then
    one, other = other, one
  end
  local out
  if other.negative then
    out = outside(one, other)
    out.negative, out.but = false, touching(other, out)
  else
    out = common(one, other)
    out.but = other.but or {}
  end
  out.but = touching(joined(one.but or {}, out.but), out)
  return out
end

--- Whether no interface is in a set.
-- @param set a set or nil
-- @return boolean
function M.is_empty(set)
  return set ~= nil and not set.negative and #set == 0
end

return M
