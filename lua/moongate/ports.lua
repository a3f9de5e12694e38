-- SPDX-License-Identifier: GPL-2.0-or-later
--- Ports: numbers, ranges "8000-8010", service names, lists and exceptions,
-- and the arguments that match them.
local exceptions = require "moongate.exceptions"
local lists = require "moongate.lists"

local M = {}

local type, tointeger, concat = type, math.tointeger, table.concat

-- One multiport match holds this many ports; a range takes two of them.
local multiport_slots = 15

local function check_range(session, helper, path, number, shown)
  if number < 0 or number > 65535 then
    session.fail(helper, path, ("port %s is out of range (1 to 65535)"):format(shown))
  end
end

-- A text: "22", "8000-8010", "8000:8010" or the name of a service.
local function add_text(session, helper, path, text, protocol, add)
  local first, last = text:match("^%s*(%d+)%s*[-:]%s*(%d+)%s*$")
  if first then
    local low, high = tointeger(first), tointeger(last)
    check_range(session, helper, path, low or -1, first)
    check_range(session, helper, path, high or -1, last)
    if low > high then
      session.fail(helper, path, ("range %s ends before it begins"):format(lists.shown(text)))
    end
    add(low == high and ("%d"):format(low) or ("%d:%d"):format(low, high), low == high and 1 or 2)
  elseif text:find("^%s*%-?%d+%s*$") then
    M.add(session, helper, path, tointeger(text) or -1, protocol, add)
  elseif text == "all" or text == "any" then
    session.fail(helper, path, ('%s is no port: all of them are protocol = "%s", or "1-65535"'):format(
      lists.shown(text), protocol))
  elseif text:find("^[%a_][%w_-]*$") then
    local service = session.services:find(helper, path, text)
    if not service[protocol] then
      session.fail(helper, path, ("service `%s` has no %s port"):format(text, protocol))
    end
    M.add(session, helper, path, service[protocol], protocol, add)
  else
    session.fail(helper, path, ('%s is no port, range ("8000-8010") or service%s'):format(lists.shown(text),
      text:find(",", 1, true) and ": several are a list, { 80, 443 }" or ""))
  end
end

--- Add what a value says to a list.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param path path of the value
-- @param value a number, text or list of them
-- @param protocol "tcp", "udp" or "sctp": service names are looked up in it
-- @param add function(text, slots)
-- @raise if something in it is no port
function M.add(session, helper, path, value, protocol, add)
  lists.each(session, helper, path, value, function(leaf, leaf_path)
    if type(leaf) == "number" then
      local number = tointeger(leaf)
      if not number then
        session.fail(helper, leaf_path, ("port %s is not a whole number"):format(tostring(leaf)))
      end
      check_range(session, helper, leaf_path, number, tostring(number))
      if number == 0 then
        session.fail(helper, leaf_path, "port 0 is out of range (1 to 65535)")
      end
      add(("%d"):format(number), 1)
    elseif type(leaf) == "string" then
      add_text(session, helper, leaf_path, leaf, protocol, add)
    elseif exceptions.is(leaf) then
      session.fail(helper, leaf_path, "except goes around the whole list of ports: except { 22, 80 }")
    elseif type(leaf) ~= "table" then
      session.fail(helper, leaf_path, ("a port is needed, not %s"):format(lists.shown(leaf)))
    end
  end)
end

--- Read what a policy gave as ports.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param path path of the value
-- @param value see `add`; an exception may stand around it
-- @param protocol "tcp", "udp" or "sctp"
-- @return { { text, slots }..., negative = boolean }, in the writer's order
-- @raise if something in it is no port
function M.read(session, helper, path, value, protocol)
  local found, seen = { negative = false }, {}
  local excluded = exceptions.of(value)
  if excluded ~= nil then
    found.negative, value = true, excluded
  end
  M.add(session, helper, path, value, protocol, function(text, slots)
    if not seen[text] then
      seen[text] = true
      found[#found + 1] = { text, slots }
    end
  end)
  return found
end

-- Cut a list into pieces that fit one multiport match each.
local function pieces(ports)
  local out, piece, used = {}, {}, 0
  for _, port in ipairs(ports) do
    if used + port[2] > multiport_slots then
      out[#out + 1] = piece
      piece, used = {}, 0
    end
    piece[#piece + 1] = port[1]
    used = used + port[2]
  end
  out[#out + 1] = piece
  return out
end

-- The ways to match one side's ports: each a { plain = {...}, multi = {...} }.
local function ways(ports, side)
  if not ports or #ports == 0 then
    return { { plain = {}, multi = {} } }
  elseif #ports == 1 then
    local plain = { "--" .. side .. "port", ports[1][1] }
    if ports.negative then
      table.insert(plain, 1, "!")
    end
    return { { plain = plain, multi = {} } }
  end
  local out, all = {}, {}
  for _, piece in ipairs(pieces(ports)) do
    local multi = { "-m", "multiport" }
    if ports.negative then
      multi[#multi + 1] = "!"
    end
    multi[#multi + 1] = "--" .. side .. "ports"
    multi[#multi + 1] = concat(piece, ",")
    out[#out + 1] = { plain = {}, multi = multi }
    table.move(multi, 1, #multi, #all + 1, all)
  end
  if ports.negative then
    -- Not among these and not among those: all in one rule.
    return { { plain = {}, multi = all } }
  end
  return out
end

--- The arguments that match a protocol and its ports, one list per rule.
-- @param protocol "tcp", "udp" or "sctp"
-- @param source ports read by `read`, or nil
-- @param destination likewise
-- @return a sequence of argument lists, none if one side is an empty list
function M.arguments(protocol, source, destination)
  local out = {}
  for _, ports in ipairs { source or false, destination or false } do
    if ports and #ports == 0 and not ports.negative then
      return out
    end
  end
  for _, from in ipairs(ways(source, "s")) do
    for _, to in ipairs(ways(destination, "d")) do
      local args = { "-p", protocol }
      if #from.plain + #to.plain > 0 then
        args[3], args[4] = "-m", protocol
      end
      for _, list in ipairs { from.plain, to.plain, from.multi, to.multi } do
        table.move(list, 1, #list, #args + 1, args)
      end
      out[#out + 1] = args
    end
  end
  return out
end

--- The arguments for one destination port given as a number: by far the most
-- common, so they are kept.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param path path of the value
-- @param value a whole number
-- @param protocol "tcp", "udp" or "sctp"
-- @return a sequence with one part, as in moongate.rules; shared, not to be changed
-- @raise if it is out of range
function M.single(session, helper, path, value, protocol)
  local cache = session.port_cache[protocol]
  local parts = cache[value]
  if not parts then
    local args
    if value >= 1 and value <= 65535 then
      args = { "-p", protocol, "-m", protocol, "--dport", ("%d"):format(value) }
    else
      args = M.arguments(protocol, nil, M.read(session, helper, path, value, protocol))[1]
    end
    parts = { { args = args, families = 3, tcp = protocol == "tcp" } }
    cache[value] = parts
  end
  return parts
end

return M
