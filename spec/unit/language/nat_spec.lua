-- SPDX-License-Identifier: GPL-2.0-or-later
-- Source addresses on the way out, and the clamp: masquerade, snat, clamp_mss.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"
local fails, rules = fake.fails, fake.rules_with_tables

describe("masquerade", function()
  it("is for IPv4 where packets leave", function()
    assert.same({ "1 nat POSTROUTING -o wan0 -j MASQUERADE" }, rules 'masquerade { out = "wan0" }')
    assert.same({ "1 nat POSTROUTING -o wan0 -j MASQUERADE" }, rules 'masquerade { on = "wan0" }')
  end)

  it("takes IPv6 where it is asked for", function()
    assert.same({ "3 nat POSTROUTING -o wan0 -j MASQUERADE" }, rules 'masquerade { out = "wan0", family = "both" }')
    assert.same({ "2 nat POSTROUTING -o wan0 -j MASQUERADE" }, rules 'masquerade { out = "wan0", family = "ipv6" }')
    assert.same({ "2 nat POSTROUTING -s fd00::/8 -o wan0 -j MASQUERADE" },
      rules 'masquerade { out = "wan0", from = "fd00::/8" }')
  end)

  it("leaves IPv6 of a mixed list alone, and says so", function()
    local core = fake.run 'masquerade { out = "wan0", from = { "10.0.0.0/24", "2001:db8::/64" } }'
    assert.same({ "1 POSTROUTING -s 10.0.0.0/24 -o wan0 -j MASQUERADE" }, fake.all(core))
    assert.same({ "info: masquerade: IPv4 only; IPv6 is forwarded with the addresses that it has -> "
      .. 'family = "both" masquerades it, too' }, core.notes)
    assert.same({
      "1 nat POSTROUTING -s 10.0.0.0/24 -o wan0 -j MASQUERADE",
      "2 nat POSTROUTING -s 2001:db8::/64 -o wan0 -j MASQUERADE",
    }, rules 'masquerade { out = "wan0", from = { "10.0.0.0/24", "2001:db8::/64" }, family = "both" }')
  end)

  it("says nothing of IPv6 that no address speaks of", function()
    assert.same({}, fake.run('masquerade { out = "wan0" }').notes)
    assert.same({}, fake.run('masquerade { out = "wan0", from = "10.0.0.0/24" }').notes)
  end)

  it("takes networks, exceptions and what the verbs take", function()
    assert.same({
      '1 nat POSTROUTING -s 10.0.0.0/24 ! -d 10.8.0.0/16 -o wan0 -p tcp -m tcp --dport 25 -m comment --comment mail '
        .. '-j MASQUERADE --random-fully',
    }, rules [[masquerade { out = "wan0", from = "10.0.0.0/24", to = except "10.8.0.0/16", tcp = 25,
      random_fully = true, comment = "mail" }]])
    assert.same({ "1 nat POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE --random" },
      rules 'masquerade { from = "172.17.0.0/16", out = except "docker0", random = true }')
  end)

  it("puts several exceptions into a chain of nat", function()
    local core = fake.run 'masquerade { out = "wan0", to = except { "10.8.0.0/16", "10.9.0.0/16" } }'
    assert.equal(1, #core.chains)
    local chain = core.chains[1]
    assert.equal("nat", chain.table)
    assert.same({ "-d 10.8.0.0/16 -j RETURN", "-d 10.9.0.0/16 -j RETURN", "-j MASQUERADE" },
      fake.chain(core, 1, chain.name, "nat"))
    assert.same({ "-o wan0 -j " .. chain.name }, fake.chain(core, 1, "POSTROUTING", "nat"))
  end)

  it("chooses ports for the protocols that have some", function()
    assert.same({
      "1 nat POSTROUTING -o wan0 -p tcp -j MASQUERADE --to-ports 1024-2047",
      "1 nat POSTROUTING -o wan0 -p udp -j MASQUERADE --to-ports 1024-2047",
      "1 nat POSTROUTING -o wan0 -p sctp -j MASQUERADE --to-ports 1024-2047",
      "1 nat POSTROUTING -o wan0 -j MASQUERADE",
    }, rules 'masquerade { out = "wan0", ports = "1024-2047" }')
    assert.same({ "1 nat POSTROUTING -o wan0 -p udp -m udp --dport 53 -j MASQUERADE --to-ports 2000" },
      rules 'masquerade { out = "wan0", udp = 53, ports = 2000 }')
    fails('ports: takes one range, like "1024-65535"', 'masquerade { out = "wan0", ports = { 1, 2 } }')
    fails("ports: the protocol has no ports", 'masquerade { out = "wan0", protocol = "gre", ports = 2000 }')
  end)

  it("needs to know where", function()
    fails('policy.lua:1: masquerade: out: is missing: the interface where packets leave, like out = "wan0"',
      "masquerade()")
    fails("masquerade: on: the same as out= here", 'masquerade { on = "a", out = "b" }')
    fails("masquerade: unknown option `form`: did you mean `from`?", 'masquerade { out = "a", form = "10.0.0.1" }')
    fails("no packet can match: from is IPv4 only", 'masquerade { out = "a", from = "10.0.0.1", family = "ipv6" }')
    fails("from is IPv4 only, to is IPv6 only", 'masquerade { out = "a", from = "10.0.0.1", to = "2001:db8::1" }')
  end)

  it("makes no rule of an empty list", function()
    for option in pairs { from = true, to = true, out = true, tcp = true } do
      local core = fake.run(("masquerade { on = %s, %s = {} }"):format(option == "out" and "nil" or '"wan0"', option))
      assert.same({}, core.rules)
      assert.matches(option .. " is an empty list", core.notes[1], 1, true)
    end
  end)
end)

describe("zones", function()
  local zones = [[
    local lan = zone { interfaces = "lan0", networks = { "10.0.0.0/24", "2001:db8:1::/64" }, name = "lan" }
    local wan = zone { interfaces = { "wan0", "wan1" } }
  ]]

  it("stand for their networks where a packet comes from, and for their interfaces where it leaves", function()
    assert.same({
      "1 nat POSTROUTING -s 10.0.0.0/24 -o wan0 -j MASQUERADE",
      "1 nat POSTROUTING -s 10.0.0.0/24 -o wan1 -j MASQUERADE",
    }, rules(zones .. "masquerade { from = lan, out = wan }"))
    assert.same({ "2 nat POSTROUTING -s 2001:db8:1::/64 -o wan0 -j SNAT --to-source 2001:db8::5",
      "2 nat POSTROUTING -s 2001:db8:1::/64 -o wan1 -j SNAT --to-source 2001:db8::5" },
      rules(zones .. 'snat { from = lan, out = wan, to_source = "2001:db8::5" }'))
    assert.equal(4, #rules(zones .. 'clamp_mss { from = lan, out = wan }'))
    fails("snat: no packet can match: to_source is IPv6 only, from is IPv4 only",
      'snat { from = zone { networks = "10.0.0.0/24" }, out = "w", to_source = "2001:db8::5" }')
    fails("from: zone { wan0 } has interfaces, but POSTROUTING does not know",
      'masquerade { out = "x", from = { zone { interfaces = "wan0" } } }')
  end)
end)

describe("snat", function()
  it("goes to the family of its address", function()
    assert.same({ "1 nat POSTROUTING -o wan0 -j SNAT --to-source 203.0.113.5" },
      rules 'snat { out = "wan0", to_source = "203.0.113.5" }')
    assert.same({
      "1 nat POSTROUTING -s 10.0.0.25/32 -o wan0 -j SNAT --to-source 203.0.113.5",
      "2 nat POSTROUTING -s fd00::25/128 -o wan0 -j SNAT --to-source 2001:db8::5",
    }, rules [[snat { out = "wan0", from = { "10.0.0.25", "fd00::25" },
      to_source = { "203.0.113.5", "2001:db8::5" } }]])
  end)

  it("takes ranges, ports and flags", function()
    assert.same({ "1 nat POSTROUTING -o wan0 -j SNAT --to-source 203.0.113.5-203.0.113.9 --random --persistent" },
      rules 'snat { out = "wan0", to_source = "203.0.113.5-203.0.113.9", random = true, persistent = true }')
    assert.same({ "1 nat POSTROUTING -o wan0 -p udp -j SNAT --to-source 203.0.113.5:1024-2047" },
      rules 'snat { out = "wan0", protocol = "udp", to_source = "203.0.113.5:1024-2047" }')
    assert.same({ "2 nat POSTROUTING -o wan0 -p tcp -m tcp --dport 25 -j SNAT "
      .. "--to-source [2001:db8::5-2001:db8::9]:2000" },
      rules 'snat { out = "wan0", tcp = 25, to_source = "[2001:db8::5-2001:db8::9]:2000" }')
    assert.same({ "1 nat POSTROUTING -o wan0 -p tcp -m tcp --dport 25 -m comment --comment SMTP -j SNAT "
      .. "--to-source 203.0.113.25" }, rules 'snat { "smtp", out = "wan0", to_source = "203.0.113.25" }')
  end)

  it("refuses what is no address to show", function()
    assert.same({ "warning: snat: from is an empty list, so there is no rule -> leave from out to match any" },
      fake.run('snat { from = {}, out = "w", to_source = "10.0.0.1" }').notes)
    fails("snat: `to_source` is missing", 'snat { out = "wan0" }')
    fails('to_source: one address is needed, not the network "203.0.113.0/24"',
      'snat { out = "wan0", to_source = "203.0.113.0/24" }')
    fails('to_source: "gateway.example" is a host name', 'snat { out = "wan0", to_source = "gateway.example" }')
    fails('to_source: "0.0.0.0" is no host\'s address', 'snat { out = "wan0", to_source = "0.0.0.0" }')
    fails('to_source: range "203.0.113.10-203.0.113.9" ends before it begins',
      'snat { out = "wan0", to_source = "203.0.113.10-203.0.113.9" }')
    assert.equal(1, #rules 'snat { out = "wan0", to_source = "203.0.113.9-203.0.113.10" }')
    fails("to_source: range \"2001:db8::a-2001:db8::9\" ends before it begins",
      'snat { out = "wan0", to_source = "2001:db8::a-2001:db8::9" }')
    fails("begins in one family and ends in the other", 'snat { out = "w", to_source = "10.0.0.1-2001:db8::1" }')
    fails("one address of each family is the most", 'snat { out = "w", to_source = { "10.0.0.1", "10.0.0.2" } }')
    fails("to_source: port 1024-2047 of which protocol?", 'snat { out = "w", to_source = "10.0.0.1:1024-2047" }')
    fails("no packet can match: to_source is IPv4 only, from is IPv6 only",
      'snat { out = "w", to_source = "203.0.113.5", from = "2001:db8::/64" }')
  end)
end)

describe("clamp_mss", function()
  local syn = "-p tcp -m tcp --tcp-flags SYN,RST SYN"

  it("fits SYNs to the way, in both families", function()
    assert.same({ "3 mangle FORWARD " .. syn .. " -j TCPMSS --clamp-mss-to-pmtu" }, rules "clamp_mss()")
    assert.same({ "3 mangle FORWARD " .. syn .. " -j TCPMSS --clamp-mss-to-pmtu" }, rules 'clamp_mss { mss = "pmtu" }')
  end)

  it("takes interfaces, networks and a number of bytes", function()
    assert.same({ "1 mangle FORWARD -s 10.0.0.0/24 -i lan0 -o ppp0 " .. syn
      .. " -m comment --comment PPPoE -j TCPMSS --set-mss 1400" },
      rules 'clamp_mss { on = "lan0", out = "ppp0", from = "10.0.0.0/24", mss = 1400, comment = "PPPoE" }')
    assert.same({ "2 mangle FORWARD " .. syn .. " -j TCPMSS --set-mss 1220" },
      rules 'clamp_mss { family = "ipv6", mss = 1220 }')
  end)

  it("refuses what is no segment size", function()
    fails('clamp_mss: mss: "pmtu" or a number of bytes is needed, not "mtu"', 'clamp_mss { mss = "mtu" }')
    fails("mss: 20 is out of range (88 to 65495)", "clamp_mss { mss = 20 }")
    fails('mss: "pmtu" or a number of bytes is needed, not 1400.5', "clamp_mss { mss = 1400.5 }")
  end)
end)
