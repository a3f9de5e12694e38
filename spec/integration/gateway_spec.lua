-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- policies/hosts/gateway.lua against real packets: a LAN, the internet, and the
-- router between them.

local datagrams = require "spec.support.datagrams"
local features = require "spec.support.features"
local gateway = require "spec.support.gateway"
local lfs = require "lfs"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local services = require "spec.support.services"
local tables = require "spec.support.tables"
local tcp_flags = require "spec.support.tcp_flags"

local it = features.it(it, pending, "nat")
local it_with_curl = features.it(it, pending, "curl")

local families = tables.families
local lan_host, internet_host, router_for = gateway.lan_host, gateway.internet_host, gateway.router_for
local policy = lfs.currentdir() .. "/policies/hosts/gateway.lua"

describe("gateway.lua with real packets #integration", function()
  local lab, program

  -- One lab for all of these tests: none of them changes what is loaded.
  local function prepare()
    lab = gateway.lab()
    program = moongate.new(lab)
    services.web(lab.lan, 80, "a page of the LAN\n")
    services.echo(lab.lan, { "tcp:22", "tcp:8080", "udp:53" })
    services.echo(lab.internet, { "tcp:7", "udp:7", "tcp:53", "udp:53", "udp:123", "tcp:443", "tcp:25" })
    services.echo(lab.router, { "tcp:22", "tcp:80" })
    -- Before the policy everything answers, so silence afterwards is its doing.
    gateway.reaches(lab.internet, lan_host, { ["tcp:80"] = "open", ["tcp:22"] = "open", ["udp:53"] = "open" })
    gateway.reaches(lab.internet, router_for.internet, { ["tcp:22"] = "open" })
    program:apply(policy)
  end

  before_each(function()
    if not lab then
      prepare()
    end
    assert(tables.find(tables.filter(lab.router, "ipv4").FORWARD, "-o wan0"), "the policy is not loaded")
  end)

  teardown(network.close_all)

  it("lets the LAN out, and answers back in", function()
    gateway.reaches(lab.lan, internet_host, { ["tcp:7"] = "open", ["udp:7"] = "open", ["tcp:443"] = "open" })
    for _, family in ipairs(families) do
      assert.equal(2, packets.ping(lab.lan, internet_host[family], 2), family)
    end
  end)

  it("shows the internet the router's address for IPv4, and each host's own for IPv6", function()
    for family, expected in pairs { ipv4 = router_for.internet.ipv4, ipv6 = lan_host.ipv6 } do
      local conversation = packets.converse(lab.lan, internet_host[family], 7)
      conversation:say("hello")
      assert.equal(expected, gateway.seen(lab.internet, 7).from, family)
      conversation:close()
    end
  end)

  it_with_curl("leads its port 8080 to the web server of the LAN, from outside and from inside", function()
    for _, from in ipairs { lab.internet, lab.lan } do
      for _, host in ipairs { router_for.internet.ipv4, "[" .. router_for.internet.ipv6 .. "]" } do
        assert.equal("a page of the LAN\n", from:must {
          "curl", "-s", "--noproxy", "*", "--max-time", "5", ("http://%s:8080/"):format(host),
        })
      end
    end
  end)

  it("keeps the web server's own port closed to the internet, and everything else", function()
    gateway.reaches(lab.internet, lan_host,
      { ["tcp:80"] = "silent", ["tcp:8080"] = "silent", ["tcp:22"] = "silent", ["udp:53"] = "silent" })
    gateway.reaches(lab.internet, router_for.internet,
      { ["tcp:80"] = "silent", ["tcp:22"] = "silent", ["tcp:8081"] = "silent" })
    for _, family in ipairs(families) do
      assert.equal(0, packets.ping(lab.internet, lan_host[family]), family)
      assert.equal(1, packets.ping(lab.internet, router_for.internet[family]), family)
    end
  end)

  it("lets the LAN alone log in to the router", function()
    gateway.reaches(lab.lan, router_for.lan, { ["tcp:22"] = "open", ["tcp:80"] = "silent" })
  end)

  it("reaches names, the time and updates itself, and nothing else", function()
    gateway.reaches(lab.router, internet_host, { ["tcp:53"] = "open", ["udp:53"] = "open", ["udp:123"] = "open",
      ["tcp:443"] = "open" })
    for target, state in pairs(packets.probe(lab.router, {
      "tcp,10.66.0.2,25", "tcp,2001:db8:66::2,25", "tcp,10.137.0.2,22",
    })) do
      assert.truthy(state == "silent" or state == "denied", target .. " is " .. state)
    end
  end)

  it("forwards no source that is not of the LAN", function()
    lab.lan:must { "ip", "addr", "add", "10.99.0.1/32", "dev", "lo" }
    lab.lan:must { "ip", "addr", "add", "2001:db8:99::1/128", "dev", "lo", "nodad" }
    for family, source in pairs { ipv4 = "10.99.0.1", ipv6 = "2001:db8:99::1" } do
      local before = tables.find(tables.filter(lab.router, family).SPOOFED_lan0, "-j DROP")
      local sent = lab.lan:run {
        "ping", "-n", "-c", "2", "-i", "0.05", "-W", "1", "-I", source, internet_host[family],
      }
      assert.truthy(sent.out:find("2 packets transmitted, 0 received", 1, true), sent.out .. sent.err)
      local after = tables.find(tables.filter(lab.router, family).SPOOFED_lan0, "-j DROP")
      assert.equal(before.packets + 2, after.packets, family .. ": not dropped as spoofed")
    end
  end)

  it("takes no source of the LAN's from the internet", function()
    local listener = datagrams.listen(lab.router, 123)
    for family, source in pairs { ipv4 = "10.137.0.9", ipv6 = "2001:db8:137::9" } do
      local words = "-s " .. gateway.lan[family] .. " -j DROP"
      local before = tables.find(tables.filter(lab.router, family).SPOOFED_NOT_lan0, words).packets
      datagrams.send(lab.internet, router_for.internet[family], { source }, 123)
      datagrams.send(lab.internet, lan_host[family], { source }, 53)
      run.wait_until("two spoofed datagrams in " .. family, 5, function()
        return tables.find(tables.filter(lab.router, family).SPOOFED_NOT_lan0, words).packets == before + 2
      end)
    end
    assert.equal("ready\n", listener.process:out())
  end)

  it("drops each of the eleven flag patterns on the way through", function()
    for _, family in ipairs(families) do
      local accepted = tables.find(tables.filter(lab.router, family).FORWARD, "-j BAD_TCP_FLAGS")
      assert.truthy(accepted.text:find("^%-p tcp "), accepted.text)
      tcp_flags.check(lab.internet, lab.router, family, lan_host[family])
      tcp_flags.check(lab.lan, lab.router, family, internet_host[family])
    end
  end)

  it("fits segments to a narrow way out", function()
    lab.router:must { "ip", "link", "set", "wan0", "mtu", "1400" }
    for family, headers in pairs { ipv4 = 40, ipv6 = 60 } do
      local conversation = packets.converse(lab.lan, internet_host[family], 7)
      conversation:say("hello")
      -- a timestamp takes 12 bytes of each segment
      assert.equal(1400 - headers - 12, gateway.seen(lab.internet, 7).mss, family)
      conversation:close()
    end
    lab.router:must { "ip", "link", "set", "wan0", "mtu", "1500" }
  end)

  it("says that there is nothing to do when it is planned again", function()
    local result = program:must("plan", policy, "--detailed-exitcode")
    assert.truthy(result.out:lower():find("nothing to do", 1, true), result.out)
  end)
end)

describe("roles.gateway #integration", function()
  local lab, program

  before_each(function()
    lab = gateway.lab()
    program = moongate.new(lab)
    services.echo(lab.internet, { "tcp:443", "tcp:7", "udp:7" })
    services.echo(lab.lan, { "tcp:80", "tcp:9000" })
  end)

  after_each(network.close_all)

  local function apply(text)
    program:apply(program:policy('use("roles.base")\n' .. text))
  end

  it("opens the services that are named, and pings", function()
    apply [[use("roles.gateway", { lan = "lan0", wan = "wan0", networks = "10.137.0.0/24", services = "https" })]]
    gateway.reaches(lab.lan, { ipv4 = internet_host.ipv4 },
      { ["tcp:443"] = "open", ["tcp:7"] = "silent", ["udp:7"] = "silent" })
    -- the LAN has no network of IPv6 here
    gateway.reaches(lab.lan, { ipv6 = internet_host.ipv6 }, { ["tcp:443"] = "silent" })
    assert.equal(1, packets.ping(lab.lan, internet_host.ipv4))
    assert.equal(0, packets.ping(lab.lan, internet_host.ipv6))
  end)

  it("hides what it is told to hide", function()
    local lines = [[use("roles.gateway", { lan = "lan0", wan = "wan0",
      networks = { "10.137.0.0/24", "2001:db8:137::/64" }, masquerade = %s, masquerade_ipv6 = %s })]]
    for _, case in ipairs {
      { "false", "false", ipv4 = lan_host.ipv4, ipv6 = lan_host.ipv6 },
      { "false", "true", ipv4 = lan_host.ipv4, ipv6 = router_for.internet.ipv6 },
      { "true", "true", ipv4 = router_for.internet.ipv4, ipv6 = router_for.internet.ipv6 },
    } do
      apply(lines:format(case[1], case[2]))
      for _, family in ipairs(families) do
        local conversation = packets.converse(lab.lan, internet_host[family], 7)
        conversation:say("hello")
        assert.equal(case[family], gateway.seen(lab.internet, 7).from, case[1] .. " " .. case[2] .. " " .. family)
        conversation:close()
      end
    end
  end)

  it("masquerades no IPv4 for a LAN that has none", function()
    apply [[use("roles.gateway", { lan = "lan0", wan = "wan0", networks = "2001:db8:137::/64" })]]
    gateway.reaches(lab.lan, { ipv6 = internet_host.ipv6 }, { ["tcp:443"] = "open" })
    gateway.reaches(lab.lan, { ipv4 = internet_host.ipv4 }, { ["tcp:443"] = "silent" })
    assert.falsy(tables.names(lab.router, "ipv4"):find("nat", 1, true))
  end)

  it("may be used for two LANs, each with its ports", function()
    apply [[
      use("roles.gateway", { lan = "lan0", wan = "wan0", networks = "10.137.0.0/24",
        forwards = { { tcp = 8080, to = "10.137.0.2:80" }, { tcp = 9000, to = "10.137.0.2", from = "10.66.0.0/24" } } })
      use("roles.gateway", { lan = "lan1", wan = "wan0", networks = "10.138.0.0/24",
        forwards = { { tcp = 8081, to = "10.138.0.2:80" } } })
    ]]
    gateway.reaches(lab.internet, { ipv4 = router_for.internet.ipv4 },
      { ["tcp:8080"] = "open", ["tcp:9000"] = "open", ["tcp:80"] = "silent" })
    gateway.reaches(lab.internet, { ipv4 = lan_host.ipv4 }, { ["tcp:9000"] = "silent", ["tcp:80"] = "silent" })
    assert.truthy(tables.find(tables.filter(lab.router, "ipv4").FORWARD, "-i lan1 -o wan0"))
  end)

  it("tells what is wrong with its options, with the line that used it", function()
    local function refused(text)
      local result = program:run("check", program:policy(text))
      assert.equal(1, result.code, result.out .. result.err)
      return result.err
    end
    assert.matches('policy.lua:1: use("roles.gateway"): `wan` is missing',
      refused 'use("roles.gateway", { lan = "lan0", networks = "10.0.0.0/8" })', 1, true)
    assert.matches("forward_port: unknown option `too`: did you mean `to`? (used at policy.lua:2)",
      refused [[local forward = { tcp = 80, too = "10.0.0.5" }
        use("roles.gateway", { lan = "a", wan = "b", networks = "10.0.0.0/8", forwards = { forward } })]], 1, true)
    assert.matches("forwards[1]: options of forward_port are needed, not 8080 (used at policy.lua:1)",
      refused 'use("roles.gateway", { lan = "a", wan = "b", networks = "10.0.0.0/8", forwards = { 8080 } })', 1, true)
  end)
end)
