-- SPDX-License-Identifier: GPL-2.0-or-later
--- Read-only views of tables, which still work with `ipairs`, `#` and the
-- policy's own `pairs`.
-- The policy gets views of the host's facts and of the standard library.
local M = {}

local type, next, tostring, setmetatable = type, next, tostring, setmetatable

-- view -> the table behind it
local behind = setmetatable({}, { __mode = "k" })

--- The table behind a view.
-- @param value any value
-- @return the table, or nil if `value` is no view
function M.behind(value)
  return behind[value]
end

--- A read-only view of one table. What it holds is handed out as it is.
-- @param t the table
-- @param what what to call it in an error ("host")
-- @param fail function(message) that raises with the policy's place
-- @param unknown what to call with a name that the table does not hold, which
--   may raise; without it the value is nil
-- @return the view
function M.view(t, what, fail, unknown)
  local view = setmetatable({}, {
    __index = unknown and function(_, key)
      local value = t[key]
      if value == nil and type(key) == "string" then
        unknown(key)
      end
      return value
    end or t,
    __len = function()
      return #t
    end,
    __newindex = function(_, key)
      fail(("%s is read-only: cannot set %s"):format(what, tostring(key)))
    end,
    __name = what,
    __metatable = false,
  })
  behind[view] = t
  return view
end

--- A read-only view of a table and of all the tables in it, which is copied,
-- so that nobody else's change shows through either.
-- @param value a table of plain data, or any other value, which is returned
-- @param what what to call it in an error
-- @param fail function(message) that raises with the policy's place
-- @return the view
function M.deep(value, what, fail)
  if type(value) ~= "table" then
    return value
  end
  local copy = {}
  for key, item in next, value do
    local inner = type(key) == "string" and what .. "." .. key or what .. "[" .. tostring(key) .. "]"
    copy[key] = M.deep(item, inner, fail)
  end
  return M.view(copy, what, fail)
end

return M
