-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Rules that look up sets of somebody else: refused where iptables refuses them,
-- applied and taken back with the sets left alone, with real packets.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local netfilter = require "spec.support.netfilter"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local versions = { ipv4 = "inet", ipv6 = "inet6" }

describe("a rule that looks up somebody else's set #integration", function()
  local lab, program

  before_each(function()
    lab = network.lab()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  local function create(name, family, ...)
    lab.server:must { "ipset", "create", name, "hash:ip", "family", versions[family], ... }
  end

  local function appended(family, rule, extra)
    return program:policy(("local c = chain('filter', 'INPUT', { family = %q })\n\nc:append(%q)\n%s"):format(
      family, rule, extra or ""))
  end

  -- What a friend and a stranger get of pings.
  local function answered(family)
    return packets.ping(lab.friend, network.addresses.server_for.friend[family]),
      packets.ping(lab.stranger, network.addresses.server_for.stranger[family])
  end

  for _, family in ipairs(tables.families) do
    local other = family == "ipv4" and "ipv6" or "ipv4"

    it("passes a check without it, and is refused by the plan in iptables' words, " .. family, function()
      for _, case in ipairs {
        { "-m set --match-set gone src -j DROP", "Set gone doesn't exist." },
        { "-j SET --add-set gone src", "Set gone doesn't exist." },
        { "-m set --match-set wrong src -j DROP",
          ("The protocol family of set wrong is %s, which is not applicable."):format(
            other == "ipv4" and "IPv4" or "IPv6") },
      } do
        lab.server:run { "ipset", "create", "wrong", "hash:ip", "family", versions[other] }
        local theirs = tables.try_restore(lab.server, family, "*filter\n-A INPUT " .. case[1] .. "\nCOMMIT\n")
        assert.truthy(theirs.err:find(case[2], 1, true), theirs.err)
        local path = appended(family, case[1])
        local checked = program:run("check", path)
        assert.equal(0, checked.code, checked.err)
        for _, command in ipairs { "plan", "apply" } do
          local done = program:run(command, path)
          assert.equal(1, done.code, done.out .. done.err)
          assert.truthy(done.err:find("policy.lua:3: append: " .. case[2], 1, true), done.err)
        end
      end
      assert.equal("", tables.save(lab.server, family):match("%-A[^\n]*") or "")
    end)

    it("is applied, and is the same rule afterwards, " .. family, function()
      local before_friend, before_stranger = answered(family)
      assert.same({ 1, 1 }, { before_friend, before_stranger })
      create("bans", family, "counters")
      lab.server:must { "ipset", "add", "bans", network.addresses.friend[family] }
      local path = appended(family, "-m set --match-set bans src ! --update-counters -j DROP")
      program:apply(path)
      assert.same({ 0, 1 }, { answered(family) })
      local again = program:run("plan", path, "--detailed-exitcode")
      assert.equal(0, again.code, again.out .. again.err)
      -- whoever owns the set goes on changing it
      lab.server:must { "ipset", "add", "bans", network.addresses.stranger[family] }
      lab.server:must { "ipset", "del", "bans", network.addresses.friend[family] }
      assert.same({ 1, 0 }, { answered(family) })
      assert.equal(0, program:run("plan", path, "--detailed-exitcode").code)
      local shown = program:must("show", "filter", "INPUT").out
      assert.truthy(shown:find("--match-set bans src ! --update-counters -j DROP", 1, true), shown)
      -- its rule goes, it stays
      program:apply(program:policy("chain('filter', 'INPUT')\n"))
      assert.same({ 1, 1 }, { answered(family) })
      assert.equal("bans\n", lab.server:must { "ipset", "list", "-n" })
    end)
  end

  it("is warned of where no packet can fit it", function()
    lab.server:must { "ipset", "create", "pairs", "hash:ip,port" }
    lab.server:must { "ipset", "add", "pairs", network.addresses.friend.ipv4 .. ",icmp:8/0" }
    local text = "block { from = set { 'pairs'%s } }\nallow_icmp()\n"
    local path = program:policy(text:format "")
    local result = program:run("plan", path)
    assert.equal(0, result.code, result.err)
    local _, count = result.err:gsub(
      "policy%.lua:1: warning: block: set pairs is a hash:ip,port, with 2 parts, and is looked up by 1: no", "")
    assert.equal(1, count, result.err)
    assert.matches('remedy: set { "pairs", flags = ... }: a src or dst for each part', result.err, 1, true)
    program:apply(path)
    assert.equal(1, (answered("ipv4")))
    path = program:policy(text:format ", flags = 'src,dst'")
    assert.is_nil(program:run("plan", path).err:find("pairs", 1, true))
    program:apply(path)
    assert.equal(0, (answered("ipv4")))
  end)

  it("is of both families where its set is of none", function()
    lab.server:must { "ipset", "create", "ports", "bitmap:port", "range", "1-1000" }
    local path = program:policy("chain('filter', 'INPUT'):append('-p tcp -m set --match-set ports dst -j DROP')\n")
    program:apply(path)
    assert.equal(0, program:run("plan", path, "--detailed-exitcode").code)
    for _, family in ipairs(tables.families) do
      assert.truthy(tables.find(tables.filter(lab.server, family).INPUT, "--match-set ports dst"))
    end
    -- and of one only where its set is of that one
    create("four", "ipv4")
    local done = program:run("plan", program:policy([[

chain("filter", "INPUT"):append("-m set --match-set four src -j DROP")
]]))
    assert.equal(1, done.code)
    local words = "policy.lua:2: append: The protocol family of set four is IPv4, which is not applicable."
    assert.truthy(done.err:find(words, 1, true), done.err)
  end)

  it("fills a set", function()
    create("seen", "ipv4", "timeout", "300")
    program:apply(appended("ipv4", "-p icmp -j SET --add-set seen src --exist --timeout 100"))
    assert.equal(1, packets.ping(lab.friend, network.addresses.server_for.friend.ipv4))
    local seen = lab.server:must { "ipset", "list", "seen" }
    assert.truthy(seen:find("\n" .. network.addresses.friend.ipv4 .. " timeout", 1, true), seen)
  end)

  it("comes back with a roll-back, and holds its set until then", function()
    create("bans", "ipv4")
    lab.server:must { "ipset", "add", "bans", network.addresses.friend.ipv4 }
    program:apply(appended("ipv4", "-m set --match-set bans src -j DROP"))
    local before = tables.both(lab.server)
    local process = program:start("apply", program:policy("chain('filter', 'INPUT')\n", "new.lua"), "--confirm", "20")
    run.wait_until("the new rules", 5, function()
      return tables.both(lab.server) ~= before
    end)
    assert.equal(1, packets.ping(lab.friend, network.addresses.server_for.friend.ipv4))
    program:must("rollback")
    assert.equal(3, process:wait(5).code)
    assert.equal(before, tables.both(lab.server))
    assert.equal(0, packets.ping(lab.friend, network.addresses.server_for.friend.ipv4))
  end)

  it("is imported, and exported for iptables", function()
    for _, family in ipairs(tables.families) do
      create("bans-" .. family, family)
      tables.edit(lab.server, family, "-A INPUT -m set --match-set bans-" .. family .. " src,dst -j DROP")
      tables.edit(lab.server, family, "-A OUTPUT -j SET --del-set bans-" .. family .. " dst")
    end
    local path = program:policy(program:must("import", "--live").out)
    local planned = program:run("plan", path, "--detailed-exitcode")
    assert.equal(0, planned.code, planned.out .. planned.err)
    for _, family in ipairs(tables.families) do
      local before = tables.save(lab.server, family)
      local text = program:must("export", "-" .. family:sub(-1), path).out
      tables.restore(lab.server, family, text)
      assert.equal(before, tables.save(lab.server, family))
    end
  end)

  it("is written by the Lua module, if its set is there", function()
    create("bans", "ipv4")
    local said = netfilter.must([[
      local netfilter = require "moongate.netfilter"
      local filter = assert(netfilter.open("ipv4", "filter"))
      assert(filter:append("INPUT", "-m set --match-set bans src -j DROP"))
      assert(filter:commit())
      filter = assert(netfilter.open("ipv4", "filter"))
      assert(filter:append("INPUT", "-m set --match-set gone src -j DROP"))
      print(filter:commit())
    ]], { namespace = lab.server })
    assert.equal("nil\trule 2 of INPUT (-m set --match-set gone src -j DROP): Set gone doesn't exist.\tinvalid\n", said)
    assert.equal("-m set --match-set bans src -j DROP", tables.filter(lab.server, "ipv4").INPUT[1].text)
    assert.equal(1, #tables.filter(lab.server, "ipv4").INPUT)
  end)

  -- The trial's namespace has no sets, and its kernel judges all the same.
  it("is tried in a namespace of its own, with a set of that name", function()
    create("bans", "ipv4")
    local path = appended("ipv4", "-m set --match-set bans src -j DROP",
      'chain("filter", "FORWARD", { family = "ipv4" }):append("-j SET --map-set bans src --map-mark")\n')
    local done = program:run("apply", path, "--no-confirm")
    assert.equal(6, done.code, done.out .. done.err)
    assert.truthy(done.err:find("policy.lua:4", 1, true), done.err)
    assert.equal("bans\n", lab.server:must { "ipset", "list", "-n" })
  end)
end)
