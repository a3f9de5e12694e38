-- SPDX-License-Identifier: GPL-2.0-or-later
-- What holds for every helper of the language, tested on each of them by what
-- it declares: wrong types, unknown and missing options are the policy's
-- mistakes, told with its line, the helper and the option, and nothing else.
package.path = "spec/unit/language/?.lua;" .. package.path
local calls = require "spec.support.calls"
local fake = require "fake_core"
local language = require "moongate.language"
local nearest = require "moongate.nearest"
local order = require "moongate.order"

-- Helpers that take no table of options by name; what they take is tested where
-- they are.
local without_options = { addresses = true, except = true, use = true, module = true }

-- Where a mistake is made, so that the line in the error can be told.
local line = 3

-- What the policy's only mistake is told as, without its place.
local function mistake(text)
  local message = fake.failure(("\n"):rep(line - 1) .. text)
  assert.equal("string", type(message), text)
  local place = ("policy.lua:%d: "):format(line)
  assert.equal(place, message:sub(1, #place), text)
  local told = message:sub(#place + 1)
  for _, internal in ipairs { "\n", "traceback", "moongate/", ".lua:", "attempt to", "bad argument" } do
    assert.falsy(told:find(internal, 1, true), text .. " -> " .. message)
  end
  return told
end

-- Functions of the language that are not the standard library's.
local function helpers()
  local standard = {}
  require("moongate.standard").install(standard, require("moongate.session").new(fake.new()))
  local env = language.new(fake.new())
  local found = {}
  for _, name in ipairs(language.names(fake.new())) do
    if standard[name] == nil and type(env[name]) == "function" then
      found[#found + 1] = name
    end
  end
  return found
end

-- What an error says where no option is near.
local function all_of(declared)
  return #declared.names == 0 and ": it takes none" or (" (it takes %s)"):format(table.concat(declared.names, ", "))
end

describe("every helper", function()
  local schemas = calls.schemas(fake.new())
  local names = order.keys(schemas)

  it("declares its options under its own name", function()
    local found = helpers()
    assert.truthy(#found >= 20, #found)
    for _, name in ipairs(found) do
      assert.truthy(schemas[name] or without_options[name],
        name .. " has no schema: declare its options with schema.helper")
    end
  end)

  it("has an example that is good", function()
    for _, name in ipairs(names) do
      fake.run(calls.text(name, schemas[name], {}))
    end
  end)

  it("refuses each option's wrong types, by name", function()
    local count = 0
    for _, name in ipairs(names) do
      for text, expected in calls.wrong_types(name, schemas[name]) do
        local told = mistake(text)
        assert.equal(expected, told:sub(1, #expected), text)
        count = count + 1
      end
    end
    assert.truthy(count > 400, count)
  end)

  it("refuses an option that it does not have, and names the nearest", function()
    for _, name in ipairs(names) do
      local declared = schemas[name]
      local shown = declared.shown_as or name
      for _, option in ipairs(declared.names) do
        local wrong = option .. "x"
        local text = calls.text(name, declared, { [wrong] = "1" })
        assert.equal(("%s: unknown option `%s`: did you mean `%s`?"):format(shown, wrong,
          nearest.find(wrong, declared.names)), mistake(text), text)
      end
      assert.equal(("%s: unknown option `zzzzzzzzzz`%s"):format(shown, all_of(declared)),
        mistake(calls.text(name, declared, { zzzzzzzzzz = "1" })))
    end
  end)

  it("refuses a value that stands without a name", function()
    for _, name in ipairs(names) do
      local declared = schemas[name]
      local key = declared.list and 0 or 2
      local expected = (declared.shown_as or name) .. ': takes options by name, but "x" stands without one'
      local told = mistake(calls.text(name, declared, { [key] = '"x"' }))
      local several = declared.positional and key == 2
      assert.equal(expected .. (several and ": several go into a list, { { a, b } }" or ""), told)
      if not declared.positional then
        assert.equal(told, mistake(calls.text(name, declared, { [1] = '"x"' })))
      end
    end
  end)

  it("names what is missing", function()
    for _, name in ipairs(names) do
      local declared = schemas[name]
      for _, option in ipairs(declared.required or {}) do
        assert.equal(("%s: `%s` is missing: %s is needed"):format(declared.shown_as or name, option,
          declared.checks[option].what), mistake(calls.text(name, declared, {}, option)))
      end
    end
  end)

  it("takes one table and nothing else", function()
    for _, name in ipairs(names) do
      local declared = schemas[name]
      if not declared.call then
        assert.matches(name .. ": takes one options table", mistake(name .. "({}, {})"), 1, true)
        assert.matches(name .. ": nil given instead of options", mistake(name .. "(nil)"), 1, true)
        for _, kind in ipairs { "boolean", "number", "string", "function" } do
          if not (declared.positional and declared.positional[kind]) then
            local told = mistake(("%s(%s)"):format(name, calls.samples[kind]))
            assert.matches("an options table is needed: " .. name, told, 1, true)
          end
        end
      end
    end
  end)

  it("tells the first of several mistakes in the options' order", function()
    for _, name in ipairs(names) do
      local declared = schemas[name]
      local told = mistake(calls.text(name, declared, { aaaaaaaaaa = "1", zzzzzzzzzz = "1" }))
      assert.equal((declared.shown_as or name) .. ": unknown option `aaaaaaaaaa`" .. all_of(declared), told)
    end
  end)
end)
