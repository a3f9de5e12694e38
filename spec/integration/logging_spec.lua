-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- log=, log_denied and reject_denied against real packets. The lines are read
-- back through NFLOG, since the kernel's own log says nothing of a private
-- namespace; of LOG rules the counters are read.

local features = require "spec.support.features"
local gateway = require "spec.support.gateway"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local nflog = require "spec.support.nflog"
local packets = require "spec.support.packets"
local services = require "spec.support.services"
local tables = require "spec.support.tables"

local it = features.it(it, pending, "ipv4: -j NFLOG --nflog-group 5", "ipv6: -j LOG --log-prefix x",
  "ipv4: -m limit --limit 1/hour --limit-burst 2")

local addresses, server_for = network.addresses, network.addresses.server_for
local patience = 0.4

local function target(protocol, address, port)
  return ("%s,%s,%d"):format(protocol, address, port)
end

local base = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp { from = "10.99.0.1" }
]]

local lab, program, log

-- One lab for all of these tests: each loads rules of its own, and forgets what
-- has been logged before. Rules that stay keep their counters.
local function prepare()
  if not lab then
    lab = gateway.lab()
    program = moongate.new(lab)
    services.echo(lab.server, { "tcp:8001" })
    services.echo(lab.stranger, { "tcp:8001" })
    log = nflog.start(lab.server, 5)
  end
end

local function apply(text)
  program:apply(program:policy(base .. text))
  log:skip()
end

describe("log lines with real packets #integration", function()
  before_each(prepare)

  it("tell of each verdict, in each direction and family, what it was", function()
    apply [[
      for _, direction in ipairs { "inbound", "outbound", "forward" } do
        for action, verb in pairs { allow = _ENV["allow_" .. direction], drop = _ENV["drop_" .. direction],
            reject = _ENV["reject_" .. direction] } do
          verb { tcp = action == "allow" and 8001 or action == "drop" and 8002 or 8003, log = { group = 5 } }
        end
      end
    ]]
    local ways = {
      { "inbound", lab.friend, server_for.friend, addresses.friend, "1", "lan0" },
      { "outbound", lab.server, addresses.stranger, server_for.stranger, "3", "wan0" },
      { "forward", lab.friend, addresses.stranger, addresses.friend, "2", "lan0" },
    }
    for _, way in ipairs(ways) do
      local direction, from, to, source, hook, interface = table.unpack(way)
      local targets, expected = {}, {}
      for _, family in ipairs(tables.families) do
        for port, state in pairs { [8001] = "open", [8002] = "silent", [8003] = "refused" } do
          local words = target("tcp", to[family], port)
          targets[#targets + 1], expected[words] = words, state
        end
      end
      local states = packets.probe(from, targets, patience)
      for words, state in pairs(expected) do
        -- what a host drops of its own, it is told
        assert.truthy(states[words] == state or direction == "outbound" and states[words] == "denied",
          direction .. " " .. words .. " is " .. states[words])
      end
      for action, port in pairs { allow = "8001", drop = "8002", reject = "8003" } do
        local seen = {}
        for _, line in ipairs(log:wait(action .. "_" .. direction .. ": ", 2)) do
          assert.same({ "6", port, hook, interface }, { line.protocol, line.port, line.hook, line.interface })
          seen[line.source .. " " .. line.destination] = true
        end
        for _, family in ipairs(tables.families) do
          assert.truthy(seen[source[family] .. " " .. to[family]], direction .. " " .. family)
        end
      end
    end
  end)

  it("are limited, so that a flood writes no more than a few", function()
    apply 'drop_inbound { tcp = 8004, log = { prefix = "flood", group = 5 } }\n'
    packets.segments(lab.friend, server_for.friend.ipv4, 8004, { "S=100" })
    log:wait("flood", 10)
    packets.segments(lab.friend, server_for.friend.ipv4, 8004, { "S=100" })
    local rules = tables.filter(lab.server, "ipv4").INPUT
    local written = tables.find(rules, "-j NFLOG").packets
    assert.truthy(written >= 10 and written <= 12, written)
    assert.equal(200, tables.find(rules, "--dport 8004 -j DROP").packets)
    assert.equal(written, #log:wait("flood", written))
  end)

  it("tell of nothing that is over the rule's own limit", function()
    apply [[
      allow_inbound { tcp = 8001, limit = { "1/hour", burst = 2 }, log = { "let in", group = 5, limit = false } }
      log_denied { group = 5, prefix = "denied" }
    ]]
    local to = server_for.friend.ipv4
    for _, state in ipairs { "open", "open", "silent" } do
      assert.equal(state, packets.state(lab.friend, "tcp", to, 8001, patience))
    end
    log:wait("denied", 1)
    assert.equal(2, #log:wait("let in", 2))
  end)

  it("go to the kernel's log without a group", function()
    apply 'drop_inbound { tcp = 8005, log = "telnet: " }\nlog_denied()\n'
    for _, family in ipairs(tables.families) do
      packets.segments(lab.friend, server_for.friend[family], 8005, { "S=3" })
      packets.segments(lab.friend, server_for.friend[family], 8009, { "S=2" })
      local rules = tables.filter(lab.server, family).INPUT
      assert.equal(3, assert(tables.find(rules, '-j LOG --log-prefix "telnet: "')).packets, family)
      assert.equal(2, assert(tables.find(rules, '-j LOG --log-prefix "denied INPUT: "')).packets, family)
    end
  end)

  it("tell of what is denied, in all three directions, before it is rejected", function()
    apply [[
      reject_denied()
      log_denied { group = 5 }
      allow_inbound { tcp = 8001 }
      drop_inbound { tcp = 8002, stage = "last" }
    ]]
    for _, family in ipairs(tables.families) do
      assert.same({ [target("tcp", server_for.friend[family], 8001)] = "open",
        [target("tcp", server_for.friend[family], 8002)] = "silent",
        [target("tcp", server_for.friend[family], 8009)] = "refused",
        [target("tcp", addresses.stranger[family], 8001)] = "refused" },
        packets.probe(lab.friend, { target("tcp", server_for.friend[family], 8001),
          target("tcp", server_for.friend[family], 8002), target("tcp", server_for.friend[family], 8009),
          target("tcp", addresses.stranger[family], 8001) }, patience))
      assert.equal("refused", packets.state(lab.server, "tcp", addresses.stranger[family], 8001, patience))
    end
    for chain, expected in pairs { INPUT = { "8009", "lan0" }, FORWARD = { "8001", "lan0" },
      OUTPUT = { "8001", "wan0" } } do
      local lines = log:wait("denied " .. chain .. ": ", 2)
      assert.equal(2, #lines, chain)
      for _, line in ipairs(lines) do
        assert.same(expected, { line.port, line.interface }, chain)
      end
    end
  end)
end)

describe("reject_denied with real packets #integration", function()
  before_each(prepare)
  teardown(network.close_all)

  it("answers TCP with a reset, UDP and ping with ICMP, at once", function()
    apply "reject_denied()"
    for _, family in ipairs(tables.families) do
      local to = server_for.friend[family]
      assert.same({ [target("tcp", to, 9)] = "refused", [target("udp", to, 9)] = "refused" },
        packets.probe(lab.friend, { target("tcp", to, 9), target("udp", to, 9) }, patience))
      -- a ping in IPv4 comes from an address that the policy does not let ping
      local pinged = lab.friend:run { "ping", "-n", "-c", "1", "-W", "2", to }
      assert.truthy(pinged.out:find("+1 errors", 1, true), family .. ": " .. pinged.out)
    end
  end)

  it("is silent to what went to many and to what is INVALID", function()
    apply "reject_denied()"
    local before = {}
    for _, family in ipairs(tables.families) do
      before[family] = tables.filter(lab.server, family).REJECT_DENIED
    end
    lab.friend:run { "ping", "-n", "-b", "-c", "2", "-i", "0.2", "-W", "1", "10.137.0.255" }
    lab.friend:run { "ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-I", "lan0", "ff02::1" }
    for _, family in ipairs(tables.families) do
      packets.segments(lab.friend, server_for.friend[family], 9, { "SF=1", "SR=2" })
    end
    local expected = {
      ipv4 = { ["--ctstate INVALID"] = 3, ["--dst-type BROADCAST,MULTICAST"] = 2 },
      ipv6 = { ["--ctstate INVALID"] = 3, ["-d ff00::/8"] = 2 },
    }
    for _, family in ipairs(tables.families) do
      for i, rule in ipairs(tables.filter(lab.server, family).REJECT_DENIED) do
        local count = 0
        for part, wanted in pairs(expected[family]) do
          count = rule.text:find(part, 1, true) and wanted or count
        end
        assert.equal(count, rule.packets - before[family][i].packets, family .. ": " .. rule.text)
      end
    end
  end)

  it("answers where it is told to, and no more often", function()
    apply 'reject_denied { directions = "inbound", limit = { "1/hour", burst = 2 } }'
    for _, family in ipairs(tables.families) do
      local states = {}
      for i = 1, 3 do
        states[i] = packets.state(lab.friend, "tcp", server_for.friend[family], 9, patience)
      end
      assert.same({ "refused", "refused", "silent" }, states, family)
      assert.equal("silent", packets.state(lab.server, "udp", addresses.stranger[family], 9, patience)
        :gsub("denied", "silent"))
    end
  end)

  it("leaves neighbours to find each other", function()
    apply "reject_denied()"
    for _, space in ipairs { lab.server, lab.friend } do
      space:must { "ip", "neigh", "flush", "all" }
    end
    assert.equal("refused", packets.state(lab.friend, "tcp", server_for.friend.ipv6, 9, 1))
  end)
end)
