-- SPDX-License-Identifier: GPL-2.0-or-later
--- Reading lists that a policy wrote: no holes, no stray keys; and tables that are
-- made of others.
local nearest = require "moongate.nearest"
local order = require "moongate.order"
local readonly = require "moongate.readonly"

local M = {}

local type, next = type, next
local math_type = math.type

--- How a value is named in an error.
-- @param value any value
-- @return `"text"` for a string, digits for a number, else the type
function M.shown(value)
  if type(value) == "string" then
    if #value > 60 then
      value = value:sub(1, 57) .. "..."
    end
    return '"' .. value:gsub("[%c]", "?") .. '"'
  elseif type(value) == "number" or type(value) == "boolean" then
    return tostring(value)
  end
  return "a " .. type(value)
end

-- The first key in order that has no place in a list, so that it is always
-- the same one that is reported.
local function first_stray(list)
  for _, key in ipairs(order.keys(list) or {}) do
    if math_type(key) ~= "integer" or key < 1 then
      return M.shown(key)
    end
  end
  return "of another type"
end

-- What was meant by a key that has no place in a list: of a list that is to be a set.
local function meant(key)
  return (key == '"as"' or key == '"name"') and ': write addresses { ..., as = "set" }' or ""
end

--- The length of a table that must be a plain list.
-- @param session the evaluation under way
-- @param helper name for the error
-- @param path path of the list
-- @param list the table
-- @return its length
-- @raise if it has holes or other keys
function M.length(session, helper, path, list)
  if session.sets[list] then
    session.fail(helper, path, ("%s has no place here: it stands where addresses do"):format(session.sets[list].shown))
  end
  list = readonly.behind(list) or list
  local length, count = #list, 0
  for key in next, list do
    if math_type(key) ~= "integer" or key < 1 then
      local stray = first_stray(list)
      session.fail(helper, path, ("a list is needed here, but it has the key %s%s"):format(stray, meant(stray)))
    end
    count = count + 1
    if key > length then
      length = key
    end
  end
  if count ~= length then
    for i = 1, length do
      if list[i] == nil then
        session.fail(helper, ("%s[%d]"):format(path or "", i), "nil in a list (a misspelt variable?)")
      end
    end
  end
  return length
end

--- Two lists as one.
-- @param list a sequence; not changed
-- @param more what comes behind it; not changed
-- @return a new sequence
function M.joined(list, more)
  return table.move(more, 1, #more, #list + 1, table.move(list, 1, #list, 1, {}))
end

--- A new table with what two tables hold; the second one wins.
-- @param one a table; not changed
-- @param other a table, or nil for a copy of the first; not changed
-- @return the table
function M.merged(one, other)
  local all = {}
  for _, from in ipairs { one, other } do
    for key, value in next, from do
      all[key] = value
    end
  end
  return all
end

--- Whether a value is in a list.
-- @param list a sequence
-- @param wanted the value
-- @return boolean
function M.has(list, wanted)
  for _, value in ipairs(list) do
    if value == wanted then
      return true
    end
  end
  return false
end

--- Walk a list of lists to its leaves, in order.
-- @param session the evaluation under way
-- @param helper name for the error
-- @param path path of the value
-- @param value one leaf or a list, nested as deep as the writer likes
-- @param leaf function(value, path), called for each leaf; for a table it is
--   called first and may take it as a leaf by returning true
-- @raise if a list is malformed or nested without end
function M.each(session, helper, path, value, leaf, depth)
  depth = depth or 0
  if type(value) ~= "table" then
    leaf(value, path)
    return
  elseif leaf(value, path) then
    return
  elseif session.zones[value] then
    session.fail(helper, path, ("%s has no place here: a zone is addresses and interfaces")
      :format(session.zones[value].shown))
  elseif depth > 50 then
    session.fail(helper, path, "lists nested more than 50 deep (does one hold itself?)")
  end
  for i = 1, M.length(session, helper, path, value) do
    M.each(session, helper, ("%s[%d]"):format(path or "", i), value[i], leaf, depth + 1)
  end
end

--- Read some of a few words.
-- @param session the evaluation under way
-- @param helper name for the error
-- @param path path of the value
-- @param value a word or a list
-- @param names all that there are
-- @param what how the error tells that a word is none of them
-- @param if_empty what the error says of an empty list
-- @return those that are named, once each, in the order of `names`; and the same
--   as a set
-- @raise if there is another word, or none
function M.choose(session, helper, path, value, names, what, if_empty)
  local wanted, found = {}, {}
  M.each(session, helper, path, value, function(leaf, leaf_path)
    if type(leaf) == "table" then
      return
    elseif not M.has(names, leaf) then
      session.fail(helper, leaf_path, ("%s is %s%s (one of %s)"):format(M.shown(leaf), what,
        type(leaf) == "string" and nearest.suggestion(leaf, names) or "", table.concat(names, ", ")))
    end
    wanted[leaf] = true
  end)
  for _, name in ipairs(names) do
    if wanted[name] then
      found[#found + 1] = name
    end
  end
  if #found == 0 then
    session.fail(helper, path, "an empty list: " .. if_empty)
  end
  return found, wanted
end

return M
