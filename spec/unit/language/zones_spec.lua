-- SPDX-License-Identifier: GPL-2.0-or-later
-- zone { interfaces =, networks = } wherever from, to, on and out stand.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"

local zones = [[
  local lan = zone { interfaces = "lan0", networks = { "10.0.0.0/24", "2001:db8:1::/64" }, name = "lan" }
  local dmz = zone { interfaces = { "dmz0", "dmz1" } }
  local vpn = zone { networks = "10.9.0.0/24" }
  local inside = zone { interfaces = except "wan0" }
  local internet = zone { interfaces = "wan0", networks = except { "10.0.0.0/8", "192.168.0.0/16", "fc00::/7" } }
]]

local function run(text)
  return fake.run(((zones .. text):gsub("\n", " ")))
end

local function rules(text)
  return fake.all(run(text))
end

local function fails(expected, text)
  fake.fails(expected, ((zones .. text):gsub("\n", " ")))
end

describe("a zone", function()
  it("with interfaces and networks requires both", function()
    local expected = { "1 INPUT -s 10.0.0.0/24 -i lan0 -j DROP", "2 INPUT -s 2001:db8:1::/64 -i lan0 -j DROP" }
    assert.same(expected, rules "drop_inbound { from = lan }")
    assert.same(expected, rules "drop_inbound { on = lan }")
    assert.same(expected, rules "drop_inbound { from = lan, on = lan }")
    assert.same({ "1 OUTPUT -d 10.0.0.0/24 -o lan0 -j DROP", "2 OUTPUT -d 2001:db8:1::/64 -o lan0 -j DROP" },
      rules "drop_outbound { to = lan }")
    assert.same(rules "drop_outbound { to = lan }", rules "drop_outbound { on = lan }")
    assert.same(rules "drop_outbound { to = lan }", rules "drop_outbound { out = lan }")
  end)

  it("without networks has all that its interfaces bring", function()
    assert.same({ "3 INPUT -i dmz0 -j DROP", "3 INPUT -i dmz1 -j DROP" }, rules "drop_inbound { from = dmz }")
    assert.same({ "3 FORWARD -i dmz0 -o wan0 -j DROP", "3 FORWARD -i dmz1 -o wan0 -j DROP" },
      rules 'drop_forward { from = dmz, out = "wan0" }')
    assert.same({ "3 FORWARD ! -i wan0 -o wan0 -j DROP" }, rules 'drop_forward { on = inside, out = "wan0" }')
  end)

  it("without interfaces is its networks", function()
    assert.same({ "1 INPUT -s 10.9.0.0/24 -j DROP" }, rules "drop_inbound { from = vpn }")
    assert.same({ "1 INPUT -s 10.9.0.0/24 -j DROP" }, rules "drop_inbound { on = vpn }")
    assert.same({ "1 INPUT -d 10.9.0.0/24 -j DROP" }, rules "drop_inbound { to = vpn }")
    assert.same({ "1 FORWARD -d 10.9.0.0/24 -j DROP" }, rules "drop_forward { out = vpn }")
  end)

  it("with networks of one family has nothing of the other", function()
    assert.same({ "1 INPUT -s 10.0.0.0/24 -i a0 -j DROP" },
      rules 'drop_inbound { on = zone { interfaces = "a0", networks = "10.0.0.0/24" } }')
    fails('policy.lua:1: drop_inbound: no packet can match: from is IPv4 only, to is IPv6 only',
      'drop_inbound { from = zone { interfaces = "a0", networks = "10.0.0.0/24" }, to = "2001:db8::1" }')
    fails("allow_inbound_dhcpv6: no packet can match: from is IPv4 only, the service or protocol is IPv6 only",
      'allow_inbound_dhcpv6 { on = zone { interfaces = "a0", networks = "10.0.0.0/24" } }')
  end)

  it("stands at both ends of what is forwarded", function()
    assert.same({
      "1 FORWARD -s 10.0.0.0/24 -i lan0 -o dmz0 -j DROP", "1 FORWARD -s 10.0.0.0/24 -i lan0 -o dmz1 -j DROP",
      "2 FORWARD -s 2001:db8:1::/64 -i lan0 -o dmz0 -j DROP", "2 FORWARD -s 2001:db8:1::/64 -i lan0 -o dmz1 -j DROP",
    }, rules "drop_forward { from = lan, to = dmz }")
  end)

  it("stands in lists, beside addresses, interfaces and other zones", function()
    assert.same({
      "1 INPUT -s 192.0.2.1/32 -j DROP", "1 INPUT -s 10.9.0.0/24 -j DROP",
      "1 INPUT -s 10.0.0.0/24 -i lan0 -j DROP", "2 INPUT -s 2001:db8:1::/64 -i lan0 -j DROP",
      "3 INPUT -i dmz0 -j DROP", "3 INPUT -i dmz1 -j DROP",
    }, rules 'drop_inbound { from = { lan, { "192.0.2.1", vpn }, dmz, lan } }')
    assert.same({ "3 INPUT -i dmz0 -j DROP", "3 INPUT -i dmz1 -j DROP", "3 INPUT -i eth0 -j DROP" },
      rules 'drop_inbound { on = { dmz, "eth0" } }')
    assert.same({ "3 INPUT -i eth0 -j DROP", "1 INPUT -s 10.0.0.0/24 -i lan0 -j DROP",
      "2 INPUT -s 2001:db8:1::/64 -i lan0 -j DROP" }, rules 'drop_inbound { on = { "eth0", lan } }')
  end)

  it("is part of the request everywhere that from= and to= are read", function()
    local icmp = table.concat(rules "allow_icmp { from = lan }", "\n")
    assert.matches("1 INPUT -s 10.0.0.0/24 -i lan0 -p icmp -m icmp --icmp-type 8", icmp, 1, true)
    assert.matches("2 INPUT -s 2001:db8:1::/64 -i lan0 -p ipv6-icmp -m icmp6 --icmpv6-type 128", icmp, 1, true)
    assert.same({ "1 INPUT -s 10.0.0.0/24 -i lan0 -p tcp -m tcp --dport 22 -j ACCEPT",
      "2 INPUT -s 2001:db8:1::/64 -i lan0 -p tcp -m tcp --dport 22 -j ACCEPT" },
      rules 'allow_inbound_ssh { from = lan, state = "any", comment = false }')
  end)

  it("gives DHCP its interfaces alone, since no lease is asked for by an address", function()
    assert.same({ "1 OUTPUT -o lan0 -p udp -m udp --sport 68 --dport 67 -m conntrack --ctstate NEW "
      .. "-m comment --comment DHCP -j ACCEPT" }, rules 'allow_dhcp_client { on = lan, family = "ipv4" }')
    fails("allow_dhcp_client: on: zone { 10.9.0.0/24 } has no list of interfaces", "allow_dhcp_client { on = vpn }")
  end)
end)

describe("from= and on= together", function()
  it("must both hold", function()
    assert.same({ "1 INPUT -s 10.0.0.5/32 -i lan0 -j DROP" },
      rules 'drop_inbound { from = { "10.0.0.5", "192.0.2.1" }, on = lan }')
    assert.same({ "1 INPUT -s 10.0.0.0/24 -i lan0 -j DROP", "2 INPUT -s 2001:db8:1::/64 -i lan0 -j DROP" },
      rules 'drop_inbound { from = lan, on = { "lan+", "eth0" } }')
    assert.same({ "1 INPUT -s 10.9.0.0/24 -i dmz0 -j DROP", "1 INPUT -s 10.9.0.0/24 -i dmz1 -j DROP" },
      rules 'drop_inbound { from = vpn, on = dmz }')
    assert.same({ "3 INPUT -i dmz1 -j DROP" }, rules 'drop_inbound { from = dmz, on = except "dmz0" }')
  end)

  it("are refused where they have nothing in common", function()
    fails("policy.lua:1: drop_inbound: no packet can match: from and on have no interface in common",
      'drop_inbound { from = lan, on = "eth0" }')
    fails("drop_inbound: no packet can match: from and on have no address in common",
      'drop_inbound { from = "192.0.2.1", on = lan }')
    fails("drop_forward: no packet can match: to and out have no interface in common",
      'drop_forward { to = lan, out = dmz }')
    fails("drop_inbound: no packet can match: from and on have no interface in common",
      "drop_inbound { from = dmz, on = except(dmz) }")
  end)
end)

describe("except(zone)", function()
  it("negates what is one condition at once", function()
    local one = 'local one = zone { interfaces = "a0" } '
    assert.same({ "3 INPUT ! -i a0 -j DROP" }, rules(one .. "drop_inbound { from = except(one) }"))
    assert.same({ "3 INPUT ! -i a0 -j DROP" }, rules(one .. "drop_inbound { on = except(one) }"))
    assert.same({ "1 INPUT ! -s 10.9.0.0/24 -j DROP", "2 INPUT -j DROP" }, rules "drop_inbound { from = except(vpn) }")
    assert.same({ "1 INPUT ! -s 10.9.0.0/24 -j DROP", "2 INPUT -j DROP" }, rules "drop_inbound { on = except(vpn) }")
    assert.same({ "3 FORWARD ! -i wan0 -o wan0 -j DROP" }, rules "drop_forward { from = inside, to = except(inside) }")
  end)

  it("is a chain that returns for it where one rule cannot say it", function()
    local core = run "drop_inbound { from = except(lan), tcp = 80 } drop_inbound { on = except(lan), tcp = 81 }"
    assert.equal(2, #core.chains)
    local name = core.chains[1].name
    assert.matches("^EXCEPT_%x+$", name)
    assert.same({ "-s 10.0.0.0/24 -i lan0 -j RETURN", "-j DROP" }, fake.chain(core, 1, name))
    assert.same({ "-s 2001:db8:1::/64 -i lan0 -j RETURN", "-j DROP" }, fake.chain(core, 2, name))
    for family = 1, 2 do
      assert.same({ "-p tcp -m tcp --dport 80 -j " .. name, "-p tcp -m tcp --dport 81 -j " .. name },
        fake.chain(core, family, "INPUT"))
    end
  end)

  it("has a chain for several interfaces, and for both ends", function()
    local core = run "drop_forward { from = except(dmz), to = except(lan) }"
    local name = core.chains[1].name
    assert.same({ "-d 10.0.0.0/24 -o lan0 -j RETURN", "-i dmz0 -j RETURN", "-i dmz1 -j RETURN", "-j DROP" },
      fake.chain(core, 1, name))
    assert.same({ "-j " .. name }, fake.chain(core, 1, "FORWARD"))
  end)

  it("narrows a list, and what on= says", function()
    local core = run 'drop_inbound { from = { "10.0.0.0/8", except(lan) }, on = "lan+" }'
    local name = core.chains[1].name
    assert.same({ "-s 10.0.0.0/24 -i lan0 -j RETURN", "-j DROP" }, fake.chain(core, 1, name))
    assert.same({ "1 INPUT -s 10.0.0.0/8 -i lan+ -j " .. name }, { fake.all(core)[3] })
    assert.same({}, fake.chain(core, 2, "INPUT"))
    assert.same({ "1 INPUT -s 10.0.0.0/8 -i eth0 -j DROP" },
      rules 'drop_inbound { from = { "10.0.0.0/8", except(lan) }, on = "eth0" }')
  end)

  it("takes a name off a wildcard", function()
    local core = run 'drop_inbound { on = "dmz+", from = except(dmz) }'
    local name = core.chains[1].name
    assert.same({ "-i dmz0 -j RETURN", "-i dmz1 -j RETURN", "-j DROP" }, fake.chain(core, 2, name))
    assert.same({ "-i dmz+ -j " .. name }, fake.chain(core, 2, "INPUT"))
  end)

  it("of a zone with one exception is said, of more refused", function()
    local core = run [[
      drop_inbound { from = except(zone { interfaces = "a0", networks = except "10.0.0.0/8" }) }
    ]]
    local name = core.chains[1].name
    assert.same({ "! -s 10.0.0.0/8 -i a0 -j RETURN", "-j DROP" }, fake.chain(core, 1, name))
    assert.same({ "-i a0 -j RETURN", "-j DROP" }, fake.chain(core, 2, name))
    fails("drop_inbound: from: except takes no zone that has exceptions itself",
      "drop_inbound { from = except(internet) }")
  end)
end)

describe("a zone with exceptions", function()
  it("keeps them to itself in a list", function()
    local core = run 'drop_inbound { from = { "10.0.0.1", internet } }'
    local name = core.chains[1].name
    assert.same({ "-s 10.0.0.1/32 -j DROP", "-i wan0 -j " .. name }, fake.chain(core, 1, "INPUT"))
    assert.same({ "-s 10.0.0.0/8 -j RETURN", "-s 192.168.0.0/16 -j RETURN", "-j DROP" }, fake.chain(core, 1, name))
    assert.same({ "! -s fc00::/7 -i wan0 -j DROP" }, fake.chain(core, 2, "INPUT"))
  end)
end)

describe("where a chain does not see the interface", function()
  it("a zone with interfaces is refused, its networks are not", function()
    fails('drop_inbound: to: zone "lan" has interfaces, but a packet for this host leaves by no interface; '
      .. "give its networks alone, as ZONE.networks", "drop_inbound { to = lan }")
    fails("drop_outbound: from: zone { dmz0, dmz1 } has interfaces, but a packet of this host's own comes in by no "
      .. "interface; give networks", "drop_outbound { from = dmz }")
    assert.same({ "1 INPUT -d 10.0.0.0/24 -j DROP", "2 INPUT -d 2001:db8:1::/64 -j DROP" },
      rules "drop_inbound { to = lan.networks }")
  end)
end)

describe("the value of zone", function()
  it("shows its parts, and nothing that it has not", function()
    assert.same({ "3 INPUT -i dmz0 -j DROP", "3 INPUT -i dmz1 -j DROP" }, rules "drop_inbound { on = dmz.interfaces }")
    assert.same({ "3 INPUT ! -i wan0 -j DROP" }, rules "drop_inbound { on = inside.interfaces }")
    run 'assert(lan.name == "lan" and #lan.networks == 2 and lan.networks[1] == "10.0.0.0/24")'
    run 'assert(tostring(lan) == [=[zone "lan"]=] and tostring(dmz) == "zone { dmz0, dmz1 }")'
    -- nil as an option would mean "any"
    fails("policy.lua:1: zone: zone { dmz0, dmz1 } has no `networks`", "drop_inbound { from = dmz.networks, tcp = 1 }")
    fails('zone: zone "lan" has no `interface`: did you mean `interfaces`?', "drop_inbound { on = lan.interface }")
    fails('zone: zone "lan" is read-only', "lan.networks = {}")
    fails("read-only", "lan.interfaces[1] = 'x'")
  end)

  it("does not follow later changes of the lists that it was made of", function()
    assert.same({ "3 INPUT -i a0 -j DROP" },
      rules 'local l = { "a0" } local z = zone { interfaces = l } l[1] = "b0" drop_inbound { on = z }')
  end)

  it("is made of other zones that are one thing", function()
    assert.same({ "3 INPUT -i dmz0 -j DROP", "3 INPUT -i dmz1 -j DROP", "3 INPUT -i a0 -j DROP" },
      rules 'drop_inbound { on = zone { interfaces = { dmz, "a0" } } }')
    assert.same({ "1 INPUT -s 10.9.0.0/24 -i a0 -j DROP" },
      rules 'drop_inbound { on = zone { interfaces = "a0", networks = vpn } }')
    fails('zone: interfaces: zone "lan" is more than a list of interfaces', "zone { interfaces = lan }")
    fails('zone: networks: zone "lan" is more than a list of addresses, which is what is needed here: '
      .. "give its networks alone, as ZONE.networks", "zone { networks = { lan } }")
  end)

  it("has no place among ports, services or plain addresses", function()
    fails('drop_inbound: tcp: zone "lan" has no place here', "drop_inbound { tcp = lan }")
    fails('drop_inbound: [1]: zone "lan" has no place here', "drop_inbound { lan }")
    fails('addresses: zone "lan" is more than a list', "addresses { lan }")
    fails("append: source: zone \"lan\" is more than a list of addresses",
      'chain("filter", "INPUT"):append { source = lan, jump = "DROP" }')
    fails("append: in_interface: zone \"lan\" is more than a list of interfaces",
      'chain("filter", "INPUT"):append { in_interface = lan, jump = "DROP" }')
    assert.same({ "1 INPUT -s 10.9.0.0/24 -j DROP" },
      rules 'chain("filter", "INPUT"):append { source = vpn, jump = "DROP" }')
  end)
end)

describe("zone", function()
  it("says that an empty list in it matches nothing", function()
    local core = run [[
      drop_inbound { from = zone { networks = {} } }
      drop_inbound { on = zone { interfaces = "a0", networks = {} } }
      drop_inbound { from = { zone { interfaces = {} }, "10.0.0.1" } }
    ]]
    assert.same({ "1 INPUT -s 10.0.0.1/32 -j DROP" }, fake.all(core))
    assert.same({
      "warning: drop_inbound: from is an empty list, so there is no rule -> leave from out to match any",
      "warning: drop_inbound: on is an empty list, so there is no rule -> leave on out to match any",
    }, core.notes)
  end)

  it("is checked", function()
    fails("policy.lua:1: zone: nothing says what is in it: give interfaces, networks or both", "zone {}")
    fails("zone: nothing says what is in it", "zone()")
    fails("zone: unknown option `network`: did you mean `networks`?", 'zone { network = "10.0.0.0/8" }')
    fails("zone: interfaces: an interface name or a list of them is needed, not 3", "zone { interfaces = 3 }")
    fails("zone: networks: an address, a list of addresses or except(...) is needed, not true",
      "zone { networks = true }")
    fails('zone: networks[2]: "10.0.0.300" is not an IPv4', 'zone { networks = { "10.0.0.1", "10.0.0.300" } }')
    fails("zone: name: a string is needed, not 1", 'zone { name = 1, interfaces = "a0" }')
    fails("zone: name: is empty", 'zone { name = "", interfaces = "a0" }')
    fails("zone: \"lan0\" given, but an options table is needed: zone { ... }", 'zone "lan0"')
    fails("zone: nil given instead of options", "local x zone(x)")
    fails('allow_inbound: [1]: zone "lan" has no place here', "allow_inbound(lan)")
    fails("allow_inbound_ssh: a table given, but an options table is needed", "allow_inbound_ssh(lan)")
  end)
end)
