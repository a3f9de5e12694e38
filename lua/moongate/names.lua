-- SPDX-License-Identifier: GPL-2.0-or-later
--- Names that the language gives by itself, to chains and to the kernel's
-- tables of limits. They come from what they stand for, so that every run gives
-- the same ones and a moved line of the policy changes nothing.
local order = require "moongate.order"

local M = {}

local type, tostring, concat = type, tostring, table.concat

-- FNV-1a of 32 bits.
local function hash(text)
  local value = 0x811c9dc5
  for i = 1, #text do
    value = ((value ~ text:byte(i)) * 0x01000193) & 0xffffffff
  end
  return ("%08x"):format(value)
end

--- A short word for some text, the same each time.
-- @param text the text
-- @return eight hexadecimal digits
M.hash = hash

--- One text for what a value holds: equal ones have equal texts.
-- @param value plain data: no cycles, keys that have an order
-- @return the text
function M.fingerprint(value)
  if type(value) ~= "table" then
    return type(value) .. ":" .. tostring(value)
  end
  local out = {}
  for _, key in ipairs(order.keys(value) or {}) do
    out[#out + 1] = tostring(key) .. "=" .. M.fingerprint(value[key])
  end
  return "{" .. concat(out, ";") .. "}"
end

--- The name for some content, the same each time.
-- @param session the evaluation under way
-- @param prefix how the name begins
-- @param content text that tells it from others
-- @return the prefix and eight hexadecimal digits
-- @usage names.unique(session, "EXCEPT_", "10.0.0.1/32") --> "EXCEPT_5b1d2c3e"
function M.unique(session, prefix, content)
  local given, attempt = session.given_names, 0
  local name = prefix .. hash(content)
  while given[name] and given[name] ~= content do
    attempt = attempt + 1
    name = prefix .. hash(content .. attempt)
  end
  given[name] = content
  return name
end

return M
