-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- limit= and limit_new_connections against real packets: how many pass, whose
-- are counted together, and what a changed limit does. Limits are so slow that
-- nothing is filled again while a test runs.

local features = require "spec.support.features"
local gateway = require "spec.support.gateway"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local services = require "spec.support.services"
local tables = require "spec.support.tables"

local it = features.it(it, pending, "ipv4: -m limit --limit 1/hour --limit-burst 2",
  "ipv4: -m hashlimit --hashlimit-upto 1/hour --hashlimit-mode srcip --hashlimit-name x",
  "ipv6: -m connlimit --connlimit-above 1 --connlimit-mask 64")

local addresses, server_for = network.addresses, network.addresses.server_for

-- Silence is waited for so long; a connection is there much sooner, and a
-- second SYN comes much later.
local patience = 0.4

-- What becomes of `count` attempts one after the other.
local function attempts(namespace, protocol, address, port, count)
  local states = {}
  for i = 1, count do
    states[i] = packets.state(namespace, protocol, address, port, patience)
  end
  return table.concat(states, " ")
end

local base = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
]]

describe("a limit with real packets #integration", function()
  local lab, program

  -- One lab for all of these tests: each loads rules of its own, with buckets
  -- that are full.
  before_each(function()
    if not lab then
      lab = gateway.lab()
      program = moongate.new(lab)
      services.echo(lab.server, { "tcp:8001", "udp:8001" })
      services.echo(lab.stranger, { "tcp:8001" })
    end
  end)

  teardown(network.close_all)

  local function apply(text)
    return program:apply(program:policy(base .. text))
  end

  it("accepts so many and leaves the rest to the chain, in each family", function()
    apply 'allow_inbound { tcp = 8001, limit = { "1/hour", burst = 2 } }'
    for _, family in ipairs(tables.families) do
      assert.equal("open open silent", attempts(lab.friend, "tcp", server_for.friend[family], 8001, 3), family)
      assert.equal("silent", attempts(lab.stranger, "tcp", server_for.stranger[family], 8001, 1), family)
    end
  end)

  it("holds for all rules of one call", function()
    apply [[
      allow_inbound { tcp = 8001, udp = 8001, from = { "10.137.0.2", "2001:db8:137::2", "10.66.0.0/16" },
        limit = { "1/hour", burst = 2 } }
    ]]
    assert.equal("open", attempts(lab.friend, "tcp", server_for.friend.ipv4, 8001, 1))
    assert.equal("open", attempts(lab.stranger, "udp", server_for.stranger.ipv4, 8001, 1))
    assert.equal("silent", attempts(lab.friend, "udp", server_for.friend.ipv4, 8001, 1))
  end)

  it("counts each source by itself, and a /64 as one in IPv6", function()
    apply 'allow_inbound { tcp = 8001, limit = { "1/hour", burst = 2, per = "source" } }'
    for _, family in ipairs(tables.families) do
      assert.equal("open open silent", attempts(lab.friend, "tcp", server_for.friend[family], 8001, 3), family)
      assert.equal("open", attempts(lab.stranger, "tcp", server_for.stranger[family], 8001, 1), family)
    end
    -- the friend by another address of the same network
    local neighbour = { ipv4 = "10.137.0.3", ipv6 = "2001:db8:137::3" }
    for family, expected in pairs { ipv4 = "open", ipv6 = "silent" } do
      local address = neighbour[family] .. (family == "ipv4" and "/24" or "/64")
      local way = { server_for.friend[family], "dev", "lan0", "src", neighbour[family] }
      lab.friend:must { "ip", "addr", "add", address, "dev", "lan0" }
      lab.friend:must { "ip", "route", "add", table.unpack(way) }
      local state = attempts(lab.friend, "tcp", server_for.friend[family], 8001, 1)
      lab.friend:must { "ip", "route", "del", table.unpack(way) }
      lab.friend:must { "ip", "addr", "del", address, "dev", "lan0" }
      assert.equal(expected, state, family)
    end
  end)

  it("rejects so many, and is silent to the rest", function()
    apply 'reject_inbound { tcp = 8001, udp = 8001, limit = { "1/hour", burst = 2 } }'
    for _, family in ipairs(tables.families) do
      for _, protocol in ipairs { "tcp", "udp" } do
        assert.equal("refused refused silent", attempts(lab.friend, protocol, server_for.friend[family], 8001, 3))
      end
    end
  end)

  it("drops what is above it", function()
    apply [[
      drop_inbound { tcp = 8001, state = "NEW", limit = { above = "1/hour", burst = 2, per = "source" } }
      allow_inbound { tcp = 8001 }
    ]]
    for _, family in ipairs(tables.families) do
      assert.equal("open open silent", attempts(lab.friend, "tcp", server_for.friend[family], 8001, 3), family)
      assert.equal("open", attempts(lab.stranger, "tcp", server_for.stranger[family], 8001, 1), family)
    end
  end)

  it("is another one as soon as the policy says so, and else goes on", function()
    local text = 'allow_inbound { tcp = 8001, limit = { "1/hour", burst = %d, per = "source" } }'
    apply(text:format(2))
    assert.equal("open open silent", attempts(lab.friend, "tcp", server_for.friend.ipv4, 8001, 3))
    local moved = program:policy(base .. "\n\n" .. text:format(2), "moved.lua")
    assert.equal(0, program:run("plan", moved, "--detailed-exitcode").code)
    apply(text:format(2) .. "\nallow_inbound { tcp = 9 }")
    assert.equal("silent", attempts(lab.friend, "tcp", server_for.friend.ipv4, 8001, 1))
    apply(text:format(3))
    assert.equal("open open open silent", attempts(lab.friend, "tcp", server_for.friend.ipv4, 8001, 4))
  end)

  it("of new connections opens nothing, and leaves running ones alone", function()
    apply [[
      limit_new_connections { tcp = 8001, rate = "1/hour", burst = 2 }
      allow_inbound { tcp = 8001, from = { "10.137.0.0/24", "2001:db8:137::/64" } }
    ]]
    for _, family in ipairs(tables.families) do
      assert.equal("silent", attempts(lab.stranger, "tcp", server_for.stranger[family], 8001, 1), family)
      local running = packets.converse(lab.friend, server_for.friend[family], 8001)
      assert.equal("open silent", attempts(lab.friend, "tcp", server_for.friend[family], 8001, 2), family)
      running:say("still here")
      running:close()
    end
  end)

  it("of new connections counts all of them together, and answers if it is told to", function()
    apply [[
      limit_new_connections { rate = "1/hour", burst = 2, per = "source", from = except "10.66.0.0/16", reject = true }
      allow_inbound { tcp = 8001, udp = 8001 }
    ]]
    assert.equal("open", attempts(lab.friend, "udp", server_for.friend.ipv4, 8001, 1))
    assert.equal("open refused", attempts(lab.friend, "tcp", server_for.friend.ipv4, 8001, 2))
    assert.equal("refused", attempts(lab.friend, "udp", server_for.friend.ipv4, 8001, 1))
    assert.equal("open open open", attempts(lab.stranger, "tcp", server_for.stranger.ipv4, 8001, 3))
  end)

  it("of simultaneous connections lets the next one in when one has ended", function()
    apply [[
      limit_new_connections { tcp = 8001, connections = 1, reject = true }
      allow_inbound { tcp = 8001 }
    ]]
    for _, family in ipairs(tables.families) do
      local held = packets.converse(lab.friend, server_for.friend[family], 8001)
      assert.equal("refused refused", attempts(lab.friend, "tcp", server_for.friend[family], 8001, 2), family)
      assert.equal("open", attempts(lab.stranger, "tcp", server_for.stranger[family], 8001, 1), family)
      held:close()
      assert.equal("open", attempts(lab.friend, "tcp", server_for.friend[family], 8001, 1), family)
    end
  end)

  it("of forwarded connections holds on request", function()
    local text = [[
      limit_new_connections { tcp = 8001, rate = "1/hour", burst = 2, forward = %s }
      allow_forward { tcp = 8001 }
    ]]
    for forward, expected in pairs { ["true"] = "open open silent", ["false"] = "open open open" } do
      apply(text:format(forward))
      for _, family in ipairs(tables.families) do
        assert.equal(expected, attempts(lab.friend, "tcp", addresses.stranger[family], 8001, 3), family)
      end
    end
  end)

  it("stands in a loop beside plain rules, which the core reads by itself", function()
    apply [[
      for i = 1, 3 do
        local address = "10.137.0." .. i
        allow_inbound { from = address, tcp = 7000 + i, comment = "plain" }
        allow_inbound { from = address, tcp = 7000 + i, comment = "limited", limit = "5/minute" }
        allow_inbound { from = address, tcp = 7000 + i, comment = "logged", log = { limit = false } }
      end
    ]]
    local counts = {}
    for _, rule in ipairs(tables.filter(lab.server, "ipv4").INPUT) do
      local rest = rule.text:match("^%-s 10%.137%.0%.%d/32 %-p tcp %-m tcp %-%-dport 700%d "
        .. "%-m conntrack %-%-ctstate NEW %-m comment %-%-comment (.*)$")
      if rest then
        counts[rest] = (counts[rest] or 0) + 1
      end
    end
    assert.same({
      ["plain -j ACCEPT"] = 3, ["limited -m limit --limit 5/min -j ACCEPT"] = 3,
      ['logged -j LOG --log-prefix "allow_inbound: "'] = 3, ["logged -j ACCEPT"] = 3,
    }, counts)
  end)

  it("is exported as the restore program loads it, log lines and odd prefixes too", function()
    local path = program:policy(base .. [[
      local office = except { "10.0.0.0/8", "192.168.0.0/16", "2001:db8::/48" }
      limit_new_connections { "ssh", rate = "6/minute", burst = 10, from = office, connections = 3 }
      limit_new_connections { tcp = { 80, 443 }, connections = 50, log = true, forward = true, reject = true }
      allow_inbound_dns { limit = { "100/second", per = { "source", "destination_port" } }, log = 'a"b\\c %s $x' }
      reject_inbound { tcp = 1, udp = 2, log = { "'; rm", group = 5 }, limit = { above = "1/hour" } }
      log_denied { limit = { "1/day", per = "destination" }, level = "info" }
      reject_denied { limit = "9/second" }
    ]])
    program:apply(path)
    for family, flag in pairs { ipv4 = "-4", ipv6 = "-6" } do
      tables.restore(lab.friend, family, program:must("export", flag, path).out)
      assert.equal(tables.save(lab.server, family), tables.save(lab.friend, family))
      tables.restore(lab.friend, family, "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n")
    end
    assert.equal(0, program:run("plan", path, "--detailed-exitcode").code)
  end)

  it("that the kernel cannot count is refused with the policy's line", function()
    local path = program:policy(base .. 'allow_inbound { tcp = 8001, limit = { rate = "1/hour", burst = 75 } }')
    local result = program:run("check", path)
    assert.equal(1, result.code)
    assert.truthy(result.err:find("policy.lua:5: allow_inbound: limit.burst: 75 at 1/hour", 1, true), result.err)
  end)

  it("of any unit is taken by the kernel up to the largest burst that is offered", function()
    local lines = {}
    for _, case in ipairs { { "10000/second", 10000 }, { "7/minute", 10000 }, { "1/hour", 24 }, { "1/day", 1 },
      { "9/day", 9 } } do
      for _, per in ipairs { "", ', per = { "source", "destination" }' } do
        lines[#lines + 1] = ('allow_inbound { tcp = 1, limit = { "%s", burst = %d%s } }'):format(case[1], case[2], per)
      end
      lines[#lines + 1] = ('drop_inbound { tcp = 1, limit = { above = "%s", burst = %d } }'):format(case[1], case[2])
    end
    apply(table.concat(lines, "\n"))
    assert.equal(0, program:run("plan", lab.dir .. "/policy.lua", "--detailed-exitcode").code)
  end)
end)
