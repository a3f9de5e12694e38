-- SPDX-License-Identifier: GPL-2.0-or-later
-- resolve: which names it takes, and what it gives.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"

local function fails(expected, text)
  assert.equal("policy.lua:2: resolve: " .. expected, fake.failure("\n" .. text))
end

describe("resolve", function()
  it("is a value like addresses { ... }, with both families", function()
    fake.run [[
      local www = resolve("www.example.org")
      assert(#www == 2 and www[1] == "192.0.2.80/32" and www[2] == "2001:db8::80/128")
      assert(resolve { name = "www.example.org" }[1] == www[1])
      assert(#resolve { "www.example.org", "backend.example.org" } == 3)
      assert(not pcall(function() www[1] = "0.0.0.0/0" end))
    ]]
  end)

  it("stands wherever addresses may", function()
    assert.same({ "1 INPUT -s 192.0.2.80/32 -j DROP", "1 INPUT -s 10.0.0.0/8 -j DROP",
      "2 INPUT -s 2001:db8::80/128 -j DROP" },
      fake.all(fake.run 'drop_inbound { from = { resolve "www.example.org", "10.0.0.0/8" } }'))
    local core = fake.run 'forward_port { tcp = 80, on = "wan0", to = resolve "backend.example.org" }'
    assert.matches("--to-destination 10.0.0.5", fake.all(core)[1], 1, true)
    assert.same({ "1 OUTPUT -d 10.0.0.5/32 -j DROP" }, fake.all(fake.run [[
      drop_outbound { to = zone { networks = resolve "backend.example.org" } }]]))
  end)

  it("knows a name in any case, and with a dot at its end", function()
    fake.run 'assert(#resolve "WWW.Example.ORG." == 2)'
  end)

  it("says what the core says of a name", function()
    fails('"x.example.org" is not known', 'resolve "X.example.org"')
    fails('[2]: "x.example.org" is not known', 'resolve { "www.example.org", "x.example.org" }')
  end)

  it("refuses what is no host name", function()
    fails("an empty string is not a name", 'resolve ""')
    fails("an empty string is not a name", 'resolve "."')
    for _, name in ipairs { "a b", "a..b", "-a.example.org", "a/24", "a%b", "a\\nb", "*.example.org",
                            ("a"):rep(64) .. ".org" } do
      assert.matches("is not a host name", fake.failure(('resolve "%s"'):format(name)), 1, true)
    end
    fails('"10.0.0.1" is an address: write it as it is', 'resolve "10.0.0.1"')
    fails('"2001:db8::/32" is an address: write it as it is', 'resolve "2001:db8::/32"')
    -- inet_aton(3) takes these for addresses
    fails('"10" is a number, not a host name', 'resolve "10"')
    fails('"10.1" is a number, not a host name', 'resolve "10.1"')
    fails('"0x7f000001" is a number, not a host name', 'resolve "0x7f000001"')
    fails('"b\xC3\xBCcher.example" is not ASCII: write the form that DNS has, "xn--..."',
      'resolve "b\xC3\xBCcher.example"')
    assert.matches("has 255 bytes, but at most 253 fit", fake.failure('resolve(("a."):rep(127) .. "a")'), 1, true)
    fails("name: is given beside names that stand without it: put all into the list",
      'resolve { "a.example.org", name = "b.example.org" }')
    fails("nil given instead of options (a misspelt variable?)", "resolve(nil)")
    fails("[2]: a string is needed, not 7", 'resolve { "a.example.org", 7 }')
  end)

  it("is what is suggested where a name stands for an address", function()
    assert.matches('"www.example.org" is a host name: names are not looked up here, since DNS at boot is a trap; '
      .. 'write its address, or resolve("www.example.org")',
      fake.failure 'allow_inbound { tcp = 1, from = "www.example.org" }', 1, true)
  end)
end)
