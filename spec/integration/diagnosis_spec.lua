-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What is diagnosed at once: rulesets that would be regretted, each with the
-- line to add, and hosts where something else filters beside us.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local tables = require "spec.support.tables"

local it = features.it(it, pending)
local it_beside_nft = features.it(it, pending, "nft")

-- All that no diagnosis has anything against; each case leaves a line out.
local sound = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
]]

local function without(helper)
  local text, count = sound:gsub("\n" .. helper .. "%(%)", "")
  assert(count == 1)
  return text
end

describe("a diagnosis #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  -- stderr of plan, which must succeed.
  local function warnings(text)
    local result = program:run("plan", program:policy(text))
    assert.equal(0, result.code, result.out .. result.err)
    return result.err
  end

  it("has nothing to say of a sound policy", function()
    assert.equal("", warnings(sound))
  end)

  it("has nothing to say where nothing is denied", function()
    assert.equal("", warnings 'chain("filter", "INPUT"):append "-p tcp -m tcp --dport 1 -j DROP"\n')
  end)

  it("names allow_established where replies would be denied", function()
    local said = warnings(without "allow_established")
    assert.truthy(said:find("allow_established", 1, true), said)
  end)

  it("names allow_icmp where IPv6 would have no neighbour discovery", function()
    local said = warnings(without "allow_icmp")
    assert.truthy(said:find("allow_icmp", 1, true), said)
    assert.truthy(said:lower():find("neighbour", 1, true), said)
  end)

  it("names allow_loopback where rejects on OUTPUT would hit the host itself", function()
    local reject = 'chain("filter", "OUTPUT"):append { jump = "REJECT", stage = "last" }\n'
    local said = warnings(without "allow_loopback" .. reject)
    assert.truthy(said:find("allow_loopback", 1, true), said)
  end)

  it("speaks of DHCP where an address is leased and no client may ask", function()
    assert.falsy(warnings(sound):lower():find("dhcp", 1, true))
    lab.server:must { "ip", "link", "add", "lease0", "type", "veth", "peer", "name", "lease1" }
    lab.server:must { "ip", "link", "set", "lease0", "up" }
    lab.server:must { "ip", "addr", "add", "10.137.9.2/24", "dev", "lease0", "valid_lft", "3600",
                      "preferred_lft", "3600" }
    local said = warnings(sound)
    assert.truthy(said:lower():find("dhcp", 1, true), said)
    assert.falsy(warnings(sound .. "allow_outbound_dhcp()\n"):lower():find("dhcp", 1, true))
  end)

  it("speaks of a chain to which nothing leads, and of the one that was meant", function()
    local unreached = "policy.lua:6: warning: %s is no built-in chain of %s, and no rule there jumps to it: "
      .. "nothing reaches its rules\n  remedy: %s\n"
    for text, expected in pairs {
      ['chain("filter", "INPTU"):append { jump = "ACCEPT" }'] =
        unreached:format("INPTU", "filter", 'chain("filter", "INPUT"), if that was meant'),
      ['chain("nat", "FORWARD", { family = "ipv6" }):append { jump = "ACCEPT" }'] =
        unreached:format("FORWARD", "nat", "the built-in chains of nat are PREROUTING, INPUT, OUTPUT, POSTROUTING"),
      ['chain("mangle", "GUESTS"):append "-j ACCEPT" chain("filter", "INPUT"):append "-m comment --comment GUEST"'] =
        unreached:format("GUESTS", "mangle", 'a rule with jump = "GUESTS"'),
    } do
      local said = warnings(sound .. text)
      assert.equal(expected, said:sub(-#expected), text)
    end
    for _, rule in ipairs { "-j GUESTS", "-jGUESTS -p tcp", "--jump=GUESTS -p tcp", "-p udp -g GUESTS",
      "-s 10.0.0.1 -j GUESTS" } do
      local jump = ('chain("filter", "GUESTS"):append "-j RETURN" chain("filter", "OUTPUT"):append "%s"'):format(rule)
      assert.equal("", warnings(sound .. jump), rule)
    end
    assert.equal("", warnings(sound .. 'chain("filter", "EMPTY")'))
  end)

  it("speaks of forwarding where rules are for it and the kernel does none", function()
    local policy = sound .. "allow_forward_https()\n"
    local said = warnings(policy)
    assert.truthy(said:find("policy.lua:6: warning: FORWARD lets IPv4 and IPv6 packets through", 1, true), said)
    assert.truthy(said:find("sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1", 1, true), said)
    -- one interface that forwards is a router already
    lab.server:must { "ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan1" }
    lab.server:must { "sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/lan0/forwarding" }
    assert.equal("", warnings(policy))
    lab.server:must { "sh", "-c", "echo 0 >/proc/sys/net/ipv4/conf/lan0/forwarding" }
    lab.server:must { "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding" }
    assert.equal("", warnings(policy))
    said = warnings(sound .. 'allow_forward { "https", from = "10.0.0.0/8" }\n')
    assert.truthy(said:find("FORWARD lets IPv4 packets through", 1, true), said)
  end)

  it_beside_nft("refuses to filter beside rules of the nft backend", function()
    lab.server:must { "iptables-nft", "-A", "INPUT", "-p", "tcp", "--dport", "22", "-j", "DROP" }
    local before = tables.both(lab.server)
    local path = program:policy(sound)
    local result = program:run("apply", path, "--no-confirm")
    assert.equal(5, result.code, result.out .. result.err)
    assert.truthy(result.err:find("nft", 1, true), result.err)
    assert.truthy(result.err:find("--beside-nft", 1, true), result.err)
    assert.equal(before, tables.both(lab.server))
    program:apply(path, "--beside-nft")
    assert.equal("DROP", tables.filter(lab.server, "ipv4").INPUT.policy)
  end)

  it_beside_nft("does not mind tables of nft that hold no rules", function()
    lab.server:must { "iptables-nft", "-S" }
    program:apply(program:policy(sound))
  end)
end)
