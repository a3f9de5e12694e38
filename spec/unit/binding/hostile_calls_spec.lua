-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- No call of moongate.netfilter ends the program, whatever its arguments are:
-- random ones of every type, and finalizers that close and change tables in the
-- middle of other calls. MOONGATE_CALLS says how many, MOONGATE_SEED which.

local features = require "spec.support.features"
local netfilter = require "spec.support.netfilter"
local run = require "spec.support.run"

local kernel_it = features.it(it, pending)
local calls = os.getenv("MOONGATE_CALLS") or "20000"
local seed = os.getenv("MOONGATE_SEED") or "1"

-- Compiles a rule of 200 addresses while finalizers compile others.
local compiled_within = [[
local netfilter = require "moongate.netfilter"
-- long enough that Lua allocates each of the texts anew
local comment = ("x"):rep(200)
local addresses, expected = {}, {}
for number = 1, 200 do
  addresses[number] = "10.0.0." .. number
  expected[number] = ("-s 10.0.0.%d/32 -m comment --comment %s -j ACCEPT"):format(number, comment)
end
local within, inside = false, 0
local function interrupt()
  setmetatable({}, { __gc = function()
    inside = inside + (within and 1 or 0)
    netfilter.compile("ipv6", "filter", "OUTPUT", "-s " .. ("::1,"):rep(300) .. "::2 -j DROP")
    interrupt()
  end })
end
interrupt()
collectgarbage("incremental", 1, 1000)
for _ = 1, 10 do
  within = true
  local texts = { netfilter.compile("ipv4", "filter", "INPUT", "-s " .. table.concat(addresses, ",")
    .. " -m comment --comment " .. comment .. " -j ACCEPT") }
  within = false
  assert(#texts == #expected, texts[2])
  for number, text in ipairs(texts) do
    assert(text == expected[number], text)
  end
end
assert(inside > 0, "no finalizer ran in time")
]]

describe("moongate.netfilter", function()
  it("stands finalizers that compile in the middle of a compilation", function()
    netfilter.must(compiled_within)
  end)

  kernel_it("stands random calls of every function", function()
    local text = ("arg = { %q, %q }\n"):format(seed, calls) .. run.read_file("spec/support/hostile_calls.lua")
    -- a second for 1,000 calls is many times what they need
    local done = netfilter.run(text, { limit = 30 + tonumber(calls) // 1000 })
    local words = ("seed %s: exit code %d: %s%s"):format(seed, done.code, done.out, done.err)
    assert.same(0, done.code, words)
    assert.same("", done.err, words)
    local total, returned, failed, raised =
      done.out:match("^(%d+) calls: (%d+) returned, (%d+) failed, (%d+) raised\n")
    assert.same(calls, total, words)
    assert.same(tonumber(calls), returned + failed + raised, words)
    assert.truthy(tonumber(returned) > tonumber(calls) / 5, words)
    -- each function has also done its work, so that it was not only refused
    assert.truthy(done.out:find("\nnever went well: \n", 1, true), words)
  end)
end)
