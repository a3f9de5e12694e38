-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A policy's mistakes as `moongate check` tells them: the line, the helper and
-- the option, and nothing of the engine's inside. Every helper, in the program.

package.path = "spec/unit/language/?.lua;" .. package.path
local calls = require "spec.support.calls"
local fake = require "fake_core"
local moongate = require "spec.support.moongate"
local order = require "moongate.order"
local run = require "spec.support.run"

local function check(text)
  local dir = run.must({ "mktemp", "-d" }):gsub("\n", "")
  local path = run.write_file(dir .. "/policy.lua", text)
  local result = run.run { moongate.binary, "check", "-v", "-4", path }
  run.must { "rm", "-r", dir }
  return result, path
end

describe("a mistake #integration", function()
  it("is told in one line that begins with the policy's own", function()
    for call, expected in pairs {
      ["allow_inbound_ssh { limit = 5 }"] = "allow_inbound_ssh: limit: a rate like",
      ["allow_inbound_ssh { limt = '5/minute' }"] = "allow_inbound_ssh: unknown option `limt`: did you mean `limit`?",
      ["allow_inbound { tcp = 80, log = { prefix = ('x'):rep(30) } }"] = "allow_inbound: log.prefix: 30 bytes given",
      ["log_denied { limit = '1/fortnight' }"] = 'log_denied: limit: "1/fortnight": unknown unit',
      ["limit_new_connections { tcp = 22 }"] = "limit_new_connections: `rate` is missing",
      ["lmit_new_connections { tcp = 22 }"] = "unknown name `lmit_new_connections`: did you mean `limit_new_",
    } do
      local result = check("default_deny()\n" .. call)
      assert.equal(1, result.code, call)
      local line = result.err:match("^[^\n]*policy%.lua:2: [^\n]*\n$")
      assert.truthy(line, result.err)
      assert.truthy(line:find("policy.lua:2: " .. expected, 1, true), line)
      assert.equal("", result.out)
    end
  end)

  it("in any option of any helper is told so by the program", function()
    local schemas = calls.schemas(fake.new())
    local lines, expected = { "default_deny()" }, {}
    for _, name in ipairs(order.keys(schemas)) do
      for text, message in calls.wrong_types(name, schemas[name]) do
        lines[#lines + 1] = ("print((select(2, pcall(function() return %s end))))"):format(text)
        expected[#lines] = message
      end
    end
    local result = check(table.concat(lines, "\n"))
    assert.equal(0, result.code, result.err)
    local told = {}
    for number, text in result.err:gmatch("note: policy%.lua:(%d+): ([^\n]*)\n") do
      told[tonumber(number)] = text
    end
    local count = 0
    for number, message in pairs(expected) do
      assert.equal(message, (told[number] or "nothing"):sub(1, #message), lines[number])
      count = count + 1
    end
    assert.truthy(count > 400, count)
  end)

  it("is found as well where the core reads plain rules by itself", function()
    local result = check [[
      default_deny()
      for port = 1, 3 do
        allow_inbound { from = "10.0.0.1", tcp = port, comment = "x" }
        allow_inbound { from = "10.0.0.1", tcp = port, comment = "x", limit = port < 3 and "5/minute" or "5/minuet" }
      end
    ]]
    assert.equal(1, result.code)
    assert.truthy(result.err:find('policy.lua:4: allow_inbound: limit: "5/minuet": unknown unit', 1, true), result.err)
  end)
end)
