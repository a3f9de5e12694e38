-- SPDX-License-Identifier: GPL-2.0-or-later
--- Which network lies within which, and what two lists of them have in common.
--
-- Networks are canonical texts, as the core makes them: "10.0.0.0/8". Two of
-- them never overlap in part: one lies within the other, or they are apart. So
-- a network is compared as the string of its first bits, which the one that
-- lies within begins with.
local M = {}

local concat, tointeger = table.concat, math.tointeger

-- Byte -> its eight digits.
local digits = setmetatable({}, {
  __index = function(self, byte)
    local out = {}
    for bit = 7, 0, -1 do
      out[#out + 1] = byte >> bit & 1
    end
    self[byte] = concat(out)
    return self[byte]
  end,
})

local function bits_of_ipv4(host)
  local out = {}
  for byte in host:gmatch("%d+") do
    out[#out + 1] = digits[tointeger(byte)]
  end
  return concat(out)
end

local function bits_of_groups(text)
  local out = {}
  for group in text:gmatch("[^:]+") do
    if group:find(".", 1, true) then -- the last two, as IPv4 writes them
      out[#out + 1] = bits_of_ipv4(group)
    else
      local value = tonumber(group, 16)
      out[#out + 1] = digits[value >> 8] .. digits[value & 255]
    end
  end
  return concat(out)
end

--- The bits that a network has in common. A set of somebody else's (see
-- moongate.kernel_sets) lies within all of a family, and within itself.
-- @param text a canonical network, or false for all of a family
-- @return a string of 0 and 1, as long as the prefix
-- @usage networks.bits("192.0.2.0/3") --> "110"
function M.bits(text)
  if not text then
    return ""
  elseif type(text) == "table" then
    return ("set %s %s\n"):format(text.set, text.flags or "")
  end
  local host, length = text:match("^(.-)/(%d+)$")
  local all
  if host:find(":", 1, true) then
    local head, tail = host:match("^(.-)::(.*)$")
    head, tail = bits_of_groups(head or host), bits_of_groups(tail or "")
    all = head .. ("0"):rep(128 - #head - #tail) .. tail
  else
    all = bits_of_ipv4(host)
  end
  return all:sub(1, tointeger(length))
end

-- The bits of each network of a list.
local function bits_of_list(list)
  local out = {}
  for i = 1, #list do
    out[i] = M.bits(list[i])
  end
  return out
end

local function begins_with(bits, first)
  return bits:sub(1, #first) == first
end

--- Whether a network lies within another one of the same family, or is it.
-- @param inner a canonical network, or false for all of the family
-- @param outer likewise
-- @return boolean
function M.within(inner, outer)
  return begins_with(M.bits(inner), M.bits(outer))
end

-- Whether two are apart. What a set of somebody else's holds is not known.
local function are_apart(bits, other)
  return not begins_with(bits, other) and not begins_with(other, bits) and bits:byte() ~= 115 and other:byte() ~= 115
end

local function fail_unknown(one, other)
  local set = type(one) == "table" and one or other
  error(("what %s and other networks have in common is not known here: give only one of them"):format(set.shown), 0)
end

--- What two lists of networks of one family have in common.
-- @param list canonical networks, false for all of the family
-- @param other likewise
-- @return a new list, in the order of the first
-- @raise if that depends on what somebody else's set holds
function M.common(list, other)
  local out, seen = {}, {}
  local bits, other_bits = bits_of_list(list), bits_of_list(other)
  for i = 1, #list do
    for k = 1, #other do
      local found
      if begins_with(bits[i], other_bits[k]) then
        found = list[i]
      elseif begins_with(other_bits[k], bits[i]) then
        found = other[k]
      elseif not are_apart(bits[i], other_bits[k]) then
        fail_unknown(list[i], other[k])
      end
      if found ~= nil and not seen[found] then
        seen[found] = true
        out[#out + 1] = found
      end
    end
  end
  return out
end

--- A list without the networks that lie within those of another.
-- @param list canonical networks of one family, false for all of it
-- @param other likewise
-- @return a list, not to be changed: it may be the one given
function M.outside(list, other)
  if #other == 0 then
    return list
  end
  local out, other_bits = {}, bits_of_list(other)
  for i = 1, #list do
    local bits, covered = M.bits(list[i]), false
    for k = 1, #other do
      covered = covered or begins_with(bits, other_bits[k])
    end
    if not covered then
      out[#out + 1] = list[i]
    end
  end
  return out
end

--- A list without the networks that are apart from all of another.
-- @param list canonical networks of one family, false for all of it
-- @param other likewise
-- @return a new list
function M.touching(list, other)
  local out = {}
  if #list == 0 then
    return out
  end
  local other_bits = bits_of_list(other)
  for i = 1, #list do
    local bits, touches = M.bits(list[i]), false
    for k = 1, #other do
      touches = touches or not are_apart(bits, other_bits[k])
    end
    if touches then
      out[#out + 1] = list[i]
    end
  end
  return out
end

return M
