-- SPDX-License-Identifier: GPL-2.0-or-later
-- Ports that lead elsewhere: forward_port and redirect_port.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"
local fails, rules = fake.fails, fake.rules_with_tables

local own = " -m addrtype --dst-type LOCAL"

-- What the accept asks of conntrack.
local function translated(ports, address)
  return " -m conntrack --ctstate DNAT " .. (address and "--ctorigdst " .. address .. " " or "")
    .. "--ctorigdstport " .. ports .. " -m conntrack --ctstate NEW"
end

describe("forward_port", function()
  it("translates, and accepts what was translated and nothing else", function()
    assert.same({
      "1 nat PREROUTING -i wan0 -p tcp -m tcp --dport 8080" .. own .. " -j DNAT --to-destination 10.0.0.5:80",
      "1 filter FORWARD -d 10.0.0.5/32 -i wan0 -p tcp -m tcp --dport 80" .. translated "8080" .. " -j ACCEPT",
    }, rules 'forward_port { tcp = 8080, on = "wan0", to = "10.0.0.5:80" }')
  end)

  it("takes the inner port apart, or keeps the port", function()
    local expected = rules 'forward_port { tcp = 8080, on = "wan0", to = "10.0.0.5:80" }'
    assert.same(expected, rules 'forward_port { tcp = 8080, on = "wan0", to = "10.0.0.5", to_port = 80 }')
    assert.same(expected,
      rules 'forward_port { tcp = 8080, on = "wan0", to = addresses { "10.0.0.5" }, to_port = "http" }')
    assert.same({
      "1 nat PREROUTING -p udp -m udp --dport 51820" .. own .. " -j DNAT --to-destination 10.0.0.5",
      "1 filter FORWARD -d 10.0.0.5/32 -p udp -m udp --dport 51820" .. translated "51820" .. " -j ACCEPT",
    }, rules 'forward_port { udp = 51820, to = "10.0.0.5" }')
  end)

  it("writes IPv6 in brackets where there is a port", function()
    assert.same({
      "2 nat PREROUTING -i wan0 -p tcp -m tcp --dport 8080" .. own .. " -j DNAT --to-destination [2001:db8::5]:80",
      "2 filter FORWARD -d 2001:db8::5/128 -i wan0 -p tcp -m tcp --dport 80" .. translated "8080" .. " -j ACCEPT",
    }, rules 'forward_port { tcp = 8080, on = "wan0", to = "[2001:db8::5]:80" }')
    assert.matches("--to-destination 2001:db8::5", rules('forward_port { tcp = 80, to = "[2001:db8::5]" }')[1], 1, true)
  end)

  it("serves both families in one call", function()
    local both = rules 'forward_port { "https", on = "wan0", to = { "10.0.0.5", "2001:db8::5" }, to_port = 8443 }'
    assert.same({
      "1 nat PREROUTING -i wan0 -p tcp -m tcp --dport 443" .. own
        .. " -m comment --comment HTTPS -j DNAT --to-destination 10.0.0.5:8443",
      "1 filter FORWARD -d 10.0.0.5/32 -i wan0 -p tcp -m tcp --dport 8443" .. translated "443"
        .. " -m comment --comment HTTPS -j ACCEPT",
      "2 nat PREROUTING -i wan0 -p tcp -m tcp --dport 443" .. own
        .. " -m comment --comment HTTPS -j DNAT --to-destination [2001:db8::5]:8443",
      "2 filter FORWARD -d 2001:db8::5/128 -i wan0 -p tcp -m tcp --dport 8443" .. translated "443"
        .. " -m comment --comment HTTPS -j ACCEPT",
    }, both)
    assert.same({ both[1], both[2] }, rules [[forward_port { "https", on = "wan0",
      to = { "10.0.0.5", "2001:db8::5" }, to_port = 8443, family = "ipv4" }]])
    assert.equal(2, #rules 'forward_port { tcp = 1, from = "10.9.0.0/16", to = { "10.0.0.5", "2001:db8::5" } }')
  end)

  it("asks for the original address instead of any of the host's own", function()
    assert.same({
      "1 nat PREROUTING -s 192.0.2.0/24 -d 203.0.113.7/32 -p tcp -m tcp --dport 25 -j DNAT --to-destination 10.0.0.5",
      "1 filter FORWARD -s 192.0.2.0/24 -d 10.0.0.5/32 -p tcp -m tcp --dport 25" .. translated("25", "203.0.113.7")
        .. " -j ACCEPT",
    }, rules 'forward_port { tcp = 25, from = "192.0.2.0/24", address = "203.0.113.7", to = "10.0.0.5" }')
    local several = rules 'forward_port { tcp = 25, address = { "203.0.113.7", "203.0.113.8" }, to = "10.0.0.5" }'
    assert.equal(4, #several)
    assert.matches("--ctorigdst 203.0.113.8 ", several[4], 1, true)
    assert.matches("PREROUTING -p tcp -m tcp --dport 25 -j DNAT",
      rules('forward_port { tcp = 25, address = "0.0.0.0/0", to = "10.0.0.5" }')[1], 1, true)
  end)

  it("makes a pair of rules for each port of a list", function()
    local list = rules 'forward_port { tcp = { 80, "8000-8010" }, udp = 53, to = "10.0.0.5" }'
    assert.equal(6, #list)
    assert.matches("--dport 8000:8010" .. own .. " -j DNAT --to-destination 10.0.0.5", list[2], 1, true)
    assert.matches("udp --dport 53", list[3], 1, true)
    assert.matches("--dport 8000:8010" .. translated "8000:8010", list[5], 1, true)
    local paired = rules 'forward_port { tcp = { 80, 443 }, to = "10.0.0.5", to_port = { 8080, 8443 } }'
    assert.matches("--dport 80" .. own .. " -j DNAT --to-destination 10.0.0.5:8080", paired[1], 1, true)
    assert.matches("--dport 8443" .. translated "443", paired[4], 1, true)
    local one = rules 'forward_port { tcp = { 80, "81-89" }, to = "10.0.0.5:8080" }'
    assert.matches("--dport 81:89" .. own .. " -j DNAT --to-destination 10.0.0.5:8080", one[2], 1, true)
    assert.matches("--dport 8080" .. translated "81:89", one[4], 1, true)
  end)

  it("shifts a range one to one", function()
    assert.same({
      "1 nat PREROUTING -p tcp -m tcp --dport 8000:8010" .. own
        .. " -j DNAT --to-destination 10.0.0.5:9000-9010/8000",
      "1 filter FORWARD -d 10.0.0.5/32 -p tcp -m tcp --dport 9000:9010" .. translated "8000:8010" .. " -j ACCEPT",
    }, rules 'forward_port { tcp = "8000-8010", to = "10.0.0.5:9000-9010" }')
    assert.matches("--to-destination 10.0.0.5", rules(
      'forward_port { tcp = "8000-8010", to = "10.0.0.5", to_port = "8000-8010" }')[1]:sub(-27), 1, true)
    fails("to_port: 9000-9005 is 6 ports, but 8000-8010 in tcp is 11: a range goes to one port, or one to one",
      'forward_port { tcp = "8000-8010", to = "10.0.0.5", to_port = "9000-9005" }')
    fails("to_port: has 2 where tcp has 3: give one port for all, or one for each",
      'forward_port { tcp = { 1, 2, 3 }, to = "10.0.0.5", to_port = { 4, 5 } }')
  end)

  it("lets clients of the inner side use the outer address", function()
    local from_outside = rules 'forward_port { tcp = 8080, on = "wan0", to = "10.0.0.5:80" }'
    local all = rules 'forward_port { tcp = 8080, on = "wan0", to = "10.0.0.5:80", reflect = "10.0.0.0/24" }'
    assert.same({
      from_outside[1], from_outside[2],
      "1 nat PREROUTING -s 10.0.0.0/24 -p tcp -m tcp --dport 8080" .. own .. " -j DNAT --to-destination 10.0.0.5:80",
      "1 filter FORWARD -s 10.0.0.0/24 -d 10.0.0.5/32 -p tcp -m tcp --dport 80" .. translated "8080" .. " -j ACCEPT",
      "1 nat POSTROUTING -s 10.0.0.0/24 -d 10.0.0.5/32 -p tcp -m tcp --dport 80 -m conntrack --ctstate DNAT "
        .. "--ctorigdstport 8080 -j MASQUERADE",
    }, all)
    assert.equal(3, #rules 'forward_port { tcp = 8080, to = "10.0.0.5:80", reflect = "10.0.0.0/24" }')
  end)

  it("takes this host's own connections on request", function()
    local all = rules 'forward_port { tcp = 8080, on = "wan0", to = "10.0.0.5:80", from_host = true }'
    assert.same({
      "1 nat OUTPUT ! -d 127.0.0.0/8 -p tcp -m tcp --dport 8080" .. own .. " -j DNAT --to-destination 10.0.0.5:80",
      "1 filter OUTPUT -d 10.0.0.5/32 -p tcp -m tcp --dport 80" .. translated "8080" .. " -j ACCEPT",
    }, { all[3], all[4] })
  end)

  it("puts its accept at the stage of the verbs, with the policy's comment", function()
    local core = fake.run 'forward_port { tcp = 8080, to = "10.0.0.5:80", comment = "web shop" } default_deny()'
    assert.equal(40, core.rules[2].rank)
    assert.matches('--comment "web shop"', core.rules[1].text, 1, true)
    assert.matches('--comment "web shop"', core.rules[2].text, 1, true)
    assert.equal("forward_port", core.rules[1].helper)
  end)

  it("limits and logs what it accepts, once for all of its ports", function()
    local core = fake.run [[forward_port { tcp = { 80, 443 }, to = "10.0.0.5", limit = "5/minute", log = "web: " }]]
    local limited = {}
    for _, rule in ipairs(core.rules) do
      if rule.text:find("-m limit --limit 5/min -j LOG_", 1, true) then
        limited[#limited + 1] = rule.chain
      end
      assert.truthy(rule.table == "filter" or not rule.text:find("limit"), rule.text)
    end
    assert.equal(1, #limited)
    local forward = fake.chain(core, 1, "FORWARD")
    assert.equal(2, #forward)
    for _, text in ipairs(forward) do
      assert.matches("-m conntrack --ctstate NEW -j " .. limited[1], text, 1, true)
    end
    assert.matches("--ctorigdstport 80 -m conntrack --ctstate NEW -m limit --limit 5/min -j ACCEPT",
      rules('redirect_port { tcp = 80, to_port = 8080, limit = "5/minute" }')[2], 1, true)
  end)

  it("says which families do not go together", function()
    fails("forward_port: no packet can match: from is IPv6 only, to is IPv4 only",
      'forward_port { tcp = 80, from = "2001:db8::/64", to = "10.0.0.5" }')
    fails("no packet can match: address is IPv4 only, to is IPv6 only",
      'forward_port { tcp = 80, address = "203.0.113.7", to = "2001:db8::5" }')
    fails("family= is IPv6 only, to is IPv4 only", 'forward_port { tcp = 80, family = "ipv6", to = "10.0.0.5" }')
  end)

  it("refuses a destination that is none", function()
    fails("policy.lua:1: forward_port: `to` is missing", "forward_port { tcp = 80 }")
    fails('to: "shop.example" is a host name', 'forward_port { tcp = 80, to = "shop.example:80" }')
    fails('to: one address is needed, not the network "10.0.0.0/24"', 'forward_port { tcp = 80, to = "10.0.0.0/24" }')
    fails('to: one address is needed, not the range "10.0.0.1-10.0.0.9"',
      'forward_port { tcp = 80, to = "10.0.0.1-10.0.0.9" }')
    fails('to: "127.0.0.1" is this host itself', 'forward_port { tcp = 80, to = "127.0.0.1:80" }')
    fails('to: "::1" is this host itself', 'forward_port { tcp = 80, to = "[::1]:80" }')
    fails('to: "224.0.0.1" is a multicast address', 'forward_port { tcp = 80, to = "224.0.0.1" }')
    fails('to: "10.0.0.5:http": "http" is no port', 'forward_port { tcp = 80, to = "10.0.0.5:http" }')
    fails('to: "10.0.0.5:": "" is no port', 'forward_port { tcp = 80, to = "10.0.0.5:" }')
    fails("to: port 70000 is out of range", 'forward_port { tcp = 80, to = "10.0.0.5:70000" }')
    fails("to: port 0 is out of range", 'forward_port { tcp = 80, to = "10.0.0.5:0" }')
    fails('to: "[2001:db8::5]80" is not an IPv4 or IPv6 address', 'forward_port { tcp = 80, to = "[2001:db8::5]80" }')
    fails("to[2]: an address as a string is needed, not 7", 'forward_port { tcp = 80, to = { "10.0.0.5", 7 } }')
    fails("to: except says where not to", 'forward_port { tcp = 80, to = except "10.0.0.5" }')
    fails("to_port: to already says port 80", 'forward_port { tcp = 80, to = "10.0.0.5:80", to_port = 81 }')
    fails("to: its two addresses name different ports",
      'forward_port { tcp = 80, to = { "10.0.0.5:80", "2001:db8::5" } }')
  end)

  it("refuses ports that are none, or said twice", function()
    fails("nothing says which port", 'forward_port { to = "10.0.0.5" }')
    fails("tcp: the service already says which ports are meant", 'forward_port { "http", tcp = 81, to = "10.0.0.5" }')
    fails("tcp: except is not for ports here", 'forward_port { tcp = except(22), to = "10.0.0.5" }')
    fails("[1]: service `dhcp` is more than ports", 'forward_port { "dhcp", to = "10.0.0.5" }')
    fails('unknown service "htp": did you mean `http`?', 'forward_port { service = "htp", to = "10.0.0.5" }')
    fails("address: takes no exceptions", 'forward_port { tcp = 80, address = except "10.0.0.1", to = "10.0.0.5" }')
    fails("unknown option `too`: did you mean `to`?", 'forward_port { tcp = 80, too = "10.0.0.5", to = "10.0.0.6" }')
  end)

  it("makes no rule of an empty list, and says so once", function()
    for option in pairs { from = true, on = true, address = true, tcp = true, to = true } do
      local core = fake.run(([[
        local options = { tcp = 80, to = "10.0.0.5" }
        options.%s = {}
        forward_port(options)
      ]]):format(option))
      assert.same({}, core.rules, option)
      assert.equal(1, #core.notes, option)
      assert.matches(option .. " is an empty list", core.notes[1], 1, true)
    end
  end)

  it("warns of a destination that is this host", function()
    local core = fake.run 'forward_port { tcp = 80, to = "192.0.2.5:8080" }'
    assert.same({ "warning: forward_port: to: 192.0.2.5 is an address of this host, so nothing is forwarded -> "
      .. "redirect_port leads to another port of this host" }, core.notes)
  end)

  it("takes zones for where packets come from", function()
    local zones = [[
      local lan = zone { interfaces = "lan0", networks = { "10.0.0.0/24", "2001:db8:1::/64" }, name = "lan" }
      local wan = zone { interfaces = "wan0" }
      local vpn = zone { interfaces = "tun0", networks = "10.8.0.0/24", name = "vpn" }
    ]]
    assert.same(rules [[forward_port { tcp = 80, on = "wan0", to = "10.0.0.5" }]],
      rules(zones .. 'forward_port { tcp = 80, on = wan, to = "10.0.0.5" }'))
    local vpn = rules [[forward_port { tcp = 80, on = "tun0", from = "10.8.0.0/24", to = "10.0.0.5" }]]
    assert.same(vpn, rules(zones .. 'forward_port { tcp = 80, from = vpn, to = { "10.0.0.5", "2001:db8:1::5" } }'))
    assert.same(vpn, rules(zones .. 'forward_port { tcp = 80, on = vpn, to = { "10.0.0.5", "2001:db8:1::5" } }'))
    local reflected = rules(zones .. 'forward_port { tcp = 80, on = wan, to = "10.0.0.5", reflect = lan }')
    assert.matches("PREROUTING -s 10.0.0.0/24 -i lan0 -p tcp", reflected[3], 1, true)
    assert.matches("FORWARD -s 10.0.0.0/24 -d 10.0.0.5/32 -i lan0 -p tcp", reflected[4], 1, true)
    assert.matches("POSTROUTING -s 10.0.0.0/24 -d 10.0.0.5/32 -p tcp", reflected[5], 1, true)
    fails("forward_port: no packet can match: on is IPv4 only, to is IPv6 only",
      zones .. 'forward_port { tcp = 80, on = vpn, to = "2001:db8:1::5" }')
    fails("forward_port: to: zone \"lan\" is a place, but one address is needed",
      zones .. "forward_port { tcp = 80, to = lan }")
    fails("forward_port: address: zone \"lan\" is more than a list of addresses",
      zones .. 'forward_port { tcp = 80, address = lan, to = "10.0.0.5" }')
    fails("forward_port: reflect: zone { wan0 } has interfaces, but POSTROUTING",
      zones .. 'forward_port { tcp = 80, on = "x", to = "10.0.0.5", reflect = wan }')
  end)

  it("may have its destination from a module's options, which are read at the use", function()
    local modules = { ["shop.lua"] = [[return module { options = { to = "endpoint" }, function(o)
      forward_port { tcp = 80, to = o.to }
    end }]] }
    assert.equal(2, #fake.run('use("shop", { to = "10.0.0.5:80" })', nil, modules).rules)
    assert.matches('policy.lua:1: use("shop"): to: "shop.example" is a host name',
      fake.failure('use("shop", { to = "shop.example:80" })', modules), 1, true)
  end)

  it("does not change its options", function()
    fake.run [[
      local options = { tcp = { 80 }, to = { "10.0.0.5:81" }, on = "wan0" }
      forward_port(options)
      assert(options.to_port == nil and #options.tcp == 1 and options.to[1] == "10.0.0.5:81")
    ]]
  end)
end)

describe("redirect_port", function()
  it("translates, and accepts what was translated and nothing else", function()
    assert.same({
      "3 nat PREROUTING -p tcp -m tcp --dport 80" .. own .. " -j REDIRECT --to-ports 8080",
      "3 filter INPUT -p tcp -m tcp --dport 8080" .. translated "80" .. " -j ACCEPT",
    }, rules "redirect_port { tcp = 80, to_port = 8080 }")
    assert.same({
      "1 nat PREROUTING -s 10.0.0.0/8 -i lan0 -p tcp -m tcp --dport 80" .. own
        .. " -m comment --comment HTTP -j REDIRECT --to-ports 8080",
      "1 filter INPUT -s 10.0.0.0/8 -i lan0 -p tcp -m tcp --dport 8080" .. translated "80"
        .. " -m comment --comment HTTP -j ACCEPT",
    }, rules 'redirect_port { "http", to_port = 8080, on = "lan0", from = "10.0.0.0/8" }')
  end)

  it("intercepts what is for other hosts on request", function()
    assert.same({
      "3 nat PREROUTING -i lan0 -p udp -m udp --dport 53 -j REDIRECT",
      -- what is meant for this host already is not translated, and welcome
      "3 filter INPUT -i lan0 -p udp -m udp --dport 53 -m conntrack --ctorigdstport 53 -m conntrack --ctstate NEW "
        .. "-j ACCEPT",
    }, rules 'redirect_port { udp = 53, on = "lan0", intercept = true }')
    assert.same({
      "1 nat PREROUTING -d 203.0.113.7/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080",
      "1 filter INPUT -p tcp -m tcp --dport 8080" .. translated("80", "203.0.113.7") .. " -j ACCEPT",
    }, rules 'redirect_port { tcp = 80, to_port = 8080, address = "203.0.113.7" }')
  end)

  it("never intercepts what this host itself sends to others", function()
    assert.equal("3 nat OUTPUT -p tcp -m tcp --dport 80" .. own .. " -j REDIRECT --to-ports 8080",
      rules('redirect_port { tcp = 80, to_port = 8080, intercept = true, from_host = true }')[3])
  end)

  it("shifts a range port by port", function()
    local shifted = rules 'redirect_port { tcp = "80-82", to_port = "8080-8082" }'
    assert.equal(6, #shifted)
    assert.matches("--dport 82" .. own .. " -j REDIRECT --to-ports 8082", shifted[3], 1, true)
    assert.matches("--dport 8082" .. translated "82", shifted[6], 1, true)
    assert.equal(2, #rules 'redirect_port { tcp = "80-82", to_port = 8080 }')
    assert.equal(256, #rules 'redirect_port { tcp = "1-128", to_port = "1001-1128" }')
    fails("to_port: a range that shifts takes a rule for each port, 128 at most",
      'redirect_port { tcp = "1-129", to_port = "1001-1129" }')
  end)

  it("refuses what would change nothing", function()
    fails("redirect_port: to_port: is missing: give the port that the service listens on, or intercept = true",
      "redirect_port { tcp = 80 }")
    fails("to_port: is the same port", "redirect_port { tcp = 80, to_port = 80 }")
    fails("intercept: address= already says", 'redirect_port { tcp = 80, address = "10.0.0.1", intercept = true }')
    fails("no packet can match: family= is IPv6 only, from is IPv4 only",
      'redirect_port { tcp = 80, to_port = 81, from = "10.0.0.1", family = "ipv6" }')
  end)
end)
