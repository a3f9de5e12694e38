-- SPDX-License-Identifier: GPL-2.0-or-later
--- The safe part of the standard library: no files, clock, processes or
-- bytecode, and nothing whose result differs from run to run.
local order = require "moongate.order"
local readonly = require "moongate.readonly"

local M = {}

local type, next, select, rawget, error = type, next, select, rawget, error
local format = string.format
local getmetatable, setmetatable, tostring = getmetatable, setmetatable, tostring

local function copy(library, ...)
  local out = {}
  for key, value in next, library do
    out[key] = value
  end
  for _, key in ipairs { ... } do
    out[key] = nil
  end
  return out
end

-- Addresses in memory differ from run to run: they are not shown.
local function safe_tostring(...)
  if select("#", ...) == 0 then
    error("bad argument #1 to 'tostring' (value expected)", 2)
  end
  local value = ...
  local kind = type(value)
  if kind == "table" then
    local meta = getmetatable(value)
    local own = type(meta) == "table" and rawget(meta, "__tostring")
    if own or meta == false then
      return (tostring(value):gsub(": 0x%x+$", ""))
    end
    return "table"
  elseif kind == "function" or kind == "userdata" or kind == "thread" then
    return kind
  end
  return tostring(value)
end

-- The last format that was found good: loops use the same again and again.
local good_format

local function check_format(text)
  if type(text) == "string" and text:gsub("%%%%", ""):find("%%[-%d]*p") then
    error("bad argument #1 to 'format' (%p would differ from run to run)", 3)
  end
  good_format = text
end

-- What %s shows of these is the same in every run.
local plain = { string = true, number = true }

local function are_plain(count, a, b, c, d)
  return count <= 4 and (count < 1 or plain[type(a)]) and (count < 2 or plain[type(b)])
    and (count < 3 or plain[type(c)]) and (count < 4 or plain[type(d)])
end

local function safe_format(text, ...)
  if text ~= good_format then
    check_format(text)
  end
  local count = select("#", ...)
  if are_plain(count, ...) then
    return format(text, ...)
  end
  local args = { ... }
  for i = 1, count do
    local kind = type(args[i])
    args[i] = (plain[kind] or kind == "boolean" or kind == "nil") and args[i] or safe_tostring(args[i])
  end
  return format(text, table.unpack(args, 1, count))
end

--- `next` in a fixed order: the smallest key after the given one.
local function sorted_next(t, key)
  if type(t) ~= "table" then
    error(("bad argument #1 to 'next' (table expected, got %s)"):format(type(t)), 2)
  end
  t = readonly.behind(t) or t
  local following, wrong = order.after(t, key)
  if wrong then
    error(wrong, 2)
  elseif following == nil then
    return nil
  end
  return following, t[following]
end

--- `pairs` in a fixed order. The keys are those at the start of the loop;
-- those that the loop removes are not visited.
local function sorted_pairs(t)
  local behind = readonly.behind(t)
  if not behind then
    local meta = type(t) == "table" and getmetatable(t)
    local own = type(meta) == "table" and rawget(meta, "__pairs")
    if own then
      local iterate, state, first = own(t)
      return iterate, state, first
    elseif meta == false then -- one of the language's own values: addresses
      return ipairs(t)
    elseif type(t) ~= "table" then
      error(("bad argument #1 to 'pairs' (table expected, got %s)"):format(type(t)), 2)
    end
  end
  local source = behind or t
  local keys, wrong = order.keys(source)
  if not keys then
    error(wrong, 2)
  end
  local i = 0
  return function()
    local key, value
    repeat
      i = i + 1
      key = keys[i]
      value = key ~= nil and source[key]
    until key == nil or value ~= nil
    return key, value
  end, t, nil
end

local function is_protected(t)
  local meta = getmetatable(t)
  return meta ~= nil and (type(meta) ~= "table" or rawget(meta, "__metatable") ~= nil)
end

-- Finalizers would run when the collector pleases, weak tables lose what it
-- pleases.
local function safe_setmetatable(t, meta)
  if type(t) ~= "table" then
    error(("bad argument #1 to 'setmetatable' (table expected, got %s)"):format(type(t)), 2)
  elseif type(meta) == "table" and (rawget(meta, "__gc") ~= nil or rawget(meta, "__mode") ~= nil) then
    error("metatables with __gc or __mode have no place in a policy", 2)
  elseif meta ~= nil and type(meta) ~= "table" then
    error("bad argument #2 to 'setmetatable' (nil or table expected)", 2)
  elseif is_protected(t) then
    error("cannot change a protected metatable", 2)
  end
  return setmetatable(t, meta)
end

local function safe_getmetatable(value)
  return type(value) == "table" and getmetatable(value) or nil
end

local function merge(source, target, first, middle, last, before)
  local left, right, k = first, middle + 1, first
  while left <= middle and right <= last do
    if before(source[right], source[left]) then
      target[k], right = source[right], right + 1
    else
      target[k], left = source[left], left + 1
    end
    k = k + 1
  end
  table.move(source, left, middle, k, target)
  table.move(source, right, last, k + middle - left + 1, target)
end

local function less(a, b)
  return a < b
end

-- The library's own sort picks pivots by the clock, so equal elements could
-- end up in any order; this one keeps theirs.
local function stable_sort(list, before)
  if type(list) ~= "table" then
    error(("bad argument #1 to 'sort' (table expected, got %s)"):format(type(list)), 2)
  end
  before = before or less
  local count, width = #list, 1
  local source, target = table.move(list, 1, count, 1, {}), {}
  while width < count do
    for first = 1, count, 2 * width do
      local middle = math.min(first + width - 1, count)
      merge(source, target, first, middle, math.min(first + 2 * width - 1, count), before)
    end
    source, target, width = target, source, 2 * width
  end
  table.move(source, 1, count, 1, list)
end

local function libraries()
  local text = copy(string, "dump")
  text.format = safe_format
  local tables = copy(table)
  tables.sort = stable_sort
  return {
    string = text,
    table = tables,
    math = copy(math, "random", "randomseed"),
    utf8 = copy(utf8),
  }
end

-- Methods of strings (`("x"):rep(3)`) come from the library itself, which the
-- policy cannot name: it is made safe, too. Only for a Lua state that holds
-- nothing but one policy, since all of it is affected.
local function make_methods_safe()
  rawset(string, "dump", nil)
  rawset(string, "format", safe_format)
end

--- Offer the safe part of the standard library to policies.
-- @param language table of names
-- @param session the evaluation under way
function M.install(language, session)
  for name, value in next, {
    assert = assert, error = error, ipairs = ipairs, pcall = pcall, rawequal = rawequal, rawlen = rawlen,
    select = select, tonumber = tonumber, type = type, xpcall = xpcall,
    next = sorted_next, pairs = sorted_pairs, tostring = safe_tostring,
    setmetatable = safe_setmetatable, getmetatable = safe_getmetatable,
  } do
    language[name] = value
  end
  for name, library in next, libraries() do
    language[name] = readonly.view(library, name, session.core.fail)
  end
  if session.core.private_state then
    make_methods_safe()
  end
  language.print = function(...)
    local out = {}
    for i = 1, select("#", ...) do
      out[i] = safe_tostring((select(i, ...)))
    end
    session.core.note("info", table.concat(out, "\t"))
  end
end

return M
