-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- masquerade, snat, forward_port, redirect_port and clamp_mss against real
-- packets: who is reached, who is seen, and that the inner ports stay closed.

package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"
local features = require "spec.support.features"
local gateway = require "spec.support.gateway"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local services = require "spec.support.services"
local tables = require "spec.support.tables"

local it = features.it(it, pending, "ipv4: -m addrtype --dst-type LOCAL -j DROP", "nat")

local families = tables.families
local lan_host, internet_host, router_for = gateway.lan_host, gateway.internet_host, gateway.router_for

local policy = [[
default_deny()
allow_established()
allow_loopback()
drop_bad_tcp_flags()
drop_invalid()
allow_icmp { forward = true }
allow_forward { on = "lan0", out = "wan0" }
masquerade { out = "wan0", from = "10.137.0.0/24" }

local server = { "10.137.0.2", "2001:db8:137::2" }
forward_port { tcp = 8080, on = "wan0", to = server, to_port = 80, reflect = { "10.137.0.0/24", "2001:db8:137::/64" },
  from_host = true }
forward_port { tcp = "8000-8010", on = "wan0", to = server, to_port = "9000-9010" }
forward_port { udp = 5353, on = "wan0", to = server, to_port = 53 }
redirect_port { tcp = 81, udp = 81, on = "wan0", to_port = 8181 }
redirect_port { tcp = 7070, on = "lan0", intercept = true }
]]

describe("a router with real packets #integration", function()
  local lab, program

  local function prepare()
    lab = gateway.lab()
    program = moongate.new(lab)
    services.echo(lab.lan, { "tcp:80", "tcp:8080", "tcp:9003", "tcp:22", "udp:53" })
    services.echo(lab.internet, { "tcp:7", "udp:7", "tcp:7070" })
    services.echo(lab.router, { "tcp:8181", "udp:8181", "tcp:7070", "tcp:9999" })
    -- Before the policy everything answers, so silence afterwards is its doing.
    gateway.reaches(lab.internet, lan_host, { ["tcp:80"] = "open", ["udp:53"] = "open" })
    gateway.reaches(lab.internet, router_for.internet, { ["tcp:8181"] = "open", ["tcp:7070"] = "open" })
    program:apply(program:policy(policy))
  end

  before_each(function()
    if not lab then
      prepare()
    end
  end)

  teardown(network.close_all)

  it("lets the LAN out, and answers back in", function()
    gateway.reaches(lab.lan, internet_host, { ["tcp:7"] = "open", ["udp:7"] = "open" })
    for _, family in ipairs(families) do
      assert.equal(1, packets.ping(lab.lan, internet_host[family]), family)
    end
  end)

  it("shows the router's address for IPv4, and each host's own for IPv6", function()
    for family, expected in pairs { ipv4 = router_for.internet.ipv4, ipv6 = lan_host.ipv6 } do
      local conversation = packets.converse(lab.lan, internet_host[family], 7)
      conversation:say("hello")
      assert.equal(expected, gateway.seen(lab.internet, 7).from, family)
      conversation:close()
    end
  end)

  it("forwards a port to another one of a host in the LAN", function()
    for _, family in ipairs(families) do
      local conversation = packets.converse(lab.internet, router_for.internet[family], 8080)
      conversation:say("hello")
      assert.equal(internet_host[family], gateway.seen(lab.lan, 80).from, family)
      conversation:close()
    end
    gateway.reaches(lab.internet, router_for.internet, { ["udp:5353"] = "open" })
  end)

  it("keeps the inner port closed, also to who comes straight to it", function()
    gateway.reaches(lab.internet, lan_host, {
      ["tcp:80"] = "silent", ["tcp:8080"] = "silent", ["tcp:22"] = "silent", ["udp:53"] = "silent",
      ["tcp:9003"] = "silent",
    })
    gateway.reaches(lab.internet, router_for.internet, { ["tcp:80"] = "silent", ["udp:53"] = "silent" })
  end)

  it("shifts a range port by port", function()
    -- 8004 is 9004 of the host, where nothing listens
    gateway.reaches(lab.internet, router_for.internet,
      { ["tcp:8003"] = "open", ["tcp:8004"] = "refused", ["tcp:8011"] = "silent" })
  end)

  it("serves the LAN at the outer address, and sees its answers", function()
    for _, family in ipairs(families) do
      local conversation = packets.converse(lab.lan, router_for.internet[family], 8080)
      conversation:say("hello")
      assert.equal(router_for.lan[family], gateway.seen(lab.lan, 80).from, family)
      conversation:close()
    end
  end)

  it("serves the router itself at the outer address", function()
    gateway.reaches(lab.router, router_for.internet, { ["tcp:8080"] = "open" })
    gateway.reaches(lab.router, { ipv4 = "127.0.0.1", ipv6 = "::1" }, { ["tcp:8080"] = "refused" })
  end)

  it("redirects a port of the router, and keeps the inner one closed", function()
    gateway.reaches(lab.internet, router_for.internet,
      { ["tcp:81"] = "open", ["udp:81"] = "open", ["tcp:8181"] = "silent", ["udp:8181"] = "silent" })
    gateway.reaches(lab.lan, router_for.lan, { ["tcp:81"] = "silent" })
  end)

  it("intercepts for itself what is for other hosts, from there alone", function()
    for _, family in ipairs(families) do
      local conversation = packets.converse(lab.lan, internet_host[family], 7070)
      conversation:say("hello")
      assert.equal(lan_host[family], gateway.seen(lab.router, 7070).from, family)
      conversation:close()
    end
    gateway.reaches(lab.lan, router_for.lan, { ["tcp:7070"] = "open", ["tcp:9999"] = "silent" })
    gateway.reaches(lab.internet, router_for.internet, { ["tcp:7070"] = "silent" })
  end)

  it("has nothing to do when it is planned again", function()
    local result = program:must("plan", program:policy(policy))
    assert.truthy(result.out:find("Nothing to do", 1, true), result.out)
  end)
end)

describe("addresses and sizes on the way out #integration", function()
  local lab, program

  before_each(function()
    lab = gateway.lab()
    program = moongate.new(lab)
    services.echo(lab.internet, { "tcp:7", "tcp:25" })
  end)

  after_each(network.close_all)

  it("shows the address that snat says, for what it says", function()
    lab.router:must { "ip", "addr", "add", "10.66.0.9/24", "dev", "wan0" }
    lab.router:must { "ip", "addr", "add", "2001:db8:66::9/64", "dev", "wan0", "nodad",
      "preferred_lft", "0" } -- masquerade takes the other one
    program:apply(program:policy [[
      snat { tcp = 25, out = "wan0", to_source = { "10.66.0.9", "2001:db8:66::9" } }
      masquerade { out = "wan0", family = "both" }
    ]])
    for port, expected in pairs {
      [25] = { ipv4 = "10.66.0.9", ipv6 = "2001:db8:66::9" }, [7] = router_for.internet,
    } do
      for _, family in ipairs(families) do
        local conversation = packets.converse(lab.lan, internet_host[family], port)
        conversation:say("hello")
        assert.equal(expected[family], gateway.seen(lab.internet, port).from, family .. " " .. port)
        conversation:close()
      end
    end
  end)

  it("leaves the nat of IPv6 alone where only IPv4 is masqueraded", function()
    program:apply(program:policy 'masquerade { out = "wan0" } clamp_mss { family = "ipv4" }')
    local six = program.namespace:must { "cat", "/proc/net/ip6_tables_names" }
    assert.falsy(six:find("nat", 1, true), six)
    assert.falsy(six:find("mangle", 1, true), six)
    assert.truthy(tables.names(lab.router, "ipv4"):find("nat", 1, true))
  end)

  it("fits segments to a narrow link, in both directions", function()
    lab.router:must { "ip", "link", "set", "wan0", "mtu", "1400" }
    -- A timestamp takes 12 bytes of each segment.
    local function sizes(family)
      local conversation = packets.converse(lab.lan, internet_host[family], 7)
      conversation:say("hello")
      local seen = gateway.seen(lab.internet, 7).mss
      local text = lab.lan:must { "ss", "-Htni", "state", "established", "( dport = :7 )" }
      conversation:close()
      return { seen, tonumber(text:match(" mss:(%d+)")) }
    end
    assert.same({ 1500 - 40 - 12, 1500 - 40 - 12 }, sizes("ipv4"))
    program:apply(program:policy "clamp_mss()")
    assert.same({ 1400 - 40 - 12, 1400 - 40 - 12 }, sizes("ipv4"))
    assert.same({ 1400 - 60 - 12, 1400 - 60 - 12 }, sizes("ipv6"))
    program:apply(program:policy "clamp_mss { mss = 1200 }")
    assert.same({ 1200 - 12, 1200 - 12 }, sizes("ipv4"))
  end)
end)

describe("rules of nat and mangle #integration", function()
  after_each(network.close_all)

  local everything = [[
    masquerade { out = "wan0", from = "10.0.0.0/24", to = except { "10.8.0.0/16", "10.9.0.0/16" },
      ports = "1024-2000", random = true }
    masquerade { on = { "wan0", "wan+" }, family = "both", random_fully = true, comment = "all of it" }
    snat { out = "wan0", from = { "10.0.0.7", "fd00::7" }, tcp = 25, persistent = true,
      to_source = { "203.0.113.5-203.0.113.7", "2001:db8::5" } }
    snat { out = "wan0", protocol = "udp", to_source = { "203.0.113.5:1024-2000", "[2001:db8::5]:1024-2000" } }
    forward_port { "https", on = "wan0", to = { "10.0.0.5", "2001:db8::5" }, to_port = 8443,
      reflect = { "10.0.0.0/24", "2001:db8::/64" }, from_host = true }
    forward_port { tcp = "8000-8010", udp = { 53, 5353 }, to = "10.0.0.6:9000",
      address = { "203.0.113.9", "203.0.113.10" } }
    forward_port { tcp = "8000-8010", from = except { "10.9.0.0/16", "10.8.0.0/16" }, to = "10.0.0.6:9000-9010" }
    forward_port { tcp = "8000-8010", on = except { "lan0", "lan1" }, to = "[2001:db8::6]:9000-9010" }
    redirect_port { tcp = "80-82", to_port = "8080-8082", from_host = true, from = "10.0.0.0/8" }
    redirect_port { "dns", on = "lan0", intercept = true, limit = "50/second", log = true }
    clamp_mss { out = "wan0" }
    clamp_mss { mss = 1400, comment = "a b" }
  ]]

  it("are what iptables-legacy makes of the same arguments", function()
    local lab = network.host()
    moongate.new(lab):apply(moongate.new(lab):policy(everything))
    local core, by_hand = fake.run(everything), network.host()
    for number, family in ipairs(families) do
      for _, chain in ipairs(core.chains) do
        if chain.families & number ~= 0 then
          tables.edit(by_hand.server, family, ("-t %s -N %s"):format(chain.table, chain.name))
        end
      end
      local program = family == "ipv4" and "iptables-legacy" or "ip6tables-legacy"
      for _, rule in ipairs(core.rules) do
        if rule.families & number ~= 0 then
          by_hand.server:must { "sh", "-c", ("XTABLES_LOCKFILE=%s/xtables.lock %s -t %s -A %s %s"):format(by_hand.dir,
            program, rule.table, rule.chain, rule.text) }
        end
      end
      local expected, loaded = tables.parse(tables.save(by_hand.server, family)),
        tables.parse(tables.save(lab.server, family))
      for _, name in ipairs { "nat", "mangle", "filter" } do
        assert.truthy(next(loaded[name]), name)
        assert.same(expected[name], loaded[name], family .. " " .. name)
      end
    end
  end)

  it("are refused with the policy's line where they cannot be meant", function()
    local lab = network.host()
    local program = moongate.new(lab)
    local function refused(text)
      local result = program:run("check", program:policy("\n" .. text))
      assert.equal(1, result.code, result.out .. result.err)
      return result.err
    end
    assert.matches("policy.lua:2: forward_port: no packet can match: from is IPv6 only, to is IPv4 only",
      refused 'forward_port { tcp = 80, from = "2001:db8::/64", to = "10.0.0.5" }', 1, true)
    assert.matches("policy.lua:2: forward_port: unknown option `too`: did you mean `to`?",
      refused 'forward_port { tcp = 80, too = "10.0.0.5", to = "10.0.0.6" }', 1, true)
    assert.matches("policy.lua:2: forward_port: tcp: except is not for ports here",
      refused 'forward_port { tcp = except(22), to = "10.0.0.5" }', 1, true)
    assert.matches('policy.lua:2: forward_port: to: "shop.example" is a host name',
      refused 'forward_port { tcp = 80, to = "shop.example:80" }', 1, true)
    assert.matches("policy.lua:2: masquerade: out: is missing", refused "masquerade()", 1, true)
    assert.matches("policy.lua:2: snat: `to_source` is missing", refused 'snat { out = "wan0" }', 1, true)
    assert.matches("policy.lua:2: clamp_mss: mss: 20 is out of range", refused "clamp_mss { mss = 20 }", 1, true)
  end)
end)
