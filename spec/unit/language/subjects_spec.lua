-- SPDX-License-Identifier: GPL-2.0-or-later
-- Helpers that make fixed rules: defaults, established, loopback, guards,
-- ICMP, DHCP; the catalogue; and the policy of a server reached by ssh.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"
local fails = fake.fails

local function icmp6(number)
  return "-p ipv6-icmp -m icmp6 --icmpv6-type " .. number
end

describe("default_deny", function()
  it("drops in all three chains of both families", function()
    assert.same({ "3 filter INPUT DROP default_deny", "3 filter FORWARD DROP default_deny",
      "3 filter OUTPUT DROP default_deny" }, fake.run("default_deny()").policies)
  end)
end)

describe("allow_established and allow_loopback", function()
  it("come at their stages, once", function()
    local core = fake.run "allow_loopback() allow_established() allow_established() allow_loopback()"
    assert.same({ "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-i lo -j ACCEPT" },
      fake.chain(core, 2, "INPUT"))
    assert.same({ "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-o lo -j ACCEPT" },
      fake.chain(core, 1, "OUTPUT"))
    assert.same({ "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT" }, fake.chain(core, 1, "FORWARD"))
  end)
end)

describe("the guards", function()
  it("drop the eleven nonsense patterns, before INVALID, once", function()
    local core = fake.run "drop_invalid() drop_bad_tcp_flags() drop_bad_tcp_flags() drop_invalid()"
    assert.same({ { families = 3, table = "filter", name = "BAD_TCP_FLAGS", helper = "drop_bad_tcp_flags" } },
      core.chains)
    -- the exact ones first, or the general ones would take their packets
    local flags = { "ALL ALL", "ALL NONE", "ALL FIN,PSH,URG", "ALL SYN,FIN,PSH,URG",
      "ALL SYN,RST,ACK,FIN,URG", "FIN,RST FIN,RST", "SYN,FIN SYN,FIN", "SYN,RST SYN,RST",
      "ACK,FIN FIN", "ACK,PSH PSH", "ACK,URG URG" }
    for i, pattern in ipairs(flags) do
      flags[i] = "-p tcp -m tcp --tcp-flags " .. pattern .. " -j DROP"
    end
    for family = 1, 2 do
      assert.same(flags, fake.chain(core, family, "BAD_TCP_FLAGS"))
      for _, chain in ipairs { "INPUT", "FORWARD" } do
        assert.same({ "-p tcp -j BAD_TCP_FLAGS", "-m conntrack --ctstate INVALID -j DROP" },
          fake.chain(core, family, chain))
      end
      assert.same({}, fake.chain(core, family, "OUTPUT"))
    end
  end)
end)

describe("allow_icmp", function()
  it("gives IPv4 ping and errors", function()
    local core = fake.run "allow_icmp()"
    for _, chain in ipairs { "INPUT", "OUTPUT" } do
      assert.same({
        "-p icmp -m icmp --icmp-type 3 -j ACCEPT", "-p icmp -m icmp --icmp-type 11 -j ACCEPT",
        "-p icmp -m icmp --icmp-type 12 -j ACCEPT",
        "-p icmp -m icmp --icmp-type 8 -m conntrack --ctstate NEW -j ACCEPT",
      }, fake.chain(core, 1, chain))
    end
    assert.same({}, fake.chain(core, 1, "FORWARD"))
  end)

  it("gives IPv6 what RFC 4890 says a host needs", function()
    local core = fake.run "allow_icmp()"
    local on_link = " -m hl --hl-eq 255 -j ACCEPT"
    assert.same({
      icmp6(141) .. on_link, icmp6(142) .. on_link, icmp6(149) .. on_link,
      icmp6(1) .. " -j ACCEPT", icmp6(2) .. " -j ACCEPT", icmp6(3) .. " -j ACCEPT", icmp6(4) .. " -j ACCEPT",
      "-s fe80::/10 " .. icmp6(130) .. " -j ACCEPT", "-s fe80::/10 " .. icmp6(131) .. " -j ACCEPT",
      icmp6(134) .. on_link, icmp6(135) .. on_link, icmp6(136) .. on_link,
      icmp6(128) .. " -m conntrack --ctstate NEW -j ACCEPT",
    }, fake.chain(core, 2, "INPUT"))
    local sent = {}
    for _, text in ipairs(fake.chain(core, 2, "OUTPUT")) do
      sent[#sent + 1] = text:match("%-type (%d+)")
    end
    assert.same({ "141", "142", "148", "1", "2", "3", "4", "131", "132", "133", "135", "136", "143", "128" }, sent)
  end)

  it("asks no state of what conntrack never calls NEW", function()
    for _, rule in ipairs(fake.run("allow_icmp { forward = true }").rules) do
      local number = rule.text:match("type (%d+)")
      assert.equal(number == "8" or number == "128", rule.text:find("ctstate NEW", 1, true) ~= nil, rule.text)
    end
  end)

  it("puts what conntrack calls INVALID before the guard", function()
    for _, rule in ipairs(fake.run("allow_icmp()").rules) do
      local number = rule.text:match("icmpv6%-type (%d+)")
      local early = number == "141" or number == "142" or number == "148" or number == "149"
      assert.equal(early and 29 or 40, rule.rank, rule.text)
    end
  end)

  it("limits ping alone with from=", function()
    local core = fake.run 'allow_icmp { from = "10.0.0.0/8" }'
    assert.equal("-s 10.0.0.0/8 -p icmp -m icmp --icmp-type 8 -m conntrack --ctstate NEW -j ACCEPT",
      fake.chain(core, 1, "INPUT")[4])
    local limited = table.concat(fake.chain(core, 2, "INPUT"), "\n")
    assert.is_nil(limited:find(icmp6(128), 1, true))
    assert.is_truthy(limited:find(icmp6(135), 1, true) and limited:find(icmp6(2), 1, true))
    local none = fake.run 'allow_icmp { from = {} }'
    assert.equal("warning: allow_icmp: from is an empty list, so there is no rule -> leave from out to match any",
      none.notes[1])
    assert.equal(12, #fake.chain(none, 2, "INPUT"))
  end)

  it("forwards errors and ping on request, never neighbour discovery", function()
    local core = fake.run 'allow_icmp { forward = true }'
    local numbers = {}
    for _, text in ipairs(fake.chain(core, 2, "FORWARD")) do
      numbers[#numbers + 1] = text:match("%-type (%d+)")
    end
    assert.same({ "1", "2", "3", "4", "128" }, numbers)
  end)

  it("doubles nothing when called for two networks", function()
    local core = fake.run 'allow_icmp { from = "10.0.0.1" } allow_icmp { from = "10.0.0.2" }'
    assert.equal(5, #fake.chain(core, 1, "INPUT"))
    assert.equal(4, #fake.chain(core, 1, "OUTPUT"))
  end)
end)

describe("allow_dhcp_client", function()
  it("asks in both families and takes DHCPv6's answer as new", function()
    local core = fake.run 'allow_dhcp_client { on = "eth0" }'
    local new = " -m conntrack --ctstate NEW -m comment --comment "
    assert.same({
      "1 OUTPUT -o eth0 -p udp -m udp --sport 68 --dport 67" .. new .. "DHCP -j ACCEPT",
      "2 OUTPUT -o eth0 -p udp -m udp --sport 546 --dport 547" .. new .. "DHCPv6 -j ACCEPT",
      "2 INPUT -s fe80::/10 -i eth0 -p udp -m udp --sport 547 --dport 546" .. new .. "DHCPv6 -j ACCEPT",
    }, fake.all(core))
    assert.equal(1, #fake.run('allow_dhcp_client { family = "ipv4" }').rules)
    assert.equal(2, #fake.run('allow_dhcp_client { family = "ipv6" }').rules)
    assert.equal(0, #fake.run('allow_dhcp_client { on = {} }').rules)
  end)
end)

describe("allow_router_advertisements", function()
  it("hears hosts and speaks to them, on its interfaces alone", function()
    local icmp = " -p ipv6-icmp -m icmp6 --icmpv6-type "
    assert.same({
      "2 INPUT -i lan0" .. icmp .. "133 -m hl --hl-eq 255 -j ACCEPT",
      "2 INPUT -s fe80::/10 -i lan0" .. icmp .. "131 -j ACCEPT",
      "2 INPUT -s fe80::/10 -i lan0" .. icmp .. "132 -j ACCEPT",
      "2 INPUT -s fe80::/10 -i lan0" .. icmp .. "143 -j ACCEPT",
      "2 OUTPUT -o lan0" .. icmp .. "134 -j ACCEPT",
      "2 OUTPUT -o lan0" .. icmp .. "137 -j ACCEPT",
      "2 OUTPUT -o lan0" .. icmp .. "130 -j ACCEPT",
    }, fake.all(fake.run 'allow_router_advertisements { on = "lan0" }'))
    assert.equal(0, #fake.run('allow_router_advertisements { on = {} }').rules)
    assert.matches("allow_router_advertisements: `on` is missing",
      fake.failure "allow_router_advertisements()", 1, true)
  end)
end)

describe("the catalogue", function()
  local catalogue = require "moongate.services"

  it("holds 60 services and more, each good in each direction", function()
    local count = 0
    for name, service in pairs(catalogue) do
      count = count + 1
      assert.matches("^[%l][%l%d_]*$", name)
      assert.is_truthy(service.text and #service.text < 40, name)
      assert.is_truthy(service.tcp or service.udp or service.sctp or service.protocols, name)
      for _, direction in ipairs { "inbound", "outbound", "forward" } do
        local core = fake.run(("allow_%s_%s()"):format(direction, name))
        assert.is_true(#core.rules > 0, name)
        assert.equal(("allow_%s_%s"):format(direction, name), core.rules[1].helper)
      end
    end
    assert.is_true(count >= 60, count)
  end)

  it("gives DNS over both protocols, commented", function()
    assert.same({
      "3 OUTPUT -p tcp -m tcp --dport 53 -m conntrack --ctstate NEW -m comment --comment DNS -j ACCEPT",
      "3 OUTPUT -p udp -m udp --dport 53 -m conntrack --ctstate NEW -m comment --comment DNS -j ACCEPT",
    }, fake.all(fake.run "allow_outbound_dns()"))
  end)

  it("takes a policy's own services", function()
    local core = fake.run [[
      service("minecraft", { tcp = 25565 })
      service("minecraft", { tcp = 25565 })
      service("voice", { udp = { 9987, "30000-30010" }, comment = "Voice" })
      allow_inbound_minecraft { from = "10.0.0.1" }
      drop_outbound("voice")
    ]]
    assert.same({
      "1 INPUT -s 10.0.0.1/32 -p tcp -m tcp --dport 25565 -m conntrack --ctstate NEW -m comment "
        .. "--comment minecraft -j ACCEPT",
      "3 OUTPUT -p udp -m multiport --dports 9987,30000:30010 -m comment --comment Voice -j DROP",
    }, fake.all(core))
  end)

  it("refuses clashing and empty definitions", function()
    fails('policy.lua:2: service("minecraft"): is already defined otherwise at policy.lua:1',
      'service("minecraft", { tcp = 25565 })\nservice("minecraft", { tcp = 25566 })')
    fails('service("ssh"): is already defined otherwise in the catalogue', 'service("ssh", { tcp = 2222 })')
    fails('service("x"): says no port and no protocol', 'service("x", {})')
    fails('service("x"): tcp: port 70000 is out of range', 'service("x", { tcp = 70000 })')
    fails('service("x"): unknown option `tpc`: did you mean `tcp`?', 'service("x", { tpc = 7 })')
    fails('service: "a b" is no service name', 'service("a b", { tcp = 1 })')
  end)

  it("takes source ports of the caller's", function()
    assert.same({ "3 INPUT -p udp -m udp --sport 123 --dport 123 -m conntrack --ctstate NEW -m comment "
      .. "--comment NTP -j ACCEPT" }, fake.all(fake.run 'allow_inbound_ntp { source_ports = 123 }'))
    fails("source_ports: service `dhcp` has its own", "allow_inbound_dhcp { source_ports = 1 }")
  end)
end)

describe("remote_server.lua", function()
  local file = assert(io.open("policies/hosts/remote_server.lua"))
  local text = file:read("a")
  file:close()

  it("opens ssh and 8443 to the office of each family, and nothing else", function()
    local core = fake.run(text)
    for family, office in ipairs { "10.137.0.0/24", "2001:db8:137::/48" } do
      local open = {}
      for _, rule in ipairs(fake.chain(core, family, "INPUT")) do
        if rule:find("-p tcp -m tcp", 1, true) then
          open[#open + 1] = rule
        end
      end
      assert.same({
        ("-s %s -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m comment --comment SSH -j ACCEPT"):format(office),
        ('-s %s -p tcp -m tcp --dport 8443 -m conntrack --ctstate NEW -m comment --comment "mineos webui" -j ACCEPT')
          :format(office),
      }, open)
      assert.equal("-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", fake.chain(core, family, "INPUT")[1])
    end
    assert.same({}, core.notes)
  end)

  it("allows DHCP where an address is leased only", function()
    local function dhcp(leased)
      local count = 0
      for _, rule in ipairs(fake.run(text, { interfaces = { { name = "eth7", leased = leased } } }).rules) do
        count = count + (rule.helper == "allow_dhcp_client" and 1 or 0)
      end
      return count
    end
    assert.equal(3, dhcp(true))
    assert.equal(0, dhcp(false))
  end)
end)
