-- SPDX-License-Identifier: GPL-2.0-or-later
-- `log=` on the verbs, log_denied and reject_denied.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"
local rules = fake.rules

local function fails(expected, text)
  fake.fails("policy.lua:1: " .. expected, text)
end

local usual = " -m limit --limit 5/min --limit-burst 10"

describe("log", function()
  it("stands before the verdict with the same matches, limited", function()
    local ssh = "3 INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m comment --comment SSH"
    assert.same({ ssh .. usual .. ' -j LOG --log-prefix "allow_inbound_ssh: "', ssh .. " -j ACCEPT" },
      rules "allow_inbound_ssh { log = true }")
    assert.same({ ssh .. " -j ACCEPT" }, rules "allow_inbound_ssh { log = false }")
    for _, action in ipairs { "allow", "drop", "reject" } do
      for _, direction in ipairs { "inbound", "outbound", "forward" } do
        local found = rules(("%s_%s { tcp = 80, log = true }"):format(action, direction))
        assert.equal(2, #found)
        assert.matches(('-j LOG --log-prefix "%s_%s: "'):format(action, direction), found[1], 1, true)
        assert.equal(found[1]:match("^(.-)" .. usual:gsub("%p", "%%%0")), found[2]:match("^(.-) %-j"))
      end
    end
  end)

  it("takes a prefix, and parts it from what the kernel writes", function()
    local function prefix(log)
      return rules("drop_inbound { tcp = 1, log = " .. log .. " }")[1]:match("prefix (.*)$")
    end
    assert.equal('"ssh: "', prefix '"ssh: "')
    assert.equal('"ssh "', prefix '"ssh"')
    assert.equal(("x"):rep(29), prefix '("x"):rep(29)')
    assert.equal('"ssh "', prefix '{ prefix = "ssh" }')
    assert.equal('"ssh "', prefix '{ "ssh" }')
    assert.equal('"ssh " --log-level 6', prefix '{ "ssh", level = "info" }')
    assert.equal('"ssh " --log-level 0', prefix '{ "ssh", level = 0 }')
    assert.equal("ssh --nflog-group 5", prefix '{ "ssh", group = 5 }')
    assert.equal('"drop_inbound: " --nflog-group 0', prefix "{ group = 0 }")
    assert.matches('LOG --log-prefix "reject_outbound_dns_over_tl: "',
      rules("reject_outbound_dns_over_tls { log = true }")[1], 1, true)
  end)

  it("takes a limit of its own, or none", function()
    assert.matches("--dport 1 -j LOG", rules("drop_inbound { tcp = 1, log = { limit = false } }")[1], 1, true)
    assert.matches("--dport 1 -m limit --limit 9/hour -j LOG",
      rules('drop_inbound { tcp = 1, log = { limit = "9/hour" } }')[1], 1, true)
    local found = rules 'drop_inbound { tcp = 1, log = { limit = { "9/hour", per = "source" } } }'
    assert.equal(4, #found)
    assert.matches("^1 .*%-%-hashlimit%-upto 9/hour .*%-%-hashlimit%-mode srcip .* %-j LOG", found[1])
    assert.matches("^2 .*%-%-hashlimit%-srcmask 64 %-j LOG", found[3])
  end)

  it("writes a packet of a limited rule once, and only within its limit", function()
    local core = fake.run 'allow_inbound { tcp = 1, limit = "1/second", log = true }'
    local name = core.chains[1].name
    assert.matches("^LOG_%x+$", name)
    for family = 1, 2 do
      assert.same({ "-p tcp -m tcp --dport 1 -m conntrack --ctstate NEW -m limit --limit 1/sec -j " .. name },
        fake.chain(core, family, "INPUT"))
      assert.same({ usual:sub(2) .. ' -j LOG --log-prefix "allow_inbound: "', "-j ACCEPT" },
        fake.chain(core, family, name))
    end
  end)

  it("is limited for all rules of a call together", function()
    local core = fake.run 'drop_inbound { tcp = 1, from = { "10.0.0.1", "10.0.0.2", "2001:db8::1" }, log = true }'
    local name = core.chains[1].name
    assert.same({ "-s 10.0.0.1/32 -p tcp -m tcp --dport 1 -j " .. name,
      "-s 10.0.0.2/32 -p tcp -m tcp --dport 1 -j " .. name }, fake.chain(core, 1, "INPUT"))
    assert.same({ usual:sub(2) .. ' -j LOG --log-prefix "drop_inbound: "', "-j DROP" }, fake.chain(core, 1, name))
    assert.equal(2, #fake.chain(core, 2, "INPUT"))
  end)

  it("is checked", function()
    fails("drop_inbound: log: 30 bytes given, but at most 29 fit (63 with group=)",
      'drop_inbound { tcp = 1, log = ("x"):rep(30) }')
    fails("drop_inbound: log[1]: 64 bytes given, but at most 63 fit",
      'drop_inbound { tcp = 1, log = { ("x"):rep(64), group = 1 } }')
    fails("drop_inbound: log: has a line break", 'drop_inbound { tcp = 1, log = "a\\nb" }')
    fails("drop_inbound: log: is empty", 'drop_inbound { tcp = 1, log = "" }')
    fails('drop_inbound: log.level: "inof" is no log level: did you mean `info`?',
      'drop_inbound { tcp = 1, log = { level = "inof" } }')
    fails("drop_inbound: log.level: 8 is no log level", "drop_inbound { tcp = 1, log = { level = 8 } }")
    fails("drop_inbound: log.level: is for the kernel's log",
      "drop_inbound { tcp = 1, log = { level = 1, group = 1 } }")
    fails("drop_inbound: log.group: 65536 is no netlink group", "drop_inbound { tcp = 1, log = { group = 65536 } }")
    fails("drop_inbound: log.limit: true given", "drop_inbound { tcp = 1, log = { limit = true } }")
    fails("drop_inbound: log.limit.per: ", 'drop_inbound { tcp = 1, log = { limit = { "1/s", per = "x" } } }')
    fails("drop_inbound: log.limit: a log line is limited to a rate",
      'drop_inbound { tcp = 1, log = { limit = { above = "1/s" } } }')
    fails("drop_inbound: log: unknown option `prefx`: did you mean `prefix`?",
      'drop_inbound { tcp = 1, log = { prefx = "x" } }')
    fails("drop_inbound: log.prefix: the first value already is",
      'drop_inbound { tcp = 1, log = { "x", prefix = "y" } }')
  end)
end)

describe("log_denied", function()
  it("is one limited rule at the end of each chain", function()
    local core = fake.run "log_denied()"
    for _, chain in ipairs { "INPUT", "OUTPUT", "FORWARD" } do
      for family = 1, 2 do
        assert.same({ usual:sub(2) .. (' -j LOG --log-prefix "denied %s: "'):format(chain) },
          fake.chain(core, family, chain))
      end
    end
  end)

  it("comes behind all else and before reject_denied, in whichever order they are called", function()
    local core = fake.run [[
      reject_denied()
      log_denied()
      drop_inbound { udp = 137, stage = "last" }
      allow_inbound { tcp = 1 }
    ]]
    local found = fake.chain(core, 1, "INPUT")
    assert.matches("--dport 1 ", found[1], 1, true)
    assert.matches("--dport 137 -j DROP", found[2], 1, true)
    assert.matches("-j LOG", found[3], 1, true)
    assert.equal("-j REJECT_DENIED", found[4])
  end)

  it("takes prefix, level, group, limit and directions", function()
    assert.same({ "3 OUTPUT -m limit --limit 1/sec -j NFLOG --nflog-prefix out --nflog-group 3" },
      rules 'log_denied { prefix = "out", group = 3, limit = "1/second", directions = "outbound" }')
    local log = ' -j LOG --log-prefix "no " --log-level 7'
    assert.same({ "3 INPUT" .. log, "3 FORWARD" .. log },
      rules 'log_denied { prefix = "no", level = "debug", limit = false, directions = { "forward", "inbound" } }')
    assert.equal(6, #rules 'log_denied { limit = { "1/second", per = "source" } }')
  end)

  it("is said once a chain", function()
    assert.equal(3, #rules 'log_denied() log_denied() log_denied { directions = "forward" }')
    assert.equal(3, #rules [[
      log_denied { directions = "inbound", group = 1 }
      log_denied { directions = { "outbound", "forward" } }
    ]])
    fails("log_denied: INPUT is spoken of otherwise at policy.lua:1: use directions= to part them",
      'log_denied() log_denied { limit = "1/second" }')
  end)

  it("is checked", function()
    fails('log_denied: directions: "inbund" is no direction: did you mean `inbound`?',
      'log_denied { directions = "inbund" }')
    fails("log_denied: directions[2]: 7 is no direction", 'log_denied { directions = { "inbound", 7 } }')
    fails("log_denied: directions: an empty list", "log_denied { directions = {} }")
    fails("log_denied: prefix: 30 bytes given", 'log_denied { prefix = ("x"):rep(30) }')
    fails("log_denied: limit: \"x\" is no rate", 'log_denied { limit = "x" }')
  end)
end)

describe("reject_denied", function()
  it("answers as each protocol and family expects, and never what cannot be answered", function()
    local core = fake.run "reject_denied() reject_denied()"
    assert.same({
      "-m conntrack --ctstate INVALID -j RETURN",
      "-m addrtype --dst-type BROADCAST,MULTICAST -j RETURN",
      "-p icmp -m icmp ! --icmp-type 8 -j RETURN",
      "-p tcp -j REJECT --reject-with tcp-reset",
      "-p udp -j REJECT --reject-with icmp-port-unreachable",
      "-j REJECT --reject-with icmp-admin-prohibited",
    }, fake.chain(core, 1, "REJECT_DENIED"))
    assert.same({
      "-m conntrack --ctstate INVALID -j RETURN",
      "-d ff00::/8 -j RETURN",
      "-p ipv6-icmp -m icmp6 ! --icmpv6-type 128 -j RETURN",
      "-p tcp -j REJECT --reject-with tcp-reset",
      "-p udp -j REJECT --reject-with icmp6-port-unreachable",
      "-j REJECT --reject-with icmp6-adm-prohibited",
    }, fake.chain(core, 2, "REJECT_DENIED"))
    for _, chain in ipairs { "INPUT", "OUTPUT", "FORWARD" } do
      assert.same({ "-j REJECT_DENIED" }, fake.chain(core, 1, chain))
    end
  end)

  it("takes directions and a limit", function()
    local core = fake.run [[
      reject_denied { directions = "forward" }
      reject_denied { directions = "inbound", limit = "9/s" }
    ]]
    assert.same({ "-m limit --limit 9/sec -j REJECT_DENIED" }, fake.chain(core, 1, "INPUT"))
    assert.same({ "-j REJECT_DENIED" }, fake.chain(core, 2, "FORWARD"))
    assert.same({}, fake.chain(core, 1, "OUTPUT"))
    assert.equal(6, #fake.chain(core, 1, "REJECT_DENIED"))
    fails("reject_denied: limit: answers are limited to a rate", 'reject_denied { limit = { above = "1/s" } }')
    fails("reject_denied: INPUT is spoken of otherwise at policy.lua:1",
      'reject_denied() reject_denied { limit = "1/s" }')
  end)
end)
