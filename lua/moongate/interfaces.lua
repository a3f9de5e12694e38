-- SPDX-License-Identifier: GPL-2.0-or-later
--- Interface names, alone, in lists, and excepted.
local exceptions = require "moongate.exceptions"
local lists = require "moongate.lists"

local M = {}

local type, find = type, string.find

-- IFNAMSIZ, less the NUL.
local longest = 15

local function bad_name(name)
  if name == "" then
    return "an interface name is empty"
  elseif #name > longest then
    return ("%s is no interface name: longer than %d bytes"):format(lists.shown(name), longest)
  elseif find(name, "^!") then
    return lists.shown(name) .. ": write except(...) to negate"
  elseif find(name, "^%-") or find(name, "[%s%c/]") or name == "." or name == ".." then
    return lists.shown(name) .. " is no interface name"
  elseif find(name, "%*") then
    return lists.shown(name) .. ': the wildcard is "+", at the end only'
  elseif find(name, "%+.") then
    return lists.shown(name) .. ': "+" stands at the end only'
  end
end

--- Read what a policy gave as interfaces.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param path path of the value
-- @param value a name (`eth+` for all that begin so), a list, or an exception
-- @return { name..., negative = boolean }; empty if the list is
-- @raise `helper: path: what` if something in it is no interface name
function M.read(session, helper, path, value)
  local found, seen = { negative = false }, {}
  local excluded = exceptions.of(value)
  if excluded ~= nil then
    found.negative, value = true, excluded
  end
  lists.each(session, helper, path, value, function(leaf, leaf_path)
    if type(leaf) == "string" then
      local wrong = bad_name(leaf)
      if wrong then
        session.fail(helper, leaf_path, wrong)
      elseif not seen[leaf] then
        seen[leaf] = true
        found[#found + 1] = leaf
      end
    elseif exceptions.is(leaf) then
      session.fail(helper, leaf_path, "except goes around the whole list of interfaces: except { a, b }")
    elseif type(leaf) ~= "table" then
      session.fail(helper, leaf_path, ("an interface name is needed, not %s"):format(lists.shown(leaf)))
    end
  end)
  return found
end

return M
