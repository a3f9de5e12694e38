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

describe("moongate.netfilter", function()
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
