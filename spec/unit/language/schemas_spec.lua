-- SPDX-License-Identifier: GPL-2.0-or-later
-- What holds for every helper of the language, tested on each of them by what
-- it declares: wrong types, unknown and missing options are the policy's
-- mistakes, told with its line, the helper and the option, and nothing else.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"
local language = require "moongate.language"
local nearest = require "moongate.nearest"
local order = require "moongate.order"
local schema = require "moongate.schema"

-- Helpers that take no table of options by name; what they take is tested where
-- they are.
local without_options = { addresses = true, except = true, use = true, module = true }

-- One value of each Lua type that a policy can write.
local samples = {
  boolean = "true", number = "7", string = '"x"', table = "{}", ["function"] = "function() end",
}

-- Where a mistake is made, so that the line in the error can be told.
local line = 3

local function source(value)
  if type(value) ~= "table" then
    return ("%q"):format(value)
  end
  local parts = {}
  for _, key in ipairs(order.keys(value)) do
    parts[#parts + 1] = ("[%q] = %s"):format(key, source(value[key]))
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

-- A call of a helper with the example's options; `changes` are Lua texts.
local function call(name, declared, changes, without)
  local parts = {}
  for _, key in ipairs(order.keys(declared.example or {})) do
    if key ~= without and not changes[key] then
      parts[#parts + 1] = ("[%q] = %s"):format(key, source(declared.example[key]))
    end
  end
  for _, key in ipairs(order.keys(changes)) do
    parts[#parts + 1] = ("[%q] = %s"):format(key, changes[key])
  end
  local options = "{ " .. table.concat(parts, ", ") .. " }"
  return declared.call and declared.call:format(options) or name .. " " .. options
end

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

-- Every helper by name; naming a service's helpers makes them.
local function all_schemas()
  local env = language.new(fake.new())
  for _, name in ipairs { "allow_inbound_ssh", "drop_outbound_smtp", "reject_forward_dns", "allow_forward_ntp" } do
    assert.equal("function", type(env[name]))
  end
  for _, name in ipairs(language.names(fake.new())) do
    assert.truthy(env[name] ~= nil, name) -- some are loaded when they are first named
  end
  return schema.schemas
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

describe("every helper", function()
  local schemas = all_schemas()
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
      fake.run(call(name, schemas[name], {}))
    end
  end)

  it("refuses each option's wrong types, by name", function()
    local count = 0
    for _, name in ipairs(names) do
      local declared = schemas[name]
      for _, option in ipairs(declared.names) do
        for _, kind in ipairs(order.keys(samples)) do
          if not declared.checks[option][kind] then
            local text = call(name, declared, { [option] = samples[kind] })
            local expected = ("%s: %s: %s is needed, not "):format(declared.shown_as or name, option,
              declared.checks[option].what)
            local told = mistake(text)
            assert.equal(expected, told:sub(1, #expected), text)
            count = count + 1
          end
        end
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
        local text = call(name, declared, { [wrong] = "1" })
        assert.equal(("%s: unknown option `%s`: did you mean `%s`?"):format(shown, wrong,
          nearest.find(wrong, declared.names)), mistake(text), text)
      end
      assert.equal(shown .. ": unknown option `zzzzzzzzzz`", mistake(call(name, declared, { zzzzzzzzzz = "1" })))
    end
  end)

  it("refuses a value that stands without a name", function()
    for _, name in ipairs(names) do
      local declared = schemas[name]
      local told = mistake(call(name, declared, { [2] = '"x"' }))
      assert.equal((declared.shown_as or name) .. ': takes options by name, but "x" stands without one', told)
      if not declared.positional then
        assert.equal(told, mistake(call(name, declared, { [1] = '"x"' })))
      end
    end
  end)

  it("names what is missing", function()
    for _, name in ipairs(names) do
      local declared = schemas[name]
      for _, option in ipairs(declared.required or {}) do
        assert.equal(("%s: `%s` is missing: %s is needed"):format(declared.shown_as or name, option,
          declared.checks[option].what), mistake(call(name, declared, {}, option)))
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
            local told = mistake(("%s(%s)"):format(name, samples[kind]))
            assert.matches("an options table is needed: " .. name, told, 1, true)
          end
        end
      end
    end
  end)

  it("tells the first of several mistakes in the options' order", function()
    for _, name in ipairs(names) do
      local declared = schemas[name]
      local told = mistake(call(name, declared, { aaaaaaaaaa = "1", zzzzzzzzzz = "1" }))
      assert.equal((declared.shown_as or name) .. ": unknown option `aaaaaaaaaa`", told)
    end
  end)
end)
