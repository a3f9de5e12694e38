-- SPDX-License-Identifier: GPL-2.0-or-later
--- Lists of addresses that Lua has not: those of files, which may hold 100,000 and
-- go from the core to the core as sets of the kernel, and sets of somebody else's.
--
-- What a list is, and how it stands in rules, moongate.addresses says.
local addresses = require "moongate.addresses"
local kernel_sets = require "moongate.kernel_sets"
local lists = require "moongate.lists"

local M = {}

--- The set of all but what another one lists, which has no exceptions itself.
-- @param session the evaluation under way
-- @param set the other one
-- @return a set
function M.all_but(session, set)
  local out = {
    positive = false, inc = { {}, {} }, all = { false, false }, long = set.long, exc_as = set.as,
    exc_label = set.label, named = set.named, sets = set.sets,
  }
  local list, counts = nil, nil
  if set.sets then
    list, counts = kernel_sets.file_of(set)
  end
  if list then
    return kernel_sets.in_file(session, out, "exc", list, counts)
  end
  out.exc = { {}, {} }
  for family = 1, 2 do
    for _, item in ipairs(set.inc[family]) do
      out.all[family] = out.all[family] or not item
    end
    out.exc[family] = out.all[family] and {} or set.inc[family]
  end
  return out
end

--- The same addresses, to stand otherwise in rules.
-- @param session the evaluation under way
-- @param known what `addresses` made: { set =, texts = }
-- @param as, label as for addresses.value
-- @return the value; and its set
function M.otherwise(session, known, as, label)
  local old = known.set
  local set = { positive = old.positive, exc = old.exc, all = old.all, long = old.long, named = old.named }
  set.as, set.label, set.exc_label = as or old.as, label or old.label, label and label.except or old.exc_label
  set.exc_as = as or old.exc_as
  if label and old.label then
    label.path = old.label.path
  end
  local list, counts = nil, nil
  if old.sets and set.as ~= "rules" then
    list, counts = kernel_sets.file_of(old)
  end
  if list then
    kernel_sets.in_file(session, set, "inc", list, counts)
    set.sets = true
  else
    set.inc = old.inc
    addresses.fold_long(session, set)
    addresses.with_sets(set)
  end
  return addresses.new_value(set, known.texts), set
end

-- Texts that are put together when somebody looks.
local function later_texts(set)
  local function fill(texts)
    setmetatable(texts, nil)
    local found = addresses.texts_of(set.inc)
    table.move(found, 1, #found, 1, texts)
  end
  return setmetatable({}, {
    __index = function(texts, key)
      fill(texts)
      return texts[key]
    end,
    __len = function(texts)
      fill(texts)
      return #texts
    end,
  })
end

--- The value for the list of a file.
-- @param session the evaluation under way
-- @param list as the core gives it: folded
-- @param counts of its networks, by family
-- @param as, label as for addresses.value
-- @return the same as `addresses { ... }` gives
function M.from_file(session, list, counts, as, label)
  local set = { positive = true, exc = { {}, {} }, all = { false, false }, long = true, as = as, label = label }
  set.exc_as = as
  -- a network /0, which is alone in its family, is to be seen here
  if kernel_sets.becomes_set(as, math.max(counts[1], counts[2])) and counts[1] ~= 1 and counts[2] ~= 1 then
    set.sets = true
    return addresses.new_value(kernel_sets.in_file(session, set, "inc", list, counts), later_texts(set))
  end
  set.inc = addresses.without_whole(session.core.listed(list))
  return addresses.new_value(addresses.with_sets(set), addresses.texts_of(set.inc))
end

--- Refuse sets of somebody else's, where it counts what is in a list.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param path path of the list for errors
-- @param set made by `read`
-- @return the set
-- @raise `helper: path: what` if some of it is not known
function M.known(session, helper, path, set)
  for family = set.named and 1 or 3, 2 do
    for _, item in ipairs(lists.joined(set.inc[family], set.exc[family])) do
      if type(item) == "table" then
        session.fail(helper, path, ("%s is somebody else's: what it holds is not known, and here it counts")
          :format(item.shown))
      end
    end
  end
  return set
end

return M
