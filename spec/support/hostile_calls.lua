-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Calls every function of moongate.netfilter with random arguments of every type,
-- in plain lua5.4: arg[1] is the seed, arg[2] how many calls. What a call may
-- do: return, return nil, message and a known code, or raise. Prints how many of
-- each, and what has never been called.

local netfilter = require "moongate.netfilter"

local seed, calls = tonumber(arg[1]), tonumber(arg[2])
math.randomseed(seed)
local random = math.random

local codes = { invalid = true, stale = true, busy = true, kernel = true, environment = true }
local words = {
  "", "INPUT", "OUTPUT", "FORWARD", "GUARD", "OTHER", "LOG", "DROP", "ACCEPT", "RETURN", "ERROR", "filter", "nat",
  "raw", "mangle", "ipv4", "ipv6", "-p", "tcp", "--dport", "22", "-j", "-m", "comment", "--comment", "a b", "!",
  "-s", "10.0.0.1,10.0.0.2", "10.0.0.1", "2001:db8::1", "-c", "3", "4", "-A", "-P", "-N", "x\0y", "a\nb", "\"",
  ("n"):rep(28), ("n"):rep(29), ("n"):rep(5000), "\xff\xfe", "%s%n", "conntrack", "--ctstate", "NEW", "limit", "-g",
}
local lines = {
  "", "-j ACCEPT", "-j DROP", "-i lo -j ACCEPT", "-p tcp --dport 22 -j ACCEPT", "-j GUARD", "-g GUARD", "-j OTHER",
  "-s 10.0.0.1,10.0.0.2 -d 10.1.0.1,10.1.0.2 -j DROP", "-s 2001:db8::1 -j DROP", "-m comment --comment \"a b\"",
  "-m limit --limit 3/min -j RETURN", "-c 5 6 -j ACCEPT", "-j NOSUCH", "-m nosuch", "-p tcp --dport", "\"open",
  "-A INPUT -j ACCEPT", "-P INPUT DROP", "-N GUARD", ":OTHER - [0:0]", "-A GUARD -j OTHER", "-A INPUT -j GUARD",
}

local tables, rules = {}, {}

local function pick(list)
  return list[random(#list)]
end

-- Keep at most so many: the oldest go, and are closed by the collector.
local function keep(list, value, most)
  if #list >= most then
    list[random(#list)] = value
  else
    list[#list + 1] = value
  end
end

local any

local function list_of(make)
  local list = {}
  for index = 1, random(0, 4) do
    list[index] = make()
  end
  return list
end

local makers = {
  function() return nil end,
  function() return random(2) == 1 end,
  function() return random(-2, 12) end,
  function() return pick { math.mininteger, math.maxinteger, 1 << 32, 0.5, 1e300, -1e300, 1 / 0, 0 / 0, -0.0 } end,
  function() return pick(words) end,
  function() return pick(lines) end,
  function() return list_of(function() return pick(words) end) end,
  function() return list_of(function() return pick(lines) end) end,
  function() return list_of(function() return any() end) end,
  function() return { wait = pick { 0, 0.01, -1, "x", 0 / 0, 1 / 0 } } end,
  function() return setmetatable({}, { __index = error, __len = error }) end,
  function() return print end,
  function() return coroutine.create(print) end,
  function() return io.stdout end,
  function() return pick(tables) end,
  function() return pick(tables) end,
  function() return pick(rules) end,
  function() return pick(rules) end,
}

function any()
  return pick(makers)()
end

local methods = { table = getmetatable(assert(netfilter.open("ipv4"))) }
do
  local opened = assert(netfilter.open("ipv4"))
  methods.rule = getmetatable(assert(opened:build("INPUT", "-j ACCEPT")))
end

-- Every function there is, by name, sorted.
local functions = {}
local function add(prefix, from, kind)
  for name, value in pairs(from) do
    if type(value) == "function" then
      functions[#functions + 1] = { name = prefix .. name, call = value, kind = kind }
    end
  end
end
add("", netfilter, "module")
for kind, metatable in pairs(methods) do
  add(kind .. ":", metatable.__index, kind)
  add(kind .. " ", metatable, kind)
end
table.sort(functions, function(a, b) return a.name < b.name end)

-- What a call may well accept, a letter each: a t(able), a c(hain), a n(umber), a
-- s(pec) or line, a r(ule), a p(olicy), a l(ist), a chain that is elsewhere: m(oved).
local shapes = {
  ["open"] = { "fT" }, ["extensions"] = { "f" }, ["compile"] = { "fTcs" },
  ["table:policy"] = { "tc", "tcp" }, ["table:rename_chain"] = { "tcc", "tcm", "tmc" }, ["table:flush"] = { "t", "tc" },
  ["table:zero"] = { "t", "tc", "tcn" }, ["table:rule"] = { "tcn", "tn" },
  ["table:build"] = { "tcs" }, ["table:append"] = { "tcs", "tcr" }, ["table:insert"] = { "tcns", "tcnr" },
  ["table:replace"] = { "tcns", "trs", "tcnr" }, ["table:delete"] = { "tr", "tcn", "tcs" },
  ["table:find"] = { "tcs", "tcr" }, ["table:diff"] = { "t", "tt", "tl" }, ["rule:set_counters"] = { "rnn" },
}

local letters = {
  t = function() return pick(tables) end,
  c = function() return pick { "INPUT", "OUTPUT", "GUARD", "OTHER" } end,
  m = function() return "MOVED" end,
  n = function() return random(0, 4) end,
  s = function() return pick { "-j ACCEPT", "-j DROP", pick(lines) } end,
  r = function() return pick(rules) end,
  p = function() return pick { "ACCEPT", "DROP" } end,
  l = function() return list_of(function() return pick(lines) end) end,
  f = function() return pick { "ipv4", "ipv6" } end,
  T = function() return pick { "filter", "mangle" } end,
}

local function likely(chosen)
  local first = chosen.kind == "rule" and "r" or "t"
  local shape = pick(shapes[chosen.name] or { first, first .. "c" })
  local arguments = {}
  for index = 1, #shape do
    arguments[index] = letters[shape:sub(index, index)]()
  end
  return arguments, #shape
end

-- A finalizer may do anything at any moment in which Lua allocates.
local function interrupter()
  setmetatable({}, { __gc = function()
    local victim = pick(tables)
    if victim and random(3) == 1 then
      victim:close()
    elseif victim then
      victim:append("GUARD", "-j ACCEPT")
      victim:flush()
    end
  end })
end

local counts = { returned = 0, failed = 0, raised = 0 }
local called = {}

local function judge(name, ok, first, message, code, ...)
  for _, value in ipairs { first or false, message or false, code or false, ... } do
    if type(value) == "userdata" then
      local metatable = getmetatable(value)
      if metatable == methods.table then
        keep(tables, value, 6)
      elseif metatable == methods.rule then
        keep(rules, value, 30)
      end
    end
  end
  if not ok then
    assert(type(first) == "string", name .. " raised no string")
    counts.raised = counts.raised + 1
  elseif first == nil then
    assert(type(message) == "string" and #message > 0, name .. " fails without a word")
    assert(codes[code], name .. " fails with the code " .. tostring(code))
    counts.failed = counts.failed + 1
  else
    if type(first) == "table" and getmetatable(first[1]) == methods.rule then
      keep(rules, pick(first), 30)
    end
    counts.returned = counts.returned + 1
    called[name] = true
  end
end

-- In half of the calls all of them are likely; in the others any may be anything.
local function arguments_for(chosen)
  local arguments, count = likely(chosen)
  if random(2) == 1 then
    return arguments, count
  end
  count = math.max(0, count + random(-1, 1))
  for index = 1, count do
    if random(3) == 1 or arguments[index] == nil then
      arguments[index] = any()
    end
  end
  return arguments, count
end

-- One that is open, with something in it; in place of one that is not.
local function open_another()
  local opened = netfilter.open(pick { "ipv4", "ipv6" }, pick { "filter", "mangle" })
  if not opened then
    return
  end
  for _, chain in ipairs { "GUARD", "OTHER" } do
    opened:new_chain(chain)
    opened:append(chain, pick(lines))
    opened:append("INPUT", pick(lines))
  end
  for index, one in ipairs(tables) do
    if not one:family() then
      tables[index] = opened
      return
    end
  end
  keep(tables, opened, 6)
end

-- Not too often what ends a table, or waits for the kernel.
local function is_rare(name)
  return name == "table:close" or name == "table:commit" or name:find("__", 1, true) or name == "table:flush"
end

for number = 1, calls do
  local chosen = pick(functions)
  if is_rare(chosen.name) and random(10) > 1 then
    chosen = pick(functions)
  end
  if #tables < 3 or not pick(tables):family() then
    open_another()
  end
  if number % 50 == 0 then
    interrupter()
  end
  local arguments, count = arguments_for(chosen)
  judge(chosen.name, pcall(chosen.call, table.unpack(arguments, 1, count)))
end

local never = {}
for _, entry in ipairs(functions) do
  if not called[entry.name] and not entry.name:find("__", 1, true) then
    never[#never + 1] = entry.name
  end
end
print(("%d calls: %d returned, %d failed, %d raised"):format(calls, counts.returned, counts.failed, counts.raised))
print("never went well: " .. table.concat(never, " "))
