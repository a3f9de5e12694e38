-- SPDX-License-Identifier: GPL-2.0-or-later
-- The generic verbs and the helpers of single services.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"
local rules = fake.rules

local new = " -m conntrack --ctstate NEW"

describe("a verb", function()
  it("accepts new connections to a port in both families", function()
    assert.same({ "3 INPUT -p tcp -m tcp --dport 22" .. new .. " -j ACCEPT" }, rules "allow_inbound { tcp = 22 }")
  end)

  it("puts arguments in iptables-save's order", function()
    assert.same({
      "1 FORWARD -s 10.0.0.0/8 -d 192.0.2.1/32 -i eth0 -o eth1 -p udp -m udp --sport 68 --dport 67" .. new
        .. ' -m comment --comment "a b" -j ACCEPT',
    }, rules [[allow_forward { from = "10.0.0.0/8", to = "192.0.2.1", on = "eth0", out = "eth1", udp = 67,
      source_ports = 68, comment = "a b" }]])
  end)

  it("takes a service by name, alone, first or as an option", function()
    local expected = { '3 OUTPUT -p udp -m udp --dport 123' .. new .. ' -m comment --comment NTP -j ACCEPT' }
    assert.same(expected, rules 'allow_outbound("ntp")')
    assert.same(expected, rules 'allow_outbound { "ntp" }')
    assert.same(expected, rules 'allow_outbound { service = "ntp" }')
    assert.same(expected, rules 'allow_outbound_ntp()')
    assert.same(expected, rules 'allow_outbound { service = { "ntp" } }')
  end)

  it("keeps to the families of its addresses", function()
    assert.same({ "1 INPUT -s 10.0.0.0/24 -p tcp -m tcp --dport 80" .. new .. " -j ACCEPT" },
      rules 'allow_inbound { tcp = 80, from = "10.0.0.0/24" }')
    assert.same({ "2 INPUT -s 2001:db8::/32 -p tcp -m tcp --dport 80" .. new .. " -j ACCEPT" },
      rules 'allow_inbound { tcp = 80, from = { "2001:db8::/32" } }')
    assert.same({
      "1 INPUT -s 10.0.0.1/32 -d 10.0.0.2/32 -j DROP",
    }, rules 'drop_inbound { from = { "10.0.0.1", "2001:db8::1" }, to = "10.0.0.2" }')
  end)

  it("needs no condition for the whole of a family", function()
    assert.same({ "1 INPUT -p tcp -m tcp --dport 80" .. new .. " -j ACCEPT" },
      rules 'allow_inbound { tcp = 80, from = "0.0.0.0/0" }')
  end)

  it("makes one rule for each address and interface", function()
    assert.same({
      "1 INPUT -s 10.0.0.1/32 -i eth0 -j DROP", "1 INPUT -s 10.0.0.1/32 -i eth1 -j DROP",
      "1 INPUT -s 10.0.0.2/32 -i eth0 -j DROP", "1 INPUT -s 10.0.0.2/32 -i eth1 -j DROP",
    }, rules 'drop_inbound { from = { "10.0.0.1", { "10.0.0.2", "10.0.0.1" } }, on = { "eth0", "eth1" } }')
  end)

  it("takes on= and out= for the way out", function()
    assert.same({ "3 OUTPUT -o eth0 -j DROP" }, rules 'drop_outbound { on = "eth0" }')
    assert.same({ "3 OUTPUT -o eth0 -j DROP" }, rules 'drop_outbound { out = "eth0" }')
    assert.matches("allow_inbound: unknown option `out`", fake.failure 'allow_inbound { out = "eth0" }', 1, true)
  end)

  it("rejects TCP with a reset, the rest with the family's own message", function()
    assert.same({
      "3 INPUT -p tcp -m tcp --dport 53 -m comment --comment DNS -j REJECT --reject-with tcp-reset",
      "3 INPUT -p udp -m udp --dport 53 -m comment --comment DNS -j REJECT",
    }, rules 'reject_inbound_dns()')
  end)

  it("takes states, a stage and no comment", function()
    local core = fake.run [[
      allow_inbound { tcp = 80, state = "any", stage = "first" }
      allow_inbound { tcp = 80, state = { "related", "NEW" } }
      allow_inbound_ssh { comment = false, state = "any" }
    ]]
    assert.same({
      "3 INPUT -p tcp -m tcp --dport 80 -j ACCEPT",
      "3 INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW,RELATED -j ACCEPT",
      "3 INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
    }, fake.all(core))
    assert.equal(0, core.rules[1].rank)
    assert.equal(40, core.rules[2].rank)
  end)

  it("takes protocols by name and number", function()
    assert.same({ "3 INPUT -p 47" .. new .. " -j ACCEPT", "3 INPUT -p esp" .. new .. " -j ACCEPT",
      "1 INPUT -p 2" .. new .. " -j ACCEPT" }, rules 'allow_inbound { protocol = { "gre", 50, "igmp" } }')
    assert.same({ "3 OUTPUT" .. new .. " -j ACCEPT" }, rules 'allow_outbound { protocol = "all" }')
    assert.same({ "3 OUTPUT -p udp -m udp --sport 500 -j DROP" },
      rules 'drop_outbound { protocol = "udp", source_ports = 500 }')
  end)

  it("matches AH in IPv6 as the extension header that it is", function()
    assert.same({ "1 INPUT -p ah" .. new .. " -j ACCEPT", "2 INPUT -m ah" .. new .. " -j ACCEPT" },
      rules 'allow_inbound { protocol = "ah" }')
  end)

  it("keeps a service to its family and source ports", function()
    assert.same({ "1 OUTPUT -p udp -m udp --sport 68 --dport 67" .. new .. " -m comment --comment DHCP -j ACCEPT" },
      rules 'allow_outbound_dhcp()')
    assert.matches("policy.lua:1: allow_inbound_dhcpv6: no packet can match: from is IPv4 only, "
      .. "the service or protocol is IPv6 only", fake.failure 'allow_inbound_dhcpv6 { from = "10.0.0.1" }', 1, true)
  end)

  it("says that an empty list gives no rule", function()
    local core = fake.run [[
      allow_inbound_ssh { from = {} }
      allow_inbound_ssh { from = addresses {} }
      allow_inbound { tcp = {} }
      allow_inbound { tcp = 1, on = {} }
      allow_inbound_ssh { from = { {}, except "10.0.0.1" } }
    ]]
    assert.same({}, core.rules)
    assert.same({
      "warning: allow_inbound_ssh: from is an empty list, so there is no rule -> leave from out to match any",
      "warning: allow_inbound_ssh: from is an empty list, so there is no rule -> leave from out to match any",
      "warning: allow_inbound: tcp is an empty list, so there is no rule -> leave tcp out to match any",
      "warning: allow_inbound: on is an empty list, so there is no rule -> leave on out to match any",
      "warning: allow_inbound_ssh: from is an empty list, so there is no rule -> leave from out to match any",
    }, core.notes)
  end)

  it("refuses what can match nowhere", function()
    assert.matches("no packet can match: from is IPv4 only, to is IPv6 only",
      fake.failure 'allow_inbound { tcp = 80, from = "10.0.0.1", to = "2001:db8::1" }', 1, true)
  end)

  it("refuses calls that say nothing, or two things", function()
    assert.matches("allow_inbound: nothing says what is meant", fake.failure "allow_inbound {}", 1, true)
    assert.matches("allow_inbound: nothing says what is meant", fake.failure "allow_inbound()", 1, true)
    assert.matches("allow_inbound_ssh: nil given", fake.failure "local o allow_inbound_ssh(o)", 1, true)
    assert.matches("tcp: the service already says", fake.failure 'allow_inbound { "ssh", tcp = 22 }', 1, true)
    assert.matches("takes one options table", fake.failure 'allow_inbound("ssh", {})', 1, true)
    assert.matches("source_ports: of which protocol?", fake.failure 'allow_inbound { source_ports = 1 }', 1, true)
  end)
end)

describe("a helper's input", function()
  it("is not changed", function()
    local core = fake.run [[
      local options = { tcp = { 80, { 81 } }, from = { "10.0.0.1" }, on = except { "eth0" } }
      allow_inbound(options)
      allow_inbound(options)
      assert(#options.tcp == 2 and #options.tcp[2] == 1 and #options.from == 1)
      local count = 0
      for _ in pairs(options) do count = count + 1 end
      assert(count == 3)
    ]]
    assert.equal(core.rules[1].text, core.rules[2].text)
  end)
end)
