-- SPDX-License-Identifier: GPL-2.0-or-later
-- block: addresses that this host has nothing to do with.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"
local fails, rules = fake.fails, fake.rules

local five = '"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"'

describe("block", function()
  it("drops both directions in the three chains", function()
    local expected = { "1 INPUT -s 192.0.2.1/32 -j DROP", "1 FORWARD -s 192.0.2.1/32 -j DROP",
      "1 OUTPUT -d 192.0.2.1/32 -j DROP", "1 FORWARD -d 192.0.2.1/32 -j DROP" }
    assert.same(expected, rules 'block "192.0.2.1"')
    assert.same(expected, rules 'block { "192.0.2.1" }')
    assert.same(expected, rules 'block { { "192.0.2.1" } }')
    assert.same(expected, rules 'block { addresses = "192.0.2.1" }')
    assert.same(expected, rules 'block(addresses { "192.0.2.1" })')
    assert.same({ "1 INPUT -s 192.0.2.1/32 -j DROP", "1 FORWARD -s 192.0.2.1/32 -j DROP",
      "2 OUTPUT -d 2001:db8::1/128 -j DROP", "2 FORWARD -d 2001:db8::1/128 -j DROP" },
      rules 'block { from = "192.0.2.1", to = "2001:db8::1" }')
  end)

  it("stands behind the spoofed and before the limits; with established before everything", function()
    for _, rule in ipairs(fake.run('block "192.0.2.1"').rules) do
      assert.equal(33, rule.rank)
    end
    for _, rule in ipairs(fake.run('block { "192.0.2.1", established = true }').rules) do
      assert.equal(0, rule.rank)
    end
    local core = fake.run 'allow_established() drop_spoofed() block { "192.0.2.1" } drop_invalid()'
    assert.same({ "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-m conntrack --ctstate INVALID -j DROP",
      "! -i lo -j SPOOFED", "-s 192.0.2.1/32 -j DROP" }, fake.chain(core, 1, "INPUT"))
  end)

  it("has one chain for each direction of all long lists", function()
    local core = fake.run(("block { %s } block { '2001:db8::/32', %s, comment = 'more' }"):format(five,
      five:gsub("10%.0", "10.1")))
    assert.same({ "-j BLOCKED_FROM" }, fake.chain(core, 1, "INPUT"))
    assert.same({ "-j BLOCKED_FROM" }, fake.chain(core, 2, "INPUT"))
    assert.same({ "-j BLOCKED_FROM", "-j BLOCKED_TO" }, fake.chain(core, 1, "FORWARD"))
    assert.same({ "-j BLOCKED_TO" }, fake.chain(core, 1, "OUTPUT"))
    local from, to = fake.chain(core, 1, "BLOCKED_FROM"), fake.chain(core, 1, "BLOCKED_TO")
    assert.equal(10, #from)
    assert.equal("-s 10.0.0.1/32 -j DROP", from[1])
    assert.equal("-d 10.1.0.5/32 -m comment --comment more -j DROP", to[10])
    assert.same({ "-s 2001:db8::/32 -m comment --comment more -j DROP" }, fake.chain(core, 2, "BLOCKED_FROM"))
    for _, rule in ipairs(core.rules) do
      assert.equal(rule.chain:find("^BLOCKED") and 40 or 33, rule.rank)
    end
    -- one more address is one more rule, of lists that are cut at once too
    core = fake.run(("block { %s, established = true } block { %s }"):format(five, five))
    assert.same({ "-j BLOCKED_FROM_FIRST", "-j BLOCKED_FROM" }, fake.chain(core, 1, "INPUT"))
    assert.same({ "1 INPUT -j BLOCKED_FROM", "1 FORWARD -j BLOCKED_FROM" },
      table.move(rules(("block { from = { %s } }"):format(five)), 1, 2, 1, {}))
  end)

  it("keeps to interfaces on both sides", function()
    assert.same({ "1 INPUT -s 10.0.0.0/8 -i wan0 -j DROP", "1 FORWARD -s 10.0.0.0/8 -i wan0 -j DROP",
      "1 OUTPUT -d 10.0.0.0/8 -o wan0 -j DROP", "1 FORWARD -d 10.0.0.0/8 -o wan0 -j DROP" },
      rules 'block { "10.0.0.0/8", on = "wan0" }')
  end)

  it("takes zones and exceptions", function()
    assert.same({ "1 INPUT -s 10.7.0.0/24 -i g0 -j DROP", "1 FORWARD -s 10.7.0.0/24 -i g0 -j DROP",
      "1 OUTPUT -d 10.7.0.0/24 -o g0 -j DROP", "1 FORWARD -d 10.7.0.0/24 -o g0 -j DROP" },
      rules 'block(zone { interfaces = "g0", networks = "10.7.0.0/24" })')
    assert.same({ "3 INPUT -i g0 -j DROP", "3 FORWARD -i g0 -j DROP", "3 OUTPUT -o g0 -j DROP",
      "3 FORWARD -o g0 -j DROP" }, rules 'block { zone { interfaces = "g0" } }')
    local core = fake.run 'block { "10.0.0.0/8", except "10.1.0.0/16" }'
    local name = core.chains[1].name
    assert.same({ "-s 10.1.0.0/16 -j RETURN", "-j DROP" }, fake.chain(core, 1, name))
    assert.same({ "-s 10.0.0.0/8 -j " .. name }, fake.chain(core, 1, "INPUT"))
  end)

  it("logs", function()
    local core = fake.run 'block { "192.0.2.1", log = "bad: " }'
    assert.same({ '-s 192.0.2.1/32 -m limit --limit 5/min --limit-burst 10 -j LOG --log-prefix "bad: "',
      "-s 192.0.2.1/32 -j DROP" }, fake.chain(core, 1, "INPUT"))
    assert.same(rules 'block "192.0.2.1"', rules 'block { "192.0.2.1", log = false }')
  end)

  it("says that an empty list blocks nothing", function()
    local core = fake.run [[
      block {} block(addresses {}) block { from = {}, to = "10.0.0.1" } block { "10.0.0.1", on = {} }
    ]]
    assert.equal(2, #core.rules)
    assert.same({ "warning: block: the list is empty, so nothing is blocked",
      "warning: block: the list is empty, so nothing is blocked",
      "warning: block: from is empty, so nothing is blocked",
      "warning: block: on is empty, so nothing is blocked" }, core.notes)
  end)

  it("is checked, and changes nothing that it is given", function()
    fails("policy.lua:1: block: nothing says what to block: write block { address, ... }", "block()")
    fails("block: nothing says what to block", "block { established = true }")
    fails("block: nil given", "local x block(x)")
    fails('block: [2]: "worst" is a host name', 'block { "10.0.0.1", "worst" }')
    fails("block: [2]: an address, a list of addresses or except(...) is needed, not 7", 'block { "10.0.0.1", 7 }')
    fails("block: [1]: nil in a list", 'local x block { x, "10.0.0.1" }')
    fails('block: from[1]: "10.0.0.1/40" is not', 'block { from = { "10.0.0.1/40" } }')
    fails("block: addresses: the list already says which are meant", 'block { "10.0.0.1", addresses = "10.0.0.2" }')
    fails("block: unknown option `establish`: did you mean `established`?", 'block { "10.0.0.1", establish = true }')
    fails("block: no packet can match: the list and on have no interface in common",
      'block { zone { interfaces = "g0" }, on = "eth0" }')
    fake.run [[
      local t = { "10.0.0.1", "10.0.0.2", established = true }
      block(t) block(t)
      assert(#t == 2 and t.established and t[1] == "10.0.0.1")
    ]]
  end)
end)
