-- SPDX-License-Identifier: GPL-2.0-or-later
-- The manual of the language says all that there is, and its examples are good.
package.path = "spec/unit/language/?.lua;" .. package.path
local calls = require "spec.support.calls"
local catalogue = require "moongate.services"
local fake = require "fake_core"
local language = require "moongate.language"
local order = require "moongate.order"
local run = require "spec.support.run"

local page = assert(run.read_file("packaging/moongate-policy.5"))
local program = assert(run.read_file("packaging/moongate.8"))

local function words(text)
  local found = {}
  for word in text:gmatch("[%w_]+") do
    found[word] = true
  end
  return found
end

describe("the manual of the language", function()
  it("names each helper", function()
    local standard, told = {}, words(page)
    require("moongate.standard").install(standard, require("moongate.session").new(fake.new()))
    for _, name in ipairs(language.names(fake.new())) do
      assert.truthy(standard[name] ~= nil or told[name], name)
    end
  end)

  it("names each option of each helper, here or where it sends the reader", function()
    local told = words(page .. program)
    local schemas = calls.schemas(fake.new())
    for _, name in ipairs(order.keys(schemas)) do
      for _, option in ipairs(schemas[name].names) do
        assert.truthy(told[option], name .. ": " .. option)
      end
    end
  end)

  it("lists the catalogue, and no other service", function()
    local listed = page:match("The catalogue is\n%.Bd [^\n]*\n(.-)\n%.Ed")
    local found = {}
    for name in listed:gmatch("[%w_]+") do
      found[#found + 1] = name
    end
    assert.same(order.keys(catalogue), found)
  end)

  it("names the services that have a conntrack helper", function()
    local listed, with = words(page:match("In the catalogue\n(.-)\nhave one")), {}
    for name, entry in pairs(catalogue) do
      with[name] = entry.helper and true
    end
    listed.Cm, listed["and"] = nil, nil
    assert.same(with, listed)
  end)

  it("has good examples", function()
    local count = 0
    for text in page:gmatch("%.Bd %-literal[^\n]*\n(.-)\n%.Ed") do
      assert.truthy(#fake.run(text).rules > 0, text)
      count = count + 1
    end
    assert.truthy(count >= 3, count)
  end)
end)
