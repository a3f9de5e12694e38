-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- `require "moongate.netfilter"` as plain lua5.4 has it: each call here is a
-- process of its own, since what libxtables has loaded, and in which order,
-- lasts as long as its process, and since a module built with ASan must be
-- loaded after ASan's own library.

local lfs = require "lfs"
local run = require "spec.support.run"

local M = {}

M.build = os.getenv("MOONGATE_BUILD") or lfs.currentdir() .. "/build"
M.lua = os.getenv("LUA") or "lua5.4"
M.is_root = run.must { "id", "-u" } == "0\n"

--- ASan's library, if a file was built with it.
function M.sanitizer(path)
  return (run.read_file(path) or ""):match("libasan%.so%.%d+")
end

--- The environment that the module wants.
function M.environment()
  local sanitizer = M.sanitizer(M.build .. "/lua/moongate/netfilter.so")
  return {
    LUA_CPATH = M.build .. "/lua/?.so",
    LD_PRELOAD = sanitizer,
    -- what the plugins keep when an error leaves them is no leak of ours
    ASAN_OPTIONS = sanitizer and "detect_leaks=0",
  }
end

--- Words that put a command where it may ask the kernel: a namespace of its own for root.
function M.apart(words)
  if not M.is_root then
    return words
  end
  return { "unshare", "--net", table.unpack(words) }
end

--- Run a Lua program that is given as text; returns the result of run.run().
-- @param options of run.run(): nobody, limit; and `namespace`, to run in that one
function M.run(text, options)
  local words = { M.lua, "-" }
  if options and options.namespace then
    return options.namespace:run(words, { env = M.environment(), input = text, limit = options.limit or 60 })
  end
  return run.run(options and options.nobody and words or M.apart(words), {
    env = M.environment(), input = text, nobody = options and options.nobody, limit = options and options.limit or 60,
  })
end

--- The same for a program that must succeed; returns what it prints.
function M.must(text, options)
  local done = M.run(text, options)
  if done.code ~= 0 or done.err ~= "" then
    error(("lua5.4: exit code %d: %s%s"):format(done.code, done.out, done.err), 2)
  end
  return done.out
end

local function quoted(value)
  if type(value) ~= "table" then
    return ("%q"):format(value)
  end
  local parts = {}
  for index, element in ipairs(value) do
    parts[index] = quoted(element)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local compiler = [[
local netfilter = require "moongate.netfilter"
local function show(...)
  local words = {}
  for index, value in ipairs { ... } do
    words[index] = ("%%q"):format(value):gsub("\\\n", "\\n")
  end
  return table.concat(words, ",")
end
for _, request in ipairs(%s) do
  local texts = table.pack(netfilter.compile(table.unpack(request)))
  print(texts[1] and "{" .. show(table.unpack(texts)) .. "}"
    or "{error=" .. show(texts[2]) .. ",code=" .. show(texts[3]) .. "}")
end
]]

--- Compile many rules in one process.
-- @param requests list of { family, table, chain, rule, chains }
-- @return for each { text, ... } or { error=, code= }
function M.compile_all(requests, options)
  local parts = {}
  for index, request in ipairs(requests) do
    parts[index] = quoted(request)
  end
  local results = {}
  for line in M.must(compiler:format("{" .. table.concat(parts, ",\n") .. "}"), options):gmatch("[^\n]+") do
    results[#results + 1] = assert(load("return " .. line))()
  end
  assert(#results == #requests, "not all rules were answered")
  return results
end

return M
