-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Address lists as sets of the kernel: when, under which names, and in which words.
local fake_core = require "spec.unit.language.fake_core"

local accept = "1 INPUT -p tcp -m tcp --dport 1"

local function lines(count, from)
  local out = {}
  for i = 1, count do
    out[i] = ("10.%d.%d.0/25"):format((from or 0) + i // 200, i % 200)
  end
  return table.concat(out, "\n")
end

local function both(count)
  local out = { lines(count) }
  for i = 1, count do
    out[#out + 1] = ("2001:db8:%x::/48"):format(2 * i)
  end
  return table.concat(out, "\n")
end

local modules = {
  ["lists/drop.txt"] = both(150), ["other/drop.txt"] = lines(150, 50), ["few.txt"] = "192.0.2.1\n2001:db8::1",
  ["firehol level.1.netset"] = lines(120), ["hundred.txt"] = lines(100), ["more.txt"] = lines(101),
  ["a_list_with_a_long_name.txt"] = lines(150), ["a_list_with_a_long_name_too.txt"] = lines(140),
}

local function run(text)
  return fake_core.run(text, nil, modules)
end

local function names(core)
  local out = {}
  for i, set in ipairs(core.sets) do
    out[i] = set.name
  end
  return table.concat(out, " ")
end

local function rules(text)
  return fake_core.all(run(text))
end

-- A list of that many addresses, as a policy makes it.
local function listed(count)
  return ([[(function() local list = {} for i = 1, %d do list[i] = "10.0." .. i // 100 .. "." .. 2 * (i %% 100) end
    return list end)()]]):format(count)
end

describe("a list as a set", function()
  it("is one look-up in each family", function()
    assert.same({
      "1 INPUT -p tcp -m tcp --dport 22 -m set --match-set mg4-office src -m conntrack --ctstate NEW "
        .. "-m comment --comment SSH -j ACCEPT",
      "2 INPUT -p tcp -m tcp --dport 22 -m set --match-set mg6-office src -m conntrack --ctstate NEW "
        .. "-m comment --comment SSH -j ACCEPT",
    }, rules [[
      allow_inbound_ssh { from = addresses { "192.0.2.7", "198.51.100.0/24", "2001:db8::/32", as = "set",
        name = "office" } }]])
  end)

  it("is of the families that it has addresses of", function()
    local core = run [[allow_inbound { tcp = 1, from = addresses { "192.0.2.7", as = "set" } }]]
    assert.equal("mg4-list1", names(core))
    assert.equal("192.0.2.7/32", core.sets[1].members)
    assert.equal("allow_inbound", core.sets[1].helper)
    assert.equal(1, #core.rules)
  end)

  it("comes by itself with more than a hundred networks, and not before", function()
    assert.equal(100, #rules [[allow_inbound { tcp = 1, from = addresses_from_file "hundred.txt" }]])
    assert.same({ accept .. " -m set --match-set mg4-more src -m conntrack --ctstate NEW -j ACCEPT" },
      rules [[allow_inbound { tcp = 1, from = addresses_from_file "more.txt" }]])
    assert.equal(100, #rules("allow_inbound { tcp = 1, from = " .. listed(100) .. " }"))
    assert.equal("mg4-list1", names(run("allow_inbound { tcp = 1, from = " .. listed(101) .. " }")))
  end)

  it("never comes where the policy wants rules", function()
    assert.equal(101, #rules("allow_inbound { tcp = 1, from = addresses { " .. listed(101) .. ", as = 'rules' } }"))
    assert.equal(101, #rules [[allow_inbound { tcp = 1, from = addresses { addresses_from_file "more.txt",
      as = "rules" } }]])
    assert.equal(101, #rules [[allow_inbound { tcp = 1, from = addresses_from_file { "more.txt", as = "rules" } }]])
  end)

  it("has what a file has without Lua's knowing it", function()
    local core = run [[block { addresses_from_file "lists/drop.txt" }]]
    assert.equal("mg4-drop mg6-drop", names(core))
    assert.equal(0, core.listed_files)
    assert.equal("1 INPUT -m set --match-set mg4-drop src -j DROP", fake_core.all(core)[1])
    assert.equal(8, #core.rules)
  end)

  it("can be looked at all the same", function()
    local core = run [[
      local list = addresses_from_file "more.txt"
      local first
      for _, text in ipairs(list) do first = first or text end
      allow_inbound { tcp = #list, from = { first } }
      allow_inbound { tcp = 5, from = list }
    ]]
    assert.equal("1 INPUT -s 10.0.1.0/25 -p tcp -m tcp --dport 101 -m conntrack --ctstate NEW -j ACCEPT",
      fake_core.all(core)[1])
    assert.equal("mg4-more", names(core))
  end)

  it("is looked into as a destination, and on both sides", function()
    assert.same({
      "1 OUTPUT -p udp -m udp --dport 53 -m set --match-set mg4-few dst -m conntrack --ctstate NEW -j ACCEPT",
      "2 OUTPUT -p udp -m udp --dport 53 -m set --match-set mg6-few dst -m conntrack --ctstate NEW -j ACCEPT",
    }, rules [[allow_outbound { udp = 53, to = addresses_from_file { "few.txt", as = "set" } }]])
    assert.same({
      "1 FORWARD -p tcp -m tcp --dport 1 -m set --match-set mg4-list1 src -m set --match-set mg4-few dst "
        .. "-m conntrack --ctstate NEW -j ACCEPT",
    }, rules [[allow_forward { tcp = 1, from = addresses { "192.0.2.9", as = "set" },
      to = addresses_from_file { "few.txt", as = "set" } }]])
  end)

  it("is one excluded look-up in except", function()
    assert.same({
      "1 INPUT -p tcp -m tcp --dport 1 -m set ! --match-set mg4-drop src -m conntrack --ctstate NEW -j ACCEPT",
      "2 INPUT -p tcp -m tcp --dport 1 -m set ! --match-set mg6-drop src -m conntrack --ctstate NEW -j ACCEPT",
    }, rules [[allow_inbound { tcp = 1, from = except(addresses_from_file "lists/drop.txt") }]])
    local core = run("allow_inbound { tcp = 1, from = except(" .. listed(150) .. ") }")
    assert.equal(accept .. " -m set ! --match-set mg4-list1 src -m conntrack --ctstate NEW -j ACCEPT",
      fake_core.all(core)[1])
  end)

  it("returns from a chain where it is excluded from something", function()
    local found = rules [[drop_inbound { tcp = 1, from = { "10.0.0.0/8", except(addresses_from_file "more.txt") } }]]
    assert.matches("^1 EXCEPT_%x+ %-m set %-%-match%-set mg4%-more src %-j RETURN$", found[1])
    assert.matches("^1 EXCEPT_%x+ %-j DROP$", found[2])
    assert.matches("^1 INPUT %-s 10.0.0.0/8 %-p tcp %-m tcp %-%-dport 1 %-j EXCEPT_%x+$", found[3])
  end)

  it("needs no chain to be limited, since it is one rule", function()
    assert.same({
      "1 INPUT -p tcp -m tcp --dport 1 -m set --match-set mg4-more src -m conntrack --ctstate NEW "
        .. "-m limit --limit 5/min -j ACCEPT",
    }, rules [[allow_inbound { tcp = 1, from = addresses_from_file "more.txt", limit = "5/minute" }]])
  end)

  it("stands in zones, whole", function()
    local zone = [[local lan = zone { interfaces = "lan0", networks = addresses_from_file "more.txt" } ]]
    assert.same({ "1 INPUT -i lan0 -p tcp -m tcp --dport 1 -m set --match-set mg4-more src -m conntrack --ctstate NEW "
      .. "-j ACCEPT" }, rules(zone .. "allow_inbound { tcp = 1, from = lan }"))
    local found = rules(zone .. "drop_inbound { tcp = 1, from = except(lan) }")
    assert.matches("^1 EXCEPT_%x+ %-m set %-%-match%-set mg4%-more src %-i lan0 %-j RETURN$", found[1])
    assert.same({ accept .. " -m set --match-set mg4-more src -m conntrack --ctstate NEW -j ACCEPT" },
      rules [[allow_inbound { tcp = 1, from = zone { networks = addresses_from_file "more.txt" } }]])
  end)

  it("stands in nat, in drop_spoofed and in append", function()
    assert.same({
      "1 nat POSTROUTING -o wan0 -m set --match-set mg4-more src -m set ! --match-set mg4-more dst -j MASQUERADE",
    },
      fake_core.rules_with_tables([[
        local list = addresses_from_file "more.txt"
        masquerade { out = "wan0", from = list, to = except(list) }]], nil, modules))
    local found = rules [[drop_spoofed { on = except { "lan0", "lan1" }, networks = addresses_from_file "more.txt" }]]
    assert.equal("1 " .. found[1]:match("SPOOFED_%x+") .. " -m set --match-set mg4-more src -j DROP", found[4])
    assert.same({
      "1 INPUT -m set --match-set mg4-drop src -p tcp -j DROP",
      "2 INPUT -m set --match-set mg6-drop src -p tcp -j DROP",
      "1 INPUT -m set ! --match-set mg4-drop dst -j DROP",
    }, rules [[
      local list = addresses_from_file "lists/drop.txt"
      chain("filter", "INPUT"):append { source = list, protocol = "tcp", jump = "DROP" }
      chain("filter", "INPUT", { family = "ipv4" }):append { destination = except(list), jump = "DROP" }]])
    assert.equal("mg4-drop", names(run [[
      chain("filter", "INPUT", { family = "ipv4" }):append { source = addresses_from_file "lists/drop.txt" }]]))
  end)

  it("is folded, with all of a family as well", function()
    assert.equal("0.0.0.0/0", run [[
      allow_inbound { tcp = 1, from = addresses { "0.0.0.0/0", as = "set" } }]].sets[1].members)
    assert.equal(1, #run [[
      local a = addresses { "192.0.2.1", "192.0.2.1", as = "set" }
      allow_inbound { tcp = 1, from = a } allow_inbound { tcp = 2, from = a }]].sets)
  end)

  it("says where an empty one is that there is no rule", function()
    local core = run [[allow_inbound { tcp = 1, from = addresses { as = "set", name = "none" } }]]
    assert.same({}, core.rules)
    assert.same({}, core.sets)
    assert.matches("from is an empty list, so there is no rule", core.notes[1], 1, true)
  end)

  it("is the same one for the same members, however often they are listed", function()
    local core = run("for port = 1, 3 do allow_inbound { tcp = port, from = " .. listed(150) .. " } end")
    assert.equal("mg4-list1", names(core))
    assert.equal(3, #core.rules)
    assert.equal("mg4-list1 mg4-list2", names(run("allow_inbound { tcp = 1, from = " .. listed(150)
      .. " } allow_inbound { tcp = 1, from = " .. listed(151) .. " }")))
  end)

  it("joins others, as one", function()
    local core = run [[
      local office = addresses { "192.0.2.1", as = "set", name = "office" }
      allow_inbound { tcp = 1, from = { office, "192.0.2.9" } }
      allow_inbound { tcp = 2, from = office }]]
    assert.equal("mg4-list1 mg4-office", names(core))
    assert.equal("192.0.2.1/32 192.0.2.9/32", core.sets[1].members)
  end)

  it("keeps its name beside what is excluded from it, and not beside more", function()
    assert.equal("mg4-b mg4-a", names(run [[
      local a, b = addresses { "192.0.2.1", as = "set", name = "a" }, addresses { "192.0.2.2", as = "set", name = "b" }
      allow_inbound { tcp = 1, from = { a, except(b) } }]]))
    assert.equal("mg4-list1", names(run [[
      local a = addresses { "192.0.2.1", as = "set", name = "a" }
      allow_inbound { tcp = 1, from = { "192.0.2.3", a } }]]))
    assert.equal("mg4-list1", names(run [[
      local a, b = addresses { "192.0.2.1", as = "set", name = "a" }, addresses { "192.0.2.2", as = "set", name = "b" }
      allow_inbound { tcp = 1, from = { a, b } }]]))
  end)

  it("is called after its file, safely, and otherwise if that is taken", function()
    assert.equal("mg4-drop mg6-drop mg4-drop-2", names(run [[
      allow_inbound { tcp = 1, from = addresses_from_file "lists/drop.txt" }
      allow_inbound { tcp = 1, from = addresses_from_file "other/drop.txt" }
      allow_inbound { tcp = 2, from = addresses_from_file "other/drop.txt" }]]))
    assert.equal("mg4-firehol_level_1", names(run [[
      allow_inbound { tcp = 1, from = addresses_from_file "firehol level.1.netset" }]]))
    local first, second = names(run [[
      allow_inbound { tcp = 1, from = addresses_from_file "a_list_with_a_long_name.txt" }
      allow_inbound { tcp = 1, from = addresses_from_file "a_list_with_a_long_name_too.txt" }]]):match("^(%S+) (%S+)$")
    assert.matches("^mg4%-a_list_with%-%x%x%x%x$", first)
    assert.matches("^mg4%-a_list_with%-%x%x%x%x$", second)
    assert.not_equal(first, second)
    assert.equal("mg4-bad", names(run [[
      allow_inbound { tcp = 1, from = addresses_from_file { path = "more.txt", name = "bad" } }]]))
    assert.equal("mg4-bad", names(run [[
      allow_inbound { tcp = 1, from = addresses { addresses_from_file "more.txt", name = "bad" } }]]))
  end)
end)

describe("what addresses refuses", function()
  it("is a value of as that it does not know", function()
    fake_core.fails('policy.lua:1: addresses: as: "sett" is neither "set" nor "rules": did you mean `set`?',
      [[addresses { "192.0.2.1", as = "sett" }]])
    fake_core.fails("addresses: as: a string is needed, not true", [[addresses { "192.0.2.1", as = true }]])
    fake_core.fails('addresses_from_file: as: "rule" is neither',
      [[addresses_from_file { "blocklist.txt", as = "rule" }]])
    fake_core.fails("addresses: unknown option `nmae`: did you mean `name`?",
      [[addresses { "192.0.2.1", as = "set", nmae = "x" }]])
    fake_core.fails("addresses: unknown option `nmae`: did you mean `name`?",
      [[addresses { "192.0.2.1", "192.0.2.9", nmae = "x" }]])
    fake_core.fails('from: a list is needed here, but it has the key "as": write addresses { ..., as = "set" }',
      [[allow_inbound { tcp = 1, from = { "192.0.2.1", as = "set" } }]])
  end)

  it("is a name that the kernel could not have", function()
    for _, name in ipairs { "", "off ice", "-x", "a.b", "x\ny", ("x"):rep(61), "é" } do
      fake_core.fails("addresses: name: ", ("addresses { as = 'set', name = %q }"):format(name))
    end
  end)

  it("is a second list of the same name", function()
    fake_core.fails("set mg4-office has other members", [[
      allow_inbound { tcp = 1, from = addresses { "192.0.2.1", as = "set", name = "office" } }
      allow_inbound { tcp = 1, from = addresses { "192.0.2.2", as = "set", name = "office" } }]])
  end)
end)

describe("set", function()
  it("stands wherever addresses may", function()
    assert.same({
      "1 INPUT -m set --match-set crowdsec src -j DROP", "2 INPUT -m set --match-set crowdsec src -j DROP",
    }, { table.unpack(rules [[block { set "crowdsec" }]], 1, 2) })
    assert.same({
      "1 INPUT -p tcp -m tcp --dport 1 -m set --match-set admins src -m conntrack --ctstate NEW -j ACCEPT",
      "1 INPUT -s 192.0.2.9/32 -p tcp -m tcp --dport 1 -m conntrack --ctstate NEW -j ACCEPT",
    }, rules [[allow_inbound { tcp = 1, from = { set { "admins", family = "ipv4" }, "192.0.2.9" } }]])
    assert.same({
      "1 INPUT -p tcp -m tcp --dport 1 -m set --match-set only4 src -m conntrack --ctstate NEW -j ACCEPT",
      "2 INPUT -p tcp -m tcp --dport 1 -m set --match-set only6 src -m conntrack --ctstate NEW -j ACCEPT",
    }, rules [[allow_inbound { tcp = 1, from = { set "only4", set "only6" } }]])
    assert.same({ "1 FORWARD -o lan0 -j DROP", "2 FORWARD -o lan0 -m set ! --match-set x dst -j DROP" },
      rules [[drop_forward { protocol = "all", out = "lan0", to = except(set { name = "x", family = "ipv6" }) }]])
    assert.same({
      "1 INPUT -i lan0 -p tcp -m tcp --dport 1 -m set --match-set x src -m conntrack --ctstate NEW -j ACCEPT",
      "2 INPUT -i lan0 -p tcp -m tcp --dport 1 -m set --match-set x src -m conntrack --ctstate NEW -j ACCEPT" },
      rules [[allow_inbound { tcp = 1, from = zone { interfaces = "lan0", networks = set "x" } }]])
    assert.same({ "1 INPUT -m set --match-set x src -j DROP", "2 INPUT -m set --match-set x src -j DROP" },
      rules [[chain("filter", "INPUT"):append { source = set "x", jump = "DROP" }]])
  end)

  it("keeps what it stands beside", function()
    local found = rules [[drop_inbound { tcp = 1, from = { set "x", except { "192.0.2.1", set "y" } } }]]
    assert.matches("^1 EXCEPT_%x+ %-s 192.0.2.1/32 %-j RETURN$", found[1])
    assert.matches("^1 EXCEPT_%x+ %-m set %-%-match%-set y src %-j RETURN$", found[2])
    local core = run("allow_inbound { tcp = 1, from = { set 'x', " .. listed(150) .. " } }")
    assert.equal("mg4-list1", names(core))
    assert.equal(3, #core.rules) -- the list, and x in both families
  end)

  it("is looked up with flags of its own", function()
    assert.same({ "1 INPUT -p tcp -m tcp --dport 1 -m set --match-set x src,dst -m conntrack --ctstate NEW -j ACCEPT" },
      rules [[allow_inbound { tcp = 1, from = set { "x", flags = "src,dst", family = "ipv4" } }]])
    fake_core.fails('set "x" is looked up with flags "src,dst", and here it is the destination address that counts',
      [[allow_outbound { tcp = 1, to = set { "x", flags = "src,dst" } }]])
    for _, flags in ipairs { "", "source", "src, dst", "src,src,src,src,src,src,src", "src," } do
      fake_core.fails("set: flags: ", ("set { 'x', flags = %q }"):format(flags))
    end
  end)

  it("refuses what is no name of somebody else's set", function()
    for _, name in ipairs { "", "-x", "!x", "a b", "a\nb", 'a"b', ("x"):rep(32) } do
      fake_core.fails("set: name: ", ("set(%q)"):format(name))
    end
    fake_core.fails('set: name: "mg4-office" is a set of Moongate\'s own', [[set "mg4-office"]])
    fake_core.fails("set: unknown option `famly`: did you mean `family`?", [[set { "x", famly = "ipv4" }]])
    fake_core.fails('set: family: "inet" is no family', [[set { "x", family = "inet" }]])
    fake_core.fails("is somebody else's: its members are not the policy's to change", [[set("x").y = 1]])
    fake_core.fails("no packet can match", [[
      allow_inbound { tcp = 1, from = set { "x", family = "ipv6" }, to = "192.0.2.1" }]])
  end)

  it("stands not where it counts what a list holds", function()
    fake_core.fails('what set "x" and other networks have in common is not known here',
      [[local lan = zone { interfaces = "lan0", networks = set "x" }
      local other = zone { interfaces = "lan0", networks = "10.0.0.0/8" }
      allow_inbound { tcp = 1, from = lan, on = other }]])
    fake_core.fails('allow_inbound_ssh: on: set "x" has no place here: it stands where addresses do',
      [[allow_inbound_ssh { on = set "x" }]])
    fake_core.fails('allow_inbound: tcp: set "x" has no place here', [[allow_inbound { tcp = set "x" }]])
    fake_core.fails("drop_spoofed: networks: set \"x\" is somebody else's",
      [[drop_spoofed { on = "lan0", networks = set "x" }]])
    fake_core.fails("forward_port: address: set \"x\" is somebody else's",
      [[forward_port { tcp = 1, to = "10.0.0.1", on = "wan0", address = set "x" }]])
  end)
end)
