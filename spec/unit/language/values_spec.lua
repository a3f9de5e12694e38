-- SPDX-License-Identifier: GPL-2.0-or-later
-- Addresses, interfaces and ports, with except().
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"
local fails, rules = fake.fails, fake.rules

describe("addresses", function()
  it("are a value to keep, count and go through", function()
    fake.run [[
      local office = addresses { "10.0.0.0/24", { "2001:db8::/32" }, "10.0.0.0/255.255.255.0" }
      assert(#office == 3 and office[1] == "10.0.0.0/24" and office[2] == "2001:db8::/32")
      local seen = {}
      for i, text in ipairs(office) do seen[i] = text end
      for i, text in pairs(office) do assert(seen[i] == text) end
      assert(#seen == 3)
      assert(not pcall(function() office[1] = "0.0.0.0/0" end))
      assert(tostring(office) == "addresses { 10.0.0.0/24, 2001:db8::/32, 10.0.0.0/24 }")
    ]]
  end)

  it("nest, and keep each address once", function()
    assert.same({ "1 INPUT -s 10.0.0.1/32 -j DROP", "1 INPUT -s 10.0.0.2/32 -j DROP",
      "2 INPUT -s 2001:db8::1/128 -j DROP" }, rules [[
      local a = addresses { "10.0.0.1" }
      drop_inbound { from = { a, { "10.0.0.2", addresses { a, "2001:db8::1" } } } }
    ]])
  end)

  it("name the place of a mistake", function()
    fails('policy.lua:2: allow_inbound: from[2]: "10.0.0.300" is not an IPv4 or IPv6 address or network',
      '\nallow_inbound { tcp = 1, from = { "10.0.0.1", "10.0.0.300" } }')
    fails('addresses: [1][2]: an address as a string is needed, not 7', 'addresses { { "10.0.0.1", 7 } }')
    fails('drop_inbound: to: "10.0.0.0/33" is not', 'drop_inbound { to = "10.0.0.0/33" }')
    fails("from[1]: nil in a list", 'local x drop_inbound { from = { x, "10.0.0.1" } }')
    fails('from: a list is needed here, but it has the key "net"', 'drop_inbound { from = { net = "10.0.0.1" } }')
  end)

  it("come from the host's facts, too, and are never too deep", function()
    assert.same({ "1 INPUT -d 192.0.2.0/24 -j DROP", "1 INPUT -d 127.0.0.0/8 -j DROP" },
      rules 'drop_inbound { to = host.addresses }')
    fails('on: a list is needed here, but it has the key "addresses"', 'drop_inbound { on = host.interfaces[1] }')
    fails("nested more than 50 deep", 'local t = {} t[1] = t drop_inbound { from = t }')
    assert.same({ "3 INPUT -p tcp -j DROP" }, rules 'drop_inbound { tcp = except {} }')
  end)

  it("are no host names, ranges or words", function()
    fails('from: "office.example.org" is a host name: names are not looked up here, since DNS at boot is a trap',
      'drop_inbound { from = "office.example.org" }')
    fails('"localhost" is a host name', 'drop_inbound { from = "localhost" }')
    fails('"any" is not an address: leave the option out', 'drop_inbound { from = "any" }')
    fails('is a range: write it as networks', 'drop_inbound { from = "10.0.0.1-10.0.0.9" }')
    fails('write except(...) to negate', 'drop_inbound { from = "! 10.0.0.1" }')
    fails('an empty string is not an address', 'drop_inbound { from = "" }')
  end)

  it("are noted when they have bits beyond the prefix, each time", function()
    local core = fake.run 'for _ = 1, 2 do drop_inbound { from = "10.0.0.5/24" } end'
    assert.same({
      'warning: drop_inbound: from: "10.0.0.5/24" has bits set beyond its prefix -> write "10.0.0.0/24"',
      'warning: drop_inbound: from: "10.0.0.5/24" has bits set beyond its prefix -> write "10.0.0.0/24"',
    }, core.notes)
    assert.equal("-s 10.0.0.0/24 -j DROP", core.rules[1].text)
  end)
end)

describe("except", function()
  it("negates one address, and leaves the other family whole", function()
    assert.same({ "1 INPUT ! -s 10.0.0.0/8 -j DROP", "2 INPUT -j DROP" },
      rules 'drop_inbound { from = except "10.0.0.0/8" }')
  end)

  it("excludes nothing if empty", function()
    assert.same({ "1 INPUT -j DROP", "2 INPUT -j DROP" }, rules 'drop_inbound { from = except {} }')
  end)

  it("becomes a shared chain where one rule cannot say it", function()
    local core = fake.run [[
      local friends = addresses { "10.0.0.1", "10.0.0.2", "2001:db8::1" }
      drop_inbound { from = except(friends), tcp = 80 }
      drop_inbound { from = except(friends), tcp = 81 }
    ]]
    assert.equal(1, #core.chains)
    local name = core.chains[1].name
    assert.matches("^EXCEPT_%x+$", name)
    assert.same({ "-s 10.0.0.1/32 -j RETURN", "-s 10.0.0.2/32 -j RETURN", "-j DROP" }, fake.chain(core, 1, name))
    assert.same({ "-p tcp -m tcp --dport 80 -j " .. name, "-p tcp -m tcp --dport 81 -j " .. name },
      fake.chain(core, 1, "INPUT"))
    assert.same({ "! -s 2001:db8::1/128 -p tcp -m tcp --dport 80 -j DROP",
      "! -s 2001:db8::1/128 -p tcp -m tcp --dport 81 -j DROP" }, fake.chain(core, 2, "INPUT"))
  end)

  it("shares no chain between a rule that says an exception itself and one that cannot", function()
    local core = fake.run [[
      local two = except { "192.0.2.1", "192.0.2.2" }
      drop_forward { from = except "10.1.0.0/16", to = two }
      drop_forward { from = { "10.0.0.0/8", except "10.1.0.0/16" }, to = two }
    ]]
    local first, second = table.unpack(fake.chain(core, 1, "FORWARD"))
    assert.matches("^! %-s 10.1.0.0/16 %-j EXCEPT_", first)
    assert.matches("^%-s 10.0.0.0/8 %-j EXCEPT_", second)
    assert.same({ "-d 192.0.2.1/32 -j RETURN", "-d 192.0.2.2/32 -j RETURN", "-j DROP" },
      fake.chain(core, 1, first:match("EXCEPT_%x+")))
    assert.same({ "-s 10.1.0.0/16 -j RETURN", "-d 192.0.2.1/32 -j RETURN", "-d 192.0.2.2/32 -j RETURN", "-j DROP" },
      fake.chain(core, 1, second:match("EXCEPT_%x+")))
  end)

  it("narrows a list that it stands in", function()
    local core = fake.run 'reject_inbound { from = { "10.0.0.0/8", except "10.1.0.0/16" }, tcp = 80 }'
    local name = core.chains[1].name
    assert.same({ "-s 10.0.0.0/8 -p tcp -m tcp --dport 80 -j " .. name }, fake.chain(core, 1, "INPUT"))
    assert.same({ "-s 10.1.0.0/16 -j RETURN", "-p tcp -j REJECT --reject-with tcp-reset" }, fake.chain(core, 1, name))
    assert.same({}, fake.chain(core, 2, "INPUT"))
  end)

  it("takes interfaces and ports", function()
    assert.same({ "3 INPUT ! -i eth0 -p tcp -m tcp ! --dport 22 -j DROP" },
      rules 'drop_inbound { on = except "eth0", tcp = except(22) }')
    assert.same({ "3 INPUT -p tcp -m multiport ! --dports 22,80 -j DROP" },
      rules 'drop_inbound { tcp = except { 22, 80 } }')
    local core = fake.run 'drop_inbound { on = except { "eth0", "eth1" } }'
    local name = core.chains[1].name
    for family = 1, 2 do
      assert.same({ "-j " .. name }, fake.chain(core, family, "INPUT"))
      assert.same({ "-i eth0 -j RETURN", "-i eth1 -j RETURN", "-j DROP" }, fake.chain(core, family, name))
    end
  end)

  it("is refused where it says nothing", function()
    fails("an exception of an exception", 'drop_inbound { from = except(except "10.0.0.1") }')
    fails("nil given", 'local x drop_inbound { from = except(x) }')
    fails("except: takes one value", 'except("10.0.0.1", "10.0.0.2")')
    fails("except takes no list that has exceptions itself",
      'except_all = except(addresses { "10.0.0.0/8", except "10.0.0.1" }) drop_inbound { from = except_all }')
  end)
end)

describe("interfaces", function()
  it("are checked", function()
    fails('on[2]: "averyverylongname" is no interface name: longer',
      'drop_inbound { on = { "a", "averyverylongname" } }')
    fails('on: "eth*": the wildcard is "+"', 'drop_inbound { on = "eth*" }')
    fails('on: "-j" is no interface name', 'drop_inbound { on = "-j" }')
    assert.same({ "3 INPUT -i wg+ -j DROP" }, rules 'drop_inbound { on = "wg+" }')
  end)
end)

describe("ports", function()
  local function match(text)
    return (rules("drop_inbound { " .. text .. " }")[1]:gsub("^3 INPUT ", ""):gsub(" %-j DROP$", ""))
  end

  it("are numbers, ranges, names and lists", function()
    assert.equal("-p tcp -m tcp --dport 22", match 'tcp = "22"')
    assert.equal("-p tcp -m tcp --dport 22", match 'tcp = "ssh"')
    assert.equal("-p tcp -m tcp --dport 8000:8010", match 'tcp = "8000-8010"')
    assert.equal("-p udp -m udp --dport 8000:8010", match 'udp = "8000:8010"')
    assert.equal("-p tcp -m multiport --dports 80,443,8000:8010", match 'tcp = { 80, { "https", 80 }, "8000-8010" }')
    assert.equal("-p tcp -m tcp --dport 25 -m multiport --sports 1,2", match 'tcp = 25, source_ports = { 1, 2 }')
    assert.equal("-p sctp -m sctp --dport 3868", match 'sctp = 3868')
  end)

  it("are split over several rules, 15 each, ranges counting two", function()
    local core = fake.run [[
      local list = {}
      for i = 1, 14 do list[i] = i end
      list[15] = "100-200"
      list[16] = 300
      drop_inbound { tcp = list, udp = 9 }
    ]]
    assert.same({
      "3 INPUT -p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14 -j DROP",
      "3 INPUT -p tcp -m multiport --dports 100:200,300 -j DROP",
      "3 INPUT -p udp -m udp --dport 9 -j DROP",
    }, fake.all(core))
  end)

  it("are checked", function()
    fails("policy.lua:1: allow_inbound: tcp: port 70000 is out of range (1 to 65535)", "allow_inbound { tcp = 70000 }")
    fails("tcp[2]: port 0 is out of range", "allow_inbound { tcp = { 1, 0 } }")
    fails("udp: port -1 is out of range", "allow_inbound { udp = -1 }")
    fails("tcp: port 22.5 is not a whole number", "allow_inbound { tcp = 22.5 }")
    fails('tcp: range "9-8" ends before it begins', 'allow_inbound { tcp = "9-8" }')
    fails('tcp: unknown service "shh": did you mean `ssh`?', 'allow_inbound { tcp = "shh" }')
    fails('tcp: service `ntp` has no tcp port', 'allow_inbound { tcp = "ntp" }')
    fails('tcp: "22 -j ACCEPT" is no port', 'allow_inbound { tcp = "22 -j ACCEPT" }')
  end)
end)
