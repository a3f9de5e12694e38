-- SPDX-License-Identifier: GPL-2.0-or-later
--- A fixed order for the keys of tables: the same policy gives the same rules.
-- Numbers by value, then strings bytewise, then false and true. Other keys
-- have no order that is the same in every run.
local M = {}

local type, next, rawlen, math_type = type, next, rawlen, math.type
local sort = table.sort

local place = { number = 1, string = 2, boolean = 3 }

--- Whether key `a` comes before key `b`.
-- @param a a key
-- @param b another key
-- @return boolean
function M.before(a, b)
  local type_a, type_b = type(a), type(b)
  if type_a ~= type_b then
    return place[type_a] < place[type_b]
  end
  if type_a == "boolean" then
    return b and not a
  end
  return a < b
end

local function no_place(key)
  return "keys of type " .. type(key) .. " have no fixed order: use numbers or strings as keys"
end

--- The keys of a table in order.
-- @param t a table; not changed
-- @return a sequence of keys; or nil and what is wrong, if a key is neither
--   number, string nor boolean
function M.keys(t)
  local keys, rest, length = {}, {}, rawlen(t)
  local in_sequence = 0
  for key in next, t do
    if math_type(key) == "integer" and key >= 1 and key <= length then
      in_sequence = in_sequence + 1
    elseif place[type(key)] then
      rest[#rest + 1] = key
    else
      return nil, no_place(key)
    end
  end
  if in_sequence == length and #rest == 0 then
    -- A plain list, by far the most common: nothing to sort.
    for i = 1, length do
      keys[i] = i
    end
    return keys
  end
  for i = 1, length do
    if t[i] ~= nil then
      rest[#rest + 1] = i
    end
  end
  sort(rest, M.before)
  return rest
end

--- The key that follows `key`, in linear time and without a copy.
-- @param t a table
-- @param key a key, or nil for the first one
-- @return the next key, or nil after the last one; or nil and what is wrong
function M.after(t, key)
  local found
  for candidate in next, t do
    if not place[type(candidate)] then
      return nil, no_place(candidate)
    end
    if (key == nil or M.before(key, candidate)) and (found == nil or M.before(candidate, found)) then
      found = candidate
    end
  end
  return found
end

return M
