-- SPDX-License-Identifier: GPL-2.0-or-later
-- addresses_from_file, and lists that are long enough to be folded.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"

local function rules(text, files)
  return fake.all(fake.run(text, nil, files))
end

-- Lua text of a list of `count` addresses, the last one first.
local function listed(count)
  local out = {}
  for i = count, 1, -1 do
    out[#out + 1] = ('"10.0.%d.%d"'):format(100 + i // 100, 100 + i % 100)
  end
  return "{ " .. table.concat(out, ", ") .. " }"
end

describe("addresses_from_file", function()
  local files = { ["office.txt"] = "10.0.0.2\n10.0.0.1\n2001:db8::/32\n10.0.0.2\n", ["all.txt"] = "0.0.0.0/0\n",
    ["none.txt"] = "" }

  it("is a value like addresses { ... }, in order and without repetition", function()
    fake.run([[
      local office = addresses_from_file("office.txt")
      assert(#office == 3)
      assert(office[1] == "10.0.0.1/32" and office[2] == "10.0.0.2/32" and office[3] == "2001:db8::/32")
      assert(tostring(office) == "addresses { 10.0.0.1/32, 10.0.0.2/32, 2001:db8::/32 }")
      assert(not pcall(function() office[1] = "0.0.0.0/0" end))
      assert(addresses_from_file("all.txt")[1] == "0.0.0.0/0")
      assert(#addresses_from_file { path = "none.txt" } == 0)
    ]], nil, files)
  end)

  it("stands wherever addresses may", function()
    assert.same({ "1 INPUT -s 10.0.0.1/32 -j DROP", "1 INPUT -s 10.0.0.2/32 -j DROP",
      "2 INPUT -s 2001:db8::/32 -j DROP" }, rules('drop_inbound { from = addresses_from_file "office.txt" }', files))
    assert.same({ "1 INPUT -s 10.0.0.1/32 -j DROP", "1 INPUT -s 10.0.0.2/32 -j DROP", "1 INPUT -s 9.0.0.0/8 -j DROP",
      "2 INPUT -s 2001:db8::/32 -j DROP" },
      rules('drop_inbound { from = { "9.0.0.0/8", addresses_from_file "office.txt" } }', files))
    assert.same({ "2 INPUT ! -s 2001:db8::/32 -j DROP" }, rules([[
      local office = addresses_from_file "office.txt"
      drop_inbound { from = except { "0.0.0.0/0", office } }]], files))
    assert.same({ "1 INPUT -s 10.0.0.1/32 -i eth0 -j DROP", "1 INPUT -s 10.0.0.2/32 -i eth0 -j DROP",
      "2 INPUT -s 2001:db8::/32 -i eth0 -j DROP" }, rules([[
      drop_inbound { from = zone { interfaces = "eth0", networks = addresses_from_file "office.txt" } }]], files))
    assert.same({ "1 INPUT -j DROP" }, rules('drop_inbound { from = addresses_from_file "all.txt" }', files))
    assert.same({}, rules('block { addresses_from_file "none.txt" }', files))
  end)

  it("gives a module's option its value", function()
    files["roles/x.lua"] = [[return module { options = { from = "addresses" }, function(o)
      drop_inbound { from = o.from } end }]]
    assert.same(3, #rules('use("roles.x", { from = addresses_from_file "office.txt" })', files))
  end)

  it("says that an empty file makes no rule", function()
    local core = fake.run('allow_inbound { tcp = 1, from = addresses_from_file "none.txt" }', nil, files)
    assert.same({}, core.rules)
    assert.matches("from is an empty list, so there is no rule", core.notes[1], 1, true)
  end)

  it("refuses what is no path", function()
    local function fails(expected, text)
      assert.equal("policy.lua:2: addresses_from_file: " .. expected, fake.failure("\n" .. text, files))
    end
    fails("path: is empty", 'addresses_from_file ""')
    fails("path: has a line break or another control character", 'addresses_from_file "a\\nb"')
    fails("`path` is missing: a string is needed", "addresses_from_file {}")
    fails("`path` is missing: a string is needed", "addresses_from_file()")
    fails("path: is given twice", 'addresses_from_file { "office.txt", path = "office.txt" }')
    fails("there is no file other.txt", 'addresses_from_file "other.txt"')
  end)
end)

describe("a list of addresses", function()
  it("stays as it is written while a person may have written it", function()
    local found = rules("drop_inbound { from = " .. listed(64) .. " }")
    assert.equal(64, #found)
    assert.equal("1 INPUT -s 10.0.100.164/32 -j DROP", found[1])
    assert.equal("1 INPUT -s 10.0.100.101/32 -j DROP", found[64])
  end)

  it("is folded beyond that, with what is added to it", function()
    for _, text in ipairs { "drop_inbound { from = LIST }", "drop_inbound { from = addresses(LIST) }",
                            'drop_inbound { from = { LIST, addresses(LIST) } }' } do
      local found = rules((text:gsub("LIST", listed(65))))
      assert.equal(65, #found)
      assert.equal("1 INPUT -s 10.0.100.101/32 -j DROP", found[1])
      assert.equal("1 INPUT -s 10.0.100.165/32 -j DROP", found[65])
    end
    fake.run("local a = addresses(" .. listed(65) .. ') assert(#a == 65 and a[1] == "10.0.100.101/32")')
  end)

  it("is folded as an exception, too", function()
    local found = rules("drop_inbound { from = except(" .. listed(65) .. ") }")
    local returns = {}
    for _, rule in ipairs(found) do
      if rule:find("RETURN", 1, true) then
        returns[#returns + 1] = rule:match("%-s (%S+)")
      end
    end
    assert.equal(65, #returns)
    assert.same({ "10.0.100.101/32", "10.0.100.165/32" }, { returns[1], returns[65] })
  end)
end)
