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
  elseif find(name, ":", 1, true) then
    return ('%s is no interface name, but the label of an address: write "%s", and the address in to='):format(
      lists.shown(name), name:match("^[^:]*"))
  elseif find(name, "%*") then
    return lists.shown(name) .. ': the wildcard is "+", at the end only'
  elseif find(name, "%+.") then
    return lists.shown(name) .. ': "+" stands at the end only'
  end
end

local function add(found, seen, name)
  if not seen[name] then
    seen[name] = true
    found[#found + 1] = name
  end
end

-- A zone in a list: plain interfaces as such, the rest for moongate.places.
local function add_zone(found, seen, zone)
  if zone.only_interfaces then
    for _, name in ipairs(zone.links) do
      add(found, seen, name)
    end
  elseif not zone.empty and not seen[zone] then
    seen[zone] = true
    found.zoned, found.zones = true, found.zones or {}
    found.zones[#found.zones + 1] = zone
  end
end

--- Read what a policy gave as interfaces.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param path path of the value
-- @param value a name (`eth+` for all that begin so), a list, or an exception
-- @return { name..., negative = boolean }; empty if the list is. With zones that
--   are more than a list of interfaces it is `zoned`, and they are in `zones`.
-- @raise `helper: path: what` if something in it is no interface name
function M.read(session, helper, path, value)
  local found, seen = { negative = false }, {}
  local excluded = exceptions.of(value)
  if excluded ~= nil then
    found.negative, value = true, excluded
  end
  lists.each(session, helper, path, value, function(leaf, leaf_path)
    local zone = session.zones[leaf]
    if zone then
      add_zone(found, seen, zone)
      return true
    elseif type(leaf) == "string" then
      local wrong = bad_name(leaf)
      if wrong then
        session.fail(helper, leaf_path, wrong)
      end
      add(found, seen, leaf)
    elseif exceptions.is(leaf) then
      session.fail(helper, leaf_path, "except goes around the whole list of interfaces: except { a, b }")
    elseif type(leaf) ~= "table" then
      session.fail(helper, leaf_path, ("an interface name is needed, not %s"):format(lists.shown(leaf)))
    end
  end)
  return found
end

--- Whether what was given names no interface, nor a zone.
-- @param found made by `read` or `read_links`
-- @return boolean
function M.is_empty(found)
  return #found == 0 and not found.negative and not found.zoned
end

--- Read interfaces where networks mean nothing: of a zone, its interfaces.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param path path of the value
-- @param value as `read` takes it
-- @return { name..., negative = boolean }; empty if the list is
-- @raise `helper: path: what`, also for a zone without interfaces, and one with
--   exceptions in a list
function M.read_links(session, helper, path, value)
  local found = M.read(session, helper, path, value)
  local zones = found.zones
  if not zones then
    return found
  elseif #zones == 1 and #found == 0 and zones[1].links and not found.negative then
    return zones[1].links
  end
  local seen, out = {}, { negative = found.negative }
  for _, name in ipairs(found) do
    add(out, seen, name)
  end
  for _, zone in ipairs(zones) do
    if not zone.links or zone.links.negative then
      session.fail(helper, path, ("%s has no list of interfaces, and that is what is needed here"):format(zone.shown))
    end
    for _, name in ipairs(zone.links) do
      add(out, seen, name)
    end
  end
  return out
end

return M
