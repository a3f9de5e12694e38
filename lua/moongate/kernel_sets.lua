-- SPDX-License-Identifier: GPL-2.0-or-later
--- Address lists as sets of the kernel (ipsets): when a list becomes one, what it
-- is called, and how a rule looks into it; and `set "name"`, for a set that
-- somebody else owns.
--
-- Where a rule goes through addresses, an item is a canonical text, `false` for
-- all of a family, or a look-up: { set = the kernel's name, flags = }. A list of
-- more than a hundred networks is one look-up, and so is any list that was asked
-- for `as = "set"`.
local lists = require "moongate.lists"
local names = require "moongate.names"
local nearest = require "moongate.nearest"
local schema = require "moongate.schema"

local M = {}

local type, concat = type, table.concat

-- Longer lists become sets by themselves.
local most_rules = 100

-- What of a name is Moongate's own: "mg4-" or "mg6-" in front, and behind it room
-- for the number of a generation, in the 31 characters that the kernel keeps.
local longest_label = 16

local longest_name = 31

local kinds = { "rules", "set" }

-- The texts of a list, and the sets of others that stand in it.
local function parted(list, family)
  local texts, sets = {}, {}
  for i = 1, #list do
    local item = list[i]
    if type(item) == "table" then
      sets[#sets + 1] = item
    else
      texts[#texts + 1] = item or (family == 1 and "0.0.0.0/0" or "::/0")
    end
  end
  return texts, sets
end

local function wanted_as(set, side)
  if side == "inc" then
    return set.as, set.label
  end
  return set.exc_as, set.exc_label
end

-- Set of addresses -> the file's list that one side of it stands for, which Lua
-- need not have: { side =, list =, counts = by family }.
local files = setmetatable({}, { __mode = "k" })

-- Whether one side of a set is in a file's list.
local function is_in_file(set, side)
  local file = files[set]
  return file and file.side == side
end

--- Let one side of a set of addresses be what is in a file's list, which is read
-- when Lua looks at it.
-- @param session the evaluation under way
-- @param set the set, without that side; changed
-- @param side "inc" or "exc"
-- @param list as the core gives it
-- @param counts of its networks, by family
-- @return the set
function M.in_file(session, set, side, list, counts)
  files[set] = { side = side, list = list, counts = counts }
  return setmetatable(set, {
    __index = function(self, key)
      if key == side then
        self[side] = { session.core.listed(list) }
        return self[side]
      end
    end,
  })
end

--- What a set has from a file.
-- @param set a set of addresses
-- @return its list and the counts of its networks; or nil
function M.file_of(set)
  local file = files[set]
  return file and file.list, file and file.counts
end

--- Whether a list is one set.
-- @param as "set" or "rules" if the policy says so, or nil
-- @param count how many networks it has
-- @return boolean
function M.becomes_set(as, count)
  return as == "set" and count > 0 or as ~= "rules" and count > most_rules
end

--- Whether some rule of a set of addresses looks into a set of the kernel.
-- @param set complete, as moongate.addresses makes it
-- @return boolean
function M.is_wanted(set)
  for family = 1, 2 do
    for _, side in ipairs { "inc", "exc" } do
      local as = wanted_as(set, side)
      if is_in_file(set, side) then
        if M.becomes_set(as, files[set].counts[family]) then
          return true
        end
      else
        local texts, sets = parted(set[side][family], family)
        if #sets > 0 or M.becomes_set(as, #texts) then
          return true
        end
      end
    end
  end
  return false
end

-- How the set of a list is called that has no name of its own.
local function numbered(session, helper, family, list, own)
  local core = session.core
  local name = core.set(family, nil, list, helper)
  while not name do
    if not own.label then
      session.list_count = session.list_count + 1
      own.label = ("list%d"):format(session.list_count)
    end
    name = core.set(family, own.label, list, helper)
    if not name then -- somebody has called another list so
      own.label = nil
    end
  end
  return name
end

-- The set of a list, which the core fills and the kernel is to have.
local function named(session, helper, family, list, label, own)
  if not label then
    return numbered(session, helper, family, list, own)
  end
  local name, wrong = session.core.set(family, label.text, list, helper)
  local attempt = 1
  while not name do
    if not label.is_file then
      error(wrong, 0)
    end
    attempt = attempt + 1
    name = session.core.set(family, M.label(("%s-%d"):format(label.text, attempt)), list, helper)
  end
  return name
end

local function find_items(session, helper, set, side, family, own)
  local as, label = wanted_as(set, side)
  if is_in_file(set, side) and M.becomes_set(as, files[set].counts[family]) then
    return { { set = named(session, helper, family, files[set].list, label, own) } }
  end
  local list = set[side][family]
  local texts, sets = parted(list, family)
  if not M.becomes_set(as, #texts) then
    return list
  end
  return lists.joined({ { set = named(session, helper, family, texts, label, own) } }, sets)
end

--- What a rule goes through for one side of a set of addresses in one family.
-- @param session the evaluation under way
-- @param helper who makes the rule
-- @param set as moongate.addresses makes it, in the long form
-- @param side "inc" for what it lists, "exc" for what it excludes
-- @param family 1 or 2
-- @return a sequence of items, not to be changed
-- @raise if another list has the name that this one is to have
function M.items(session, helper, set, side, family)
  if not set.sets then
    return set[side][family]
  end
  local known = session.kernel_sets[set]
  if not known then
    known = { inc = {}, exc = {}, own = { inc = {}, exc = {} } }
    session.kernel_sets[set] = known
  end
  local items = known[side][family]
  if not items then
    items = find_items(session, helper, set, side, family, known.own[side])
    known[side][family] = items
  end
  return items
end

--- How many items a set that has some of the kernel's lists in one family.
-- @param set with `sets`
-- @param family 1 or 2
-- @return a number
function M.count(set, family)
  if is_in_file(set, "inc") then
    local most = files[set].counts[family]
    return M.becomes_set(set.as, most) and 1 or most
  end
  local texts, sets = parted(set.inc[family], family)
  return #sets + (M.becomes_set(set.as, #texts) and 1 or #texts)
end

--- The families in which a set that has some of the kernel's can match.
-- @param set with `sets`
-- @return 0 to 3
function M.families(set)
  local families = 0
  for family = 1, 2 do
    if not set.all[family] and (not set.positive or M.count(set, family) > 0) then
      families = families | family
    end
  end
  return families
end

-- Which address of a packet a set's first part is compared with.
local directions = { ["-s"] = "src", ["-d"] = "dst" }

local function check_direction(session, helper, item, direction)
  if item.flags:match("^%a+") ~= direction then
    session.fail(helper, nil, ('set "%s" is looked up with flags "%s", and here it is the %s address that counts')
      :format(item.set, item.flags, direction == "src" and "source" or "destination"))
  end
end

--- One item as arguments of a rule.
-- @param session the evaluation under way
-- @param helper name for the error
-- @param option "-s" or "-d"; or another option, for an item that is a text
-- @param item a text, false or a look-up
-- @param negated whether it is excluded
-- @return a list of arguments
-- @raise if a set's own flags are about the other address
function M.arguments(session, helper, option, item, negated)
  if type(item) == "table" then
    local direction = directions[option]
    if item.flags then
      check_direction(session, helper, item, direction)
    end
    local args = { "-m", "set" }
    if negated then
      args[3] = "!"
    end
    return lists.joined(args, { "--match-set", item.set, item.flags or direction })
  elseif not item then
    return {}
  end
  return negated and { "!", option, item } or { option, item }
end

--- A text for a set of addresses that is the same for equal ones.
-- @param set with `sets`
-- @return the text
function M.identity(set)
  local out = { set.positive and "within" or "all" }
  for _, side in ipairs { "inc", "exc" } do
    local _, label = wanted_as(set, side)
    if is_in_file(set, side) then
      out[#out + 1] = ("%s file %s"):format(side, label.path)
    else
      for family = 1, 2 do
        for _, item in ipairs(set[side][family]) do
          out[#out + 1] = side .. " " .. (type(item) == "table" and item.shown or tostring(item))
        end
      end
    end
  end
  return concat(out, "\n")
end

--- What a set is called in the kernel, without what is Moongate's: safe, and
-- short enough. What had to be cut ends with a hash, so that two do not meet.
-- @param text any name
-- @return the label
-- @usage kernel_sets.label("firehol_level1") --> "firehol_level1"
function M.label(text)
  local safe = text:gsub("[^%w_-]", "_")
  if safe == "" then
    return "list"
  elseif #safe <= longest_label then
    return safe
  end
  return safe:sub(1, longest_label - 5) .. "-" .. names.hash(text):sub(1, 4)
end

--- What the set of a file's list is called.
-- @param path the file's, as the policy says it
-- @return a label
-- @usage kernel_sets.file_label("lists/drop.txt").text --> "drop"
function M.file_label(path)
  local base = path:match("[^/]*$")
  return { text = M.label(base:match("^(.+)%.[^.]*$") or base), is_file = true, path = path }
end

local list_options = schema.new { as = "string", name = "string" }

-- The name that a policy gives a list.
local function read_name(session, helper, name)
  local wrong = schema.bad_text(name, 60)
  if wrong then
    session.fail(helper, "name", wrong)
  elseif not name:find("^[%w_][%w_-]*$") then
    session.fail(helper, "name", ("%s has a character that a set's name has not (letters, digits, _ and -)")
      :format(lists.shown(name)))
  end
  return { text = M.label(name), except = { text = M.label(name .. "-except") } }
end

--- Read `as` and `name`, which stand beside the addresses of a list.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param options the table of both; not changed
-- @return the table without them
-- @return "set", "rules" or nil
-- @return a label or nil
-- @raise if there is another option, or no such value
function M.read_options(session, helper, options)
  local given, rest = {}, {}
  for key, value in next, options do
    if type(key) == "string" then
      given[key] = value
    else
      rest[key] = value
    end
  end
  schema.check(session, helper, list_options, given)
  return rest, M.read_as(session, helper, given)
end

--- Read `as` and `name` of options that have been checked.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param given the options
-- @return "set", "rules" or nil
-- @return a label or nil
-- @raise if there is no such value
function M.read_as(session, helper, given)
  local as = given.as
  if as ~= nil and as ~= "set" and as ~= "rules" then
    session.fail(helper, "as", ('%s is neither "set" nor "rules"%s'):format(lists.shown(as),
      nearest.suggestion(as, kinds)))
  end
  return as, given.name and read_name(session, helper, given.name) or nil
end

local set_options = schema.helper("set", { name = "string", flags = "string", family = "family" },
  { positional = "name", required = { "name" }, example = { name = "crowdsec-blacklists" } })

-- The flags of a set that has more to it than an address: "src,dst".
local function read_flags(session, flags)
  local count = 0
  for word in (flags .. ","):gmatch("([^,]*),") do
    count = count + 1
    if word ~= "src" and word ~= "dst" or count > 6 then
      session.fail("set", "flags", ('%s is not 1 to 6 of src and dst, like "src,dst"'):format(lists.shown(flags)))
    end
  end
  return flags
end

local function read_set(session, options)
  local name = options.name or options[1]
  if options.name and options[1] then
    session.fail("set", "name", "is given twice")
  end
  local wrong = schema.bad_text(name, longest_name)
  if not wrong and (name:find("^[!-]") or name:find('[%s"]')) then
    wrong = ("%s is no name of a set: it begins with ! or -, or has a blank or a quote in it"):format(lists.shown(name))
  elseif not wrong and name:find("^mg[46]%-") then
    wrong = ("%s is a set of Moongate's own: use what addresses { ..., name = %s } returns"):format(lists.shown(name),
      lists.shown(name:sub(5)))
  end
  if wrong then
    session.fail("set", "name", wrong)
  end
  return {
    set = name, flags = options.flags and read_flags(session, options.flags),
    families = options.family and schema.families[options.family] or session.core.set_families(name),
  }
end

--- Offer `set` to policies: a set that somebody else makes and fills, as an
-- address. It stands wherever addresses may, alone, in a list or in except(...).
-- Options: its name; `family`, where the set is not on this host to be asked; `flags`, if it has
-- more to it than an address, as iptables writes them ("src,dst").
-- @param language table of names
-- @param session the evaluation under way
-- @usage block { set "crowdsec-blacklists" }
-- @usage allow_inbound_ssh { from = { set { "admins", family = "ipv4" }, "2001:db8::7" } }
function M.install(language, session)
  language.set = function(...)
    local found = read_set(session, schema.take(session, "set", set_options, ...))
    local shown = ('set "%s"'):format(found.set)
    local object = setmetatable({}, {
      __name = "set",
      __metatable = false,
      __index = function(_, key)
        session.fail("set", nil, ("%s has no `%s`: its members are not known here"):format(shown, tostring(key)))
      end,
      __len = function()
        session.fail("set", nil, shown .. " is somebody else's: how many members it has is not known here")
      end,
      __newindex = function()
        session.fail("set", nil, shown .. " is somebody else's: its members are not the policy's to change")
      end,
      __tostring = function()
        return shown
      end,
    })
    found.shown = shown
    session.sets[object] = found
    return object
  end
end

return M
