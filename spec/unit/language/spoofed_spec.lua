-- SPDX-License-Identifier: GPL-2.0-or-later
-- drop_spoofed: which sources count as spoofed, by what is said and by the
-- host's own addresses. Packets judge it in spec/integration/spoofed_spec.lua.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"

local function interface(name, ...)
  return { name = name, up = true, loopback = name == "lo", addresses = { ... } }
end

local gateway = {
  name = "gw", addresses = {}, interfaces = {
    interface("lan0", "10.137.0.1/24", "fe80::1/64"), interface("lo", "127.0.0.1/8", "::1/128"),
    interface("wan0", "10.66.0.1/24", "192.0.2.9/32"),
  },
}

local function run(text, host)
  return fake.run(text, host or gateway)
end

local function fails(expected, text, host)
  fake.fails(expected, text, nil, host or gateway)
end

-- What a chain drops in IPv4, in short: "10.0.0.0/8, not 10.1.0.0/16" for a RETURN.
local function chain(core, name, family)
  local out = {}
  for _, text in ipairs(fake.chain(core, family or 1, name)) do
    if not text:find("-s 0.0.0.0/32", 1, true) and not text:find("-s ::/128 -p", 1, true) then
      text = text:gsub(" ?%-j DROP$", ""):gsub("^(.-) ?%-j RETURN$", "not %1"):gsub("%-s ", "")
      out[#out + 1] = text == "" and "all" or text
    end
  end
  return table.concat(out, ", ")
end

local nobody = "0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/4, 240.0.0.0/4"
local nobody6 = "::/128, ::1/128, ::ffff:0:0/96, ff00::/8"

describe("drop_spoofed", function()
  it("without options judges every interface but lo, after INVALID", function()
    local core = run "drop_spoofed() drop_invalid() drop_spoofed()"
    for _, name in ipairs { "INPUT", "FORWARD" } do
      assert.same({ "-m conntrack --ctstate INVALID -j DROP", "! -i lo -j SPOOFED" }, fake.chain(core, 1, name))
      assert.same({ "-m conntrack --ctstate INVALID -j DROP", "! -i lo -j SPOOFED" }, fake.chain(core, 2, name))
    end
    assert.same({}, fake.chain(core, 1, "OUTPUT"))
    assert.equal(nobody .. ", 10.66.0.0/24 ! -i wan0, 10.137.0.0/24 ! -i lan0", chain(core, "SPOOFED"))
    assert.equal(nobody6, chain(core, "SPOOFED", 2))
    for _, rule in ipairs(core.rules) do
      assert.equal(rule.helper == "drop_invalid" and 31 or rule.chain:find("SPOOFED") and 40 or 32, rule.rank)
    end
  end)

  it("takes the narrower network, as routing does, and networks of several interfaces", function()
    local host = { name = "gw", addresses = {}, interfaces = {
      interface("a0", "10.0.0.1/8"), interface("b0", "10.66.0.1/24"), interface("c0", "10.66.0.2/24"),
    } }
    local core = run("drop_spoofed()", host)
    assert.equal(nobody .. ", not 10.66.0.0/24 -i b0, not 10.66.0.0/24 -i c0, 10.66.0.0/24, 10.0.0.0/8 ! -i a0",
      chain(core, "SPOOFED"))
    assert.equal(nobody .. ", not 10.66.0.0/24, 10.0.0.0/8",
      chain(run('drop_spoofed { on = "b0" }', host), "SPOOFED_b0"))
    assert.equal(nobody .. ", 10.66.0.0/24", chain(run('drop_spoofed { on = "a0" }', host), "SPOOFED_a0"))
  end)

  it("lets a host ask for its first address, and IGMP of one that has none", function()
    local core = run 'drop_spoofed { on = "wan0" }'
    assert.same({ "-s 0.0.0.0/32 -p udp -m udp --sport 68 --dport 67 -j RETURN", "-s 0.0.0.0/32 -p 2 -j RETURN",
      "-s 0.0.0.0/8 -j DROP" }, table.move(fake.chain(core, 1, "SPOOFED_wan0"), 1, 3, 1, {}))
    assert.same({ "-s ::/128 -p ipv6-icmp -j RETURN", "-s ::/128 -j DROP" },
      table.move(fake.chain(core, 2, "SPOOFED_wan0"), 1, 2, 1, {}))
  end)

  it("on some interfaces judges what comes in by them", function()
    local core = run 'drop_spoofed { on = { "wan0", "wan1" } }'
    local name = core.chains[1].name
    assert.same({ "-i wan0 -j " .. name, "-i wan1 -j " .. name }, fake.chain(core, 1, "INPUT"))
    assert.equal(nobody .. ", 10.137.0.0/24", chain(core, name))
    core = run 'drop_spoofed { on = except "lan0" }'
    assert.same({ "-j SPOOFED_NOT_lan0" }, fake.chain(core, 2, "FORWARD"))
    assert.equal("not -i lan0, not -i lo, " .. nobody .. ", 10.137.0.0/24", chain(core, "SPOOFED_NOT_lan0"))
  end)

  it("with networks keeps them and their interface to each other, in their families", function()
    local core = run 'drop_spoofed { on = "lan0", networks = { "10.137.0.0/24", "10.200.0.0/16" } }'
    assert.equal("not 10.137.0.0/24, not 10.200.0.0/16, all", chain(core, "SPOOFED_lan0"))
    assert.equal("not -i lan0, not -i lo, 10.137.0.0/24, 10.200.0.0/16", chain(core, "SPOOFED_NOT_lan0"))
    assert.same({}, fake.chain(core, 2, "INPUT"))
    core = run 'drop_spoofed { on = "ppp0", networks = { "2001:db8::/48", except "2001:db8:0:5::/64" } }'
    assert.equal("2001:db8:0:5::/64, not fe80::/10, not 2001:db8::/48, all", chain(core, "SPOOFED_ppp0", 2))
    assert.equal("not -i ppp0, not -i lo, not 2001:db8:0:5::/64, 2001:db8::/48", chain(core, "SPOOFED_NOT_ppp0", 2))
    assert.same({}, fake.chain(core, 1, "INPUT"))
    -- the whole of a family lives behind an interface, and elsewhere, too
    core = run 'drop_spoofed { on = "ppp0", networks = "0.0.0.0/0" }'
    assert.equal("not , all", chain(core, "SPOOFED_ppp0"))
    assert.same({ "-i ppp0 -j SPOOFED_ppp0" }, fake.chain(core, 1, "INPUT"))
  end)

  it("with except says what does not live there", function()
    local core = run 'drop_spoofed { on = "wan0", networks = except { "10.0.0.0/8", "fc00::/7" } }'
    assert.equal("10.0.0.0/8", chain(core, "SPOOFED_wan0"))
    assert.equal("fc00::/7", chain(core, "SPOOFED_wan0", 2))
    core = run 'drop_spoofed { on = except "lan0", networks = "10.0.0.0/8" }'
    assert.equal("not -i lan0, not -i lo, 10.0.0.0/8", chain(core, "SPOOFED_NOT_lan0"))
    assert.equal(1, #fake.chain(core, 1, "INPUT"))
    fails("networks: except(...) for both on and networks",
      'drop_spoofed { on = except "lan0", networks = except "10.0.0.0/8" }')
  end)

  it("knows the networks that the host itself has elsewhere", function()
    local core = run 'drop_spoofed { on = "wan0", networks = "10.137.0.0/16" }'
    assert.equal("10.137.0.0/16", chain(core, "SPOOFED_wan0"))
    assert.same({ "-i wan0 -j SPOOFED_wan0" }, fake.chain(core, 1, "INPUT"))
    assert.same({ "info: drop_spoofed: this host has 10.137.0.0/24 on lan0, so it may not come in by wan0" },
      core.notes)
    -- an address without a network is enough
    local dialled = { name = "gw", addresses = {},
      interfaces = { gateway.interfaces[1], interface("ppp0", "203.0.113.5/32") } }
    core = run('drop_spoofed { on = "ppp0", networks = "10.137.0.0/24" }', dialled)
    assert.same({ "-i ppp0 -j SPOOFED_ppp0" }, fake.chain(core, 1, "FORWARD"))
    assert.equal("10.137.0.0/24", chain(core, "SPOOFED_ppp0"))
    -- the narrower one on another interface lives there, as in routing
    for _, text in ipairs { 'drop_spoofed { on = "lan0", networks = "10.0.0.0/8" }',
                            'drop_spoofed { on = "lan0", networks = { "10.0.0.0/8", except "10.66.0.0/24" } }',
                            'drop_spoofed { on = zone { interfaces = "lan0", networks = "10.0.0.0/8" } }' } do
      core = run(text)
      assert.equal("10.66.0.0/24, not 10.0.0.0/8, all", chain(core, "SPOOFED_lan0"))
      assert.equal("not -i lan0, not -i lo, not 10.66.0.0/24, 10.0.0.0/8", chain(core, "SPOOFED_NOT_lan0"))
    end
    core = run 'drop_spoofed { on = "lan0", networks = { "10.137.0.0/24", "10.66.0.128/25" } }'
    assert.equal("not 10.137.0.0/24, not 10.66.0.128/25, all", chain(core, "SPOOFED_lan0"))
    for _, text in ipairs { 'drop_spoofed { on = "lan0", networks = { "10.137.0.0/24", "10.66.0.0/24" } }',
                            'drop_spoofed { on = zone { interfaces = "ppp0", networks = "10.66.0.0/24" } }' } do
      fails("this host has 10.66.0.0/24 on wan0: add wan0 to on, or, if it may not come in by `on`, "
        .. "write networks = except { ... }", text)
    end
    fails("policy.lua:1: drop_spoofed: networks: wan0 itself has 10.66.0.0/24, which is not among them: add it if they "
      .. "live behind wan0; if they may not come in there, write networks = except { ... }",
      'drop_spoofed { on = "wan0", networks = "192.168.0.0/16" }')
    -- a host that is not known yet takes the policy's word
    core = run('drop_spoofed { on = "wan0", networks = "10.137.0.0/24" }',
      { name = "x", addresses = {}, interfaces = {} })
    assert.equal("not 10.137.0.0/24, all", chain(core, "SPOOFED_wan0"))
  end)

  it("takes zones, each with its own networks", function()
    local core = run [[
      drop_spoofed { on = { zone { interfaces = "lan0", networks = "10.137.0.0/24" }, zone { interfaces = "wan0" } } }
    ]]
    assert.equal("not 10.137.0.0/24, all", chain(core, "SPOOFED_lan0"))
    assert.equal(nobody .. ", 10.137.0.0/24", chain(core, "SPOOFED_wan0"))
    core = run 'drop_spoofed { on = zone { interfaces = except "wan0", networks = "10.137.0.0/16" } }'
    assert.equal("not -i wan0, not -i lo, not 10.137.0.0/16, all", chain(core, "SPOOFED_NOT_wan0"))
    assert.equal("10.137.0.0/16", chain(core, "SPOOFED_wan0"))
    fails("on: zone { 10.0.0.0/8 } has no interfaces, so nothing says where its networks come in",
      'drop_spoofed { on = zone { networks = "10.0.0.0/8" } }')
    fails('networks: zone "lan" says itself which networks live there', [[
      drop_spoofed { on = zone { name = "lan", interfaces = "a", networks = "10.0.0.0/8" }, networks = "10.0.0.0/8" }
    ]])
    fails('on: except(zone "lan"): give its interfaces, as except(ZONE.interfaces)',
      'drop_spoofed { on = except(zone { name = "lan", interfaces = "a", networks = "10.0.0.0/8" }) }')
  end)

  it("logs what it drops, each call within one limit", function()
    local core = run 'drop_spoofed { on = "wan0", log = { prefix = "spoof: ", group = 5 } }'
    local jump = fake.chain(core, 1, "SPOOFED_wan0")[3]:match("LOG_%x+")
    assert.same({ '-m limit --limit 5/min --limit-burst 10 -j NFLOG --nflog-prefix "spoof: " --nflog-group 5',
      "-j DROP" }, fake.chain(core, 1, jump))
    assert.is_nil(table.concat(fake.chain(core, 1, "SPOOFED_wan0"), "\n"):find("DROP", 1, true))
    assert.same(fake.all(run 'drop_spoofed { on = "wan0" }'), fake.all(run 'drop_spoofed { on = "wan0", log = false }'))
  end)

  it("says each thing once, and keeps calls for one interface apart", function()
    local core = run [[
      for _ = 1, 2 do drop_spoofed { on = "wan0" } end
      drop_spoofed { on = "wan0", networks = except "172.16.0.0/12" }
      drop_spoofed { on = "averylongname15", networks = "10.9.0.0/16" }
      drop_spoofed { on = "averylongname15", networks = "10.10.0.0/16" }
    ]]
    local names = {}
    for _, item in ipairs(core.chains) do
      if item.families & 1 ~= 0 then
        assert.is_nil(names[item.name])
        names[item.name] = true
        assert.truthy(#item.name <= 28, item.name)
      end
    end
    assert.truthy(names.SPOOFED_wan0 and names.SPOOFED_wan0_2 and names.SPOOFED_NOT_averylongname15)
  end)

  it("is checked", function()
    fails("drop_spoofed: networks: behind which interface? add on =", 'drop_spoofed { networks = "10.0.0.0/8" }')
    fails("drop_spoofed: on: lo is this host talking to itself", 'drop_spoofed { on = "lo" }')
    fails('drop_spoofed: networks: "lan" is a host name', 'drop_spoofed { on = "lan0", networks = "lan" }')
    fails("drop_spoofed: unknown option `network`: did you mean `networks`?", 'drop_spoofed { network = "10.0.0.0/8" }')
    local core = run 'drop_spoofed { on = {} } drop_spoofed { on = "a0", networks = {} }'
    assert.same({}, core.rules)
    assert.same({ "warning: drop_spoofed: on is an empty list, so there is no rule -> leave on out",
      "warning: drop_spoofed: networks is an empty list, so there is no rule -> leave networks out" }, core.notes)
  end)
end)
