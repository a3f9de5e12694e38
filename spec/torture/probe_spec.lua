-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What packets see while rulesets are swapped, at 1 kHz: none is admitted that
-- both deny, none is dropped that both admit. In `make torture` for 1,000 applies.

local features = require "spec.support.features"
local killing = require "spec.torture.killing"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"

local it = features.it(it, pending)

local rounds = killing.whole and 500 or 8 -- of two applies each

-- Both have the open port, by rules at other places, in other chains of tables.
local one = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound { udp = 7000 }
allow_inbound { tcp = 7000 }
allow_inbound { tcp = "8000-8010" }
]]
local other = [[
default_deny()
allow_established()
allow_loopback()
drop_invalid()
allow_icmp()
for port = 9000, 9050 do allow_inbound { tcp = port } end
allow_inbound { tcp = 7000, udp = 7000, from = { "10.0.0.0/8", "2001:db8::/32" } }
chain("mangle", "PREROUTING"):append "-p udp -m udp --dport 9 -j DROP"
]]

-- What a probe has counted, by name.
local function counts(result)
  assert.equal(0, result.code, result.err)
  local list = {}
  for name, value in result.out:gmatch("(%S+) ([%d.]+)\n") do
    list[name] = tonumber(value)
  end
  return list
end

-- Packets that the kernel itself had no room for, before any rule saw them.
local function without_room(namespace)
  local sum = 0
  for line in run.read_file("/proc/net/softnet_stat"):gmatch("[^\n]+") do
    sum = sum + tonumber(line:match("^%x+ (%x+)"), 16)
  end
  local snmp = namespace:must { "cat", "/proc/net/snmp", "/proc/net/snmp6" }
  sum = sum + tonumber(snmp:match("\nUdp: %d+ %d+ %d+ %d+ (%d+)")) + tonumber(snmp:match("Udp6RcvbufErrors%s+(%d+)"))
  return sum
end

describe("packets #integration #torture", function()
  local dir

  after_each(function()
    network.close_all()
    if dir then
      run.run { "rm", "-rf", dir }
    end
  end)

  it("see one ruleset or the other, and nothing in between", function()
    dir = run.must({ "mktemp", "-d" }):gsub("\n", "")
    local probe = dir .. "/probe"
    run.must({ "cc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-o", probe,
               "spec/torture/probe.c" }, { limit = 60 })
    run.must { "chmod", "755", dir }
    local lab = network.lab()
    local program = moongate.new(lab)
    local first, second = program:policy(one, "one.lua"), program:policy(other, "other.lua")
    program:apply(first)
    local function start(namespace, ...)
      local process = namespace:start { "timeout", "1800", probe, ... }
      run.wait_until("a probe", 5, function()
        assert(process:alive(), process:err())
        return process:out():find("^ready\n")
      end)
      return process
    end
    local serving = start(lab.server, "serve")
    local room = without_room(lab.server)
    local address = network.addresses.server_for.friend
    local sending = start(lab.friend, "send", address.ipv4, address.ipv6)
    local swap = ("for i in $(seq %d); do %s && %s || exit; done"):format(rounds,
      run.line(program:words("apply", second, "--no-confirm", "-q")),
      run.line(program:words("apply", first, "--no-confirm", "-q")))
    local swapped = program.namespace:run({ "sh", "-c", swap }, program:options { limit = 20 + rounds * 2 })
    assert.equal(0, swapped.code, swapped.out .. swapped.err)
    sending:signal("TERM")
    local sent = counts(sending:wait(10))
    run.run { "sleep", "0.3" } -- for what is on its way
    serving:signal("TERM")
    local heard = counts(serving:wait(10))
    room = without_room(lab.server) - room

    local what = ("%d ticks in %.1f s"):format(sent.ticks, sent.seconds)
    -- two addresses: 1 kHz to each port at least, on a machine that has other things to do
    assert.truthy(sent.ticks >= 500 * sent.seconds, "too slow to tell: " .. what)
    -- both deny
    assert.truthy(sent.syns >= 2 * sent.ticks)
    assert.same({ 0, 0 }, { heard.closed_datagrams, heard.closed_connections }, what)
    -- both admit
    assert.truthy(sent.datagrams - heard.open_datagrams <= room,
      ("%d of %d datagrams are lost, %d for want of room"):format(sent.datagrams - heard.open_datagrams,
        sent.datagrams, room))
    assert.equal(sent.bytes, heard.bytes)
    if room == 0 then
      assert.same({ 0, 0, 0 }, { sent.lost, sent.refused, sent.lost_bytes }, what)
    end
    assert.truthy(sent.connections > 0 and heard.open_connections >= sent.connections)
  end)
end)
