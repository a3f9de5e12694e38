-- SPDX-License-Identifier: GPL-2.0-or-later
-- The primitives: chain() and append in both forms.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"
local fails = fake.fails

local function one(text)
  local core = fake.run('local c = chain("filter", "C") c:append ' .. text)
  assert.equal(1, #core.rules)
  return core.rules[1].families .. " " .. core.rules[1].text
end

describe("chain", function()
  it("makes chains and sets policies", function()
    local core = fake.run [[
      local c = chain("filter", "SSH_GUARD")
      chain("mangle", "PREROUTING", { family = "ipv4" })
      chain("filter", "INPUT", { policy = "DROP", family = "ipv6" })
      assert(c.name == "SSH_GUARD" and tostring(c) == "filter SSH_GUARD")
    ]]
    assert.same({ families = 3, table = "filter", name = "SSH_GUARD", helper = "chain" }, core.chains[1])
    assert.equal(1, core.chains[2].families)
    assert.same({ "2 filter INPUT DROP chain" }, core.policies)
  end)

  it("checks names, tables and options", function()
    fails('chain: "fitler" is no table: did you mean `filter`?', 'chain("fitler", "A")')
    fails('chain name "-A" begins with -', 'chain("filter", "-A")')
    fails('chain name "!A" begins with !', 'chain("filter", "!A")')
    fails('has white space', 'chain("filter", "A B")')
    fails("has 29 bytes", 'chain("filter", ("x"):rep(29))')
    fails('chain name "DROP" means a verdict', 'chain("filter", "DROP")')
    fails("a chain's name is needed", 'chain("filter")')
    fails("policy: A is not a built-in chain of filter", 'chain("filter", "A", { policy = "DROP" })')
    fails('policy: "DORP" is no policy: did you mean `DROP`?', 'chain("filter", "INPUT", { policy = "DORP" })')
    fails('family: "ipv5" is no family', 'chain("filter", "A", { family = "ipv5" })')
    fails("chain: has no `apend`: did you mean `append`?", 'chain("filter", "A"):apend "-j DROP"')
    fails("called with a colon", 'chain("filter", "A").append "-j DROP"')
  end)
end)

describe("append of a table", function()
  it("says what the design's example says", function()
    assert.equal("3 -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m limit --limit 5/minute -j ACCEPT",
      one [[{ protocol = "tcp", destination_port = 22, match = { { "conntrack", ctstate = "NEW" },
        { "limit", limit = "5/minute" } }, jump = "ACCEPT" }]])
  end)

  it("puts all in order, options sorted", function()
    assert.equal("1 -s 10.0.0.0/8 -d 10.1.0.0/16 -i eth0 ! -o eth1 -p tcp -m tcp --sport 1:5 --dport 22 "
      .. "-m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip,dstport --hashlimit-name x "
      .. '-m comment --comment "a b" -j LOG --log-level 4 --log-prefix "x: "', one [[{
        jump = { "LOG", log_prefix = "x: ", log_level = 4 }, comment = "a b",
        match = { { "hashlimit", hashlimit_name = "x", hashlimit_mode = { "srcip", "dstport" },
          ["hashlimit-above"] = "5/sec" } },
        protocol = "tcp", source = "10.0.0.0/8", destination = "10.1.0.0/16", source_port = "1-5",
        destination_port = 22, in_interface = "eth0", out_interface = except "eth1" }]])
  end)

  it("takes true, false, except and options with two values", function()
    assert.equal("3 -m recent --name x ! --rsource --set -m set ! --match-set bad src,dst -j DROP",
      one [[{ match = { { "recent", set = true, name = "x", rsource = except(true), rdest = false },
        { "set", match_set = except { "bad", { "src", "dst" } } } }, jump = "DROP" }]])
    assert.equal("3 -p tcp -m tcp --tcp-flags SYN,ACK SYN -j DROP",
      one [[{ protocol = "tcp", match = { { "tcp", tcp_flags = { { "SYN", "ACK" }, "SYN" } } }, jump = "DROP" }]])
    assert.equal("3 -m socket", one [[{ match = { "socket" } }]])
    assert.equal("3 ! -p tcp -j DROP", one [[{ protocol = except "tcp", jump = "DROP" }]])
    assert.equal("3 -p tcp -m multiport --dports 22,80 -j DROP",
      one [[{ protocol = "tcp", destination_port = { 22, 80 }, jump = "DROP" }]])
  end)

  it("goes to the families in which it can match", function()
    assert.equal("2 -s 2001:db8::/32 -j DROP", one [[{ source = "2001:db8::/32", jump = "DROP" }]])
    assert.equal("1 ! -s 10.0.0.0/8 -j DROP", one [[{ source = except "10.0.0.0/8", jump = "DROP" }]])
    assert.equal("1 -p icmp -j DROP", one [[{ protocol = "icmp", jump = "DROP" }]])
    assert.equal("2 -m hl --hl-eq 255 -j DROP", one [[{ match = { { "hl", hl_eq = 255 } }, jump = "DROP" }]])
    assert.equal("2 -j REJECT --reject-with icmp6-port-unreachable",
      one [[{ jump = { "REJECT", reject_with = "icmp6-port-unreachable" } }]])
    assert.equal("1 -f -j DROP", one [[{ fragment = true, jump = "DROP" }]])
    assert.equal("1 -j DROP", one [[{ family = "ipv4", jump = "DROP" }]])
    local core = fake.run 'chain("filter", "C"):append { source = { "10.0.0.1", "2001:db8::1" }, jump = "DROP" }'
    assert.same({ "1 C -s 10.0.0.1/32 -j DROP", "2 C -s 2001:db8::1/128 -j DROP" }, fake.all(core))
    core = fake.run 'chain("filter", "C", { family = "ipv6" }):append { jump = "DROP" }'
    assert.equal(2, core.rules[1].families)
  end)

  it("refuses what belongs to different families", function()
    fails("append: `-m ttl` is IPv4 only, but `-s 2001:db8::1/128` is IPv6 only",
      'chain("filter", "C"):append { source = "2001:db8::1", match = { { "ttl", ttl_lt = 5 } } }')
    fails("append: the rule and the chain (or family=) have no family in common",
      'chain("filter", "C", { family = "ipv6" }):append { source = "10.0.0.1" }')
    fails("family: the chain is for the other family only",
      'chain("filter", "C", { family = "ipv6" }):append { family = "ipv4" }')
  end)

  it("knows stages in filter's built-in chains", function()
    local core = fake.run [[
      chain("filter", "INPUT"):append { jump = "DROP", stage = "last" }:append { jump = "DROP" }
      chain("nat", "OUTPUT"):append { jump = "ACCEPT" }
    ]]
    assert.same({ 50, 40, 40 }, { core.rules[1].rank, core.rules[2].rank, core.rules[3].rank })
    fails("append: stage: stages exist in filter's built-in chains only",
      'chain("filter", "C"):append { jump = "DROP", stage = "last" }')
  end)

  it("jumps to chains and checks go_to at the end", function()
    local core = fake.run [[
      local target = chain("filter", "TARGET")
      chain("filter", "INPUT"):append { go_to = "LATER" }:append { jump = target }:append { go_to = target }
      chain("filter", "LATER")
    ]]
    assert.same({ "-g LATER", "-j TARGET", "-g TARGET" }, fake.chain(core, 1, "INPUT"))
    fails('policy.lua:2: append: go_to: no chain "TARGTE" in filter: did you mean `TARGET`?',
      'chain("filter", "TARGET")\nchain("filter", "INPUT"):append { go_to = "TARGTE" }\nlocal x = 1')
    fails("go_to: a rule either jumps or goes", 'chain("filter", "A"):append { jump = "B", go_to = "C" }')
  end)

  it("jumps to a chain of any name that chain() takes, but to no other words", function()
    for _, name in ipairs { "a:b", "x+y", "#x", "~x/y", "$(id)", "[0:0]", "ä", ("c"):rep(28) } do
      local core = fake.run(([[
        local target = chain("filter", %q)
        chain("filter", "INPUT"):append { jump = target }:append { jump = %q }:append { go_to = %q }
      ]]):format(name, name, name))
      assert.same({ "-j " .. name, "-j " .. name, "-g " .. name }, fake.chain(core, 1, "INPUT"))
    end
    fails("match[1]: the extension's name comes first", 'chain("filter", "C"):append { match = { { "a:b" } } }')
    for _, name in ipairs { "LOG --log-level 4", "-x", "!x", "", " x", "ACCEPT\0", "\1x", "x\127" } do
      fails("jump: the extension's name comes first", ('chain("filter", "C"):append { jump = %q }'):format(name))
    end
  end)

  it("checks what it is given", function()
    local function fails_in(expected, rule)
      fails(expected, 'chain("filter", "C"):append ' .. rule)
    end
    fails_in("append: unknown option `dport`", "{ dport = 22 }")
    fails_in("append: unknown option `jmp`: did you mean `jump`?", '{ jmp = "DROP" }')
    fails_in("append: destination_port: needs a protocol with ports", "{ destination_port = 22 }")
    fails_in("destination_port: more than 15 ports", [[{ protocol = "tcp",
      destination_port = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } }]])
    fails_in("match: takes a list of matches", '{ match = { "conntrack", ctstate = "NEW" } }')
    fails_in("match[1].ctstate: an empty list", '{ match = { { "conntrack", ctstate = {} } } }')
    fails_in("match[1]: the extension's name comes first", '{ match = { { ctstate = "NEW" } } }')
    fails_in("match[1]: the extension's name comes first", '{ match = { { "-j", x = "NEW" } } }')
    fails_in('match[1]: "a b" is no option name', '{ match = { { "x", ["a b"] = "NEW" } } }')
    fails_in("match[1].x: has a line break", '{ match = { { "x", x = "a\\nb" } } }')
    fails_in("source: one rule excludes one network", '{ source = except { "10.0.0.1", "10.0.0.2" } }')
    fails_in("in_interface: one rule takes one interface", '{ in_interface = { "a", "b" } }')
    fails_in("append: takes a table or a string", "(7)")
  end)
end)

describe("append of a text", function()
  it("is passed on as it is", function()
    assert.equal('3 -p tcp --dport 22 -m comment --comment "a b" -j ACCEPT',
      one [['-p tcp --dport 22 -m comment --comment "a b" -j ACCEPT']])
    assert.equal("3 -m comment --comment -A -j ACCEPT", one [['-m comment --comment "-A" -j ACCEPT']])
  end)

  it("goes to the family of its addresses", function()
    assert.equal("1 -s 10.0.0.0/8 -j DROP", one [["--source 10.0.0.0/8 -j DROP"]])
    assert.equal("2 ! -d 2001:db8::1/128 -j DROP", one [["! -d 2001:db8::1 -j DROP"]])
    assert.equal("1 -p icmp -j DROP", one [["-p icmp -j DROP"]])
    assert.equal("2 -j DROP", one [["-6 -j DROP"]])
    assert.equal("1 -s 10.0.0.1/32 -j DROP", one [["--source=10.0.0.1 -j DROP"]])
    local core = fake.run 'chain("filter", "C"):append "-s 10.0.0.1,2001:db8::1 -j DROP"'
    assert.same({ "1 C -s 10.0.0.1/32 -j DROP", "2 C -s 2001:db8::1/128 -j DROP" }, fake.all(core))
    fails("`-d 2001:db8::1/128` is IPv6 only, but `-s 10.0.0.1/32` is IPv4 only",
      'chain("filter", "C"):append "-s 10.0.0.1 -d 2001:db8::1 -j DROP"')
  end)

  it("may say what its counters begin with", function()
    assert.equal("3 -c 5 10 -j DROP", one [["-c 5 10 -j DROP"]])
    assert.equal("3 -j DROP --set-counters 5,10", one [["-j DROP --set-counters 5,10"]])
    assert.equal("3 -j DROP -c 5 700", one [[{ jump = "DROP", set_counters = { 5, 700 } }]])
    for _, value in ipairs { "{ 5 }", "{ 5, -1 }", "{ 5, 6, 7 }", "{ 5, 1.5 }", '{ 5, "6" }' } do
      fails("append: set_counters: takes two numbers: { packets, bytes }",
        ('chain("filter", "C"):append { jump = "DROP", set_counters = %s }'):format(value))
    end
  end)

  it("takes what iptables takes in the one family that is asked for", function()
    local function text_of(options, rule)
      local core = fake.run(('chain("filter", "C", { family = %q }):append %s'):format(options, rule))
      return fake.all(core)
    end
    assert.same({ "2 C -p icmp -j DROP" }, text_of("ipv6", [["-p icmp -j DROP"]]))
    assert.same({ "1 C -p icmpv6 -j DROP" }, text_of("ipv4", [["-p icmpv6 -j DROP"]]))
    assert.same({ "2 C -p ah -j DROP" }, text_of("ipv6", [[{ protocol = "ah", jump = "DROP" }]]))
    assert.same({ "2 C -s ::/0 -j DROP" }, text_of("ipv6", [["-s 0/0 -j DROP"]]))
    assert.same({ "1 C -d 0.0.0.0/0 -j DROP" }, text_of("ipv4", [[{ destination = "::/0", jump = "DROP" }]]))
    fails("no family in common", 'chain("filter", "C", { family = "ipv6" }):append "-s 10.0.0.1 -j DROP"')
    assert.equal("1 -s 10.2.0.0/32 -j DROP", one [["-s 10.2 -j DROP"]])
  end)

  it("holds a rule and nothing else", function()
    for _, option in ipairs { "-A INPUT", "-I INPUT 1", "-t nat", "--table nat", "-N X", "-F" } do
      fails(("append: `%s` has no place here: the table, the chain and the place are the chain object's")
        :format(option:match("%S+")), ('chain("filter", "C"):append "%s -j DROP"'):format(option))
    end
    fails("unfinished quotes", [[chain("filter", "C"):append '-m comment --comment "a -j DROP']])
    fails("an empty string is no rule", [[chain("filter", "C"):append ""]])
    fails("is a host name", [[chain("filter", "C"):append "-s www.example.org -j DROP"]])
  end)
end)
