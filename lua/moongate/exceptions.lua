-- SPDX-License-Identifier: GPL-2.0-or-later
--- `except(x)`: everything but x. What x may be is for the option to say that
-- it is given to: addresses, interfaces, ports, or an extension's own value.
local M = {}

local type, next, setmetatable, error = type, next, setmetatable, error

-- exception -> what it excludes
local excluded = setmetatable({}, { __mode = "k" })

local meta = {
  __name = "except",
  __metatable = false,
  __newindex = function()
    error("an exception is read-only", 2)
  end,
  __tostring = function()
    return "except(...)"
  end,
}

-- Lists are copied: changing one later does not change the exception.
local function snapshot(value)
  if type(value) ~= "table" or getmetatable(value) ~= nil then
    return value
  end
  local copy = {}
  for key, item in next, value do
    copy[key] = snapshot(item)
  end
  return copy
end

--- Make an exception.
-- @param value what is excluded
-- @return an opaque value
function M.new(value)
  local exception = setmetatable({}, meta)
  excluded[exception] = snapshot(value)
  return exception
end

--- Whether a value is an exception.
-- @param value any value
-- @return boolean
function M.is(value)
  return excluded[value] ~= nil
end

--- What an exception excludes.
-- @param exception made by `new`
-- @return the value, or nil if `exception` is something else
function M.of(exception)
  return excluded[exception]
end

--- Offer `except` to policies.
-- @param language table of names
-- @param session the evaluation under way
function M.install(language, session)
  language.except = function(...)
    local count, value = select("#", ...), ...
    if count ~= 1 then
      session.fail("except", nil, "takes one value; several go into a list: except { a, b }")
    elseif value == nil then
      session.fail("except", nil, "nil given (a misspelt variable?)")
    elseif excluded[value] ~= nil then
      session.fail("except", nil, "an exception of an exception says nothing: write the value itself")
    end
    return M.new(value)
  end
end

return M
