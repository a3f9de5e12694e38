-- SPDX-License-Identifier: GPL-2.0-or-later
--- Connection states as conntrack names them.
local lists = require "moongate.lists"
local nearest = require "moongate.nearest"

local M = {}

-- In the order in which iptables-save prints them.
local names = { "INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT" }
local known = {}
for _, name in ipairs(names) do
  known[name] = true
end

local cache = {}

--- Read what a policy gave as `state=`.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param path path of the value
-- @param value a name, names joined by commas, a list, or "any"
-- @return text for --ctstate, or false for "any"
-- @raise if a name is unknown or the list is empty
function M.read(session, helper, path, value)
  if cache[value] ~= nil then
    return cache[value]
  end
  local wanted, count = {}, 0
  lists.each(session, helper, path, value, function(leaf, leaf_path)
    if type(leaf) == "table" then
      return
    elseif type(leaf) ~= "string" then
      session.fail(helper, leaf_path, ("a conntrack state is needed, not %s"):format(lists.shown(leaf)))
    end
    for word in leaf:gmatch("[^,%s]+") do
      local name = word:upper()
      if not known[name] and name ~= "ANY" then
        session.fail(helper, leaf_path, ("unknown state %s%s"):format(lists.shown(word),
          nearest.suggestion(word, names)))
      end
      wanted[name] = true
      count = count + 1
    end
  end)
  if count == 0 then
    session.fail(helper, path, 'no state given: write "any" for none')
  elseif wanted.ANY and next(wanted, next(wanted)) then
    session.fail(helper, path, '"any" stands alone')
  end
  local chosen = {}
  for _, name in ipairs(names) do
    if wanted[name] then
      chosen[#chosen + 1] = name
    end
  end
  local text = not wanted.ANY and table.concat(chosen, ",")
  if type(value) == "string" then
    cache[value] = text
  end
  return text
end

return M
