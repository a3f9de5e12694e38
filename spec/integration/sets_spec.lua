-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Lists of a policy as sets: what a plan tells of them, what a generation keeps
-- of them, and how they get to a host without Moongate.

local documents = require "spec.support.documents"
local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local base = "default_deny() allow_established() allow_loopback() allow_icmp()\n"

-- A list of addresses, one on each line.
local function lines(first, last)
  local out = {}
  for i = first, last do
    out[#out + 1] = ("198.18.%d.%d\n"):format(i // 100, 2 * (i % 100))
  end
  return table.concat(out)
end

describe("a list that is a set #integration", function()
  local lab, program

  before_each(function()
    lab = network.lab()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  local function policy(text, name)
    return program:policy(base .. text, name)
  end

  local function write_list(text)
    run.write_file(lab.dir .. "/drop.txt", text)
    run.must { "chmod", "644", lab.dir .. "/drop.txt" }
  end

  -- The plan from its first set on to its first chain, without the places.
  local function told_of_sets(...)
    local out = program:must("plan", ...).out
    return out:match("^(set .-\n)\n%l+  [%u_]+ ") or out:match("^(set .-\n)\n%d")
  end

  it("is told with the members that come and go", function()
    write_list(lines(1, 150) .. "2001:db8::/32\n")
    local path = policy 'block { addresses_from_file "drop.txt" }'
    assert.matches("^set mg4%-drop  hash:ip   new, 150 members%s+block%s+policy%.lua:2\n  %+ 198%.18%.0%.2\n"
      .. ("  %+ [%d.]+\n"):rep(9) .. "  %+ and 140 more\n$", told_of_sets(path))
    local last = program:must("plan", path).out:match("[^\n]*\n$")
    assert.matches("1 set to create, 150 members to add, 0 to remove, ", last, 1, true)
    program:apply(path)

    write_list(lines(2, 151):gsub("198%.18%.1%.0\n", "203.0.113.0/24\n") .. "2001:db8::/32\n")
    assert.equal("set mg4-drop  hash:ip → hash:net   150 members", told_of_sets(path):match("^[^\n]-members"))
    assert.matches("\n  ~ another type: the tables that look into it are written, counters kept\n", told_of_sets(path),
      1, true)
    assert.matches("\n  + 198.18.1.102\n  + 203.0.113.0/24\n  - 198.18.0.2\n  - 198.18.1.0\n", told_of_sets(path), 1,
      true)
    program:apply(path)
    assert.matches("^Nothing to do", program:must("plan", path).out)
    assert.matches("^set mg4%-drop  hash:net   150 members, now mg4%-drop%.2", told_of_sets(path, "-v"))

    assert.matches("^set mg4%-drop  hash:net   to be removed\n  %- 198", told_of_sets(policy("", "none.lua")))
    assert.matches("1 set to delete, 0 members to add, 150 to remove, ",
      program:must("plan", policy("", "none.lua")).out, 1, true)
    program:apply(policy("", "none.lua"))
    assert.equal("", lab.server:must { "ipset", "list", "-n" })
  end)

  it("is told whole with -v", function()
    write_list(lines(1, 130))
    local path = policy 'block { addresses_from_file "drop.txt" }'
    local _, count = told_of_sets(path, "-v"):gsub("\n  %+ 198", "")
    assert.equal(130, count)
  end)

  it("is told as JSON, which keeps to its schema", function()
    local seen = documents.new(program)
    write_list(lines(1, 120))
    local path = policy 'block { addresses_from_file "drop.txt" }'
    local document = seen:run("plan", path)
    assert.equal(1, #document.sets)
    local set = document.sets[1]
    assert.same({ "mg4-drop", "ipv4", "hash:ip", true, false, 120, 120, 0 },
      { set.name, set.family, set.type, set.created, set.removed, set.members, set.members_added, set.members_removed })
    assert.equal(10, #set.added)
    assert.equal("198.18.0.2", set.added[1])
    assert.same({ file = "policy.lua", line = 2, helper = "block" }, set.origin)
    assert.equal(120, document.summary.members_added)
    assert.equal(120, #seen:run("plan", path, "-v").sets[1].added)
    assert.are_not.equal("string", type(set.live)) -- null
    program:apply(path)
    assert.same({}, seen:run("plan", path).sets)
    set = seen:run("plan", path, "-v").sets[1]
    assert.same({ "mg4-drop", "hash:ip", false }, { set.live, set.live_type, set.changed })
    document = seen:run("plan", policy("", "none.lua"))
    assert.truthy(document.sets[1].removed)
    assert.equal(10, #document.sets[1].gone)
    assert.equal(1, document.summary.sets_removed)
    assert.equal("", (seen:judge()))
  end)

  it("is kept by its generation as text that ipset restore loads", function()
    program:apply(policy [[
      allow_inbound_ssh { from = addresses { "192.0.2.7", "198.51.100.0/24", "2001:db8::7", as = "set",
        name = "office" } }]])
    local before = lab.server:must { "ipset", "list", "-sorted" }
    local folder = program.state_dir .. "/generations/1"
    assert.equal("#@ policy.lua:2 allow_inbound_ssh\n"
      .. "create mg4-office hash:net family inet hashsize 1024 maxelem 65536\n"
      .. "add mg4-office 192.0.2.7\nadd mg4-office 198.51.100.0/24\n", run.read_file(folder .. "/sets.v4"))
    program:apply(policy("", "none.lua"))
    lab.server:must { "sh", "-c", ("cat %s/sets.v4 %s/sets.v6 | ipset restore"):format(folder, folder) }
    local function without_seed(text)
      return (text:gsub("initval %S+", ""):gsub("References: %d+", ""))
    end
    assert.equal(without_seed(before), without_seed(lab.server:must { "ipset", "list", "-sorted" }))
  end)

  it("is missed where its generation is damaged", function()
    program:apply(policy 'block { addresses { "192.0.2.7", as = "set" } }')
    local file = program.state_dir .. "/generations/1/sets.v4"
    run.write_file(file, (run.read_file(file):gsub("192.0.2.7", "192.0.2.8")))
    local result = program:run("status")
    assert.matches("sets.v4", result.out .. result.err, 1, true)
    assert.matches("its checksum is not the one in meta.json", result.out .. result.err, 1, true)
  end)

  it("gets to a host without Moongate", function()
    write_list(lines(1, 150) .. "2001:db8::/32\n2001:db9::1\n")
    local path = policy [[
      block { addresses_from_file { "drop.txt", as = "set" } }
      drop_inbound { tcp = 25, from = except(addresses { "192.0.2.0/24", "2001:db8:1::/48", as = "set" }) }]]
    local sets, rules = lab.dir .. "/sets", {}
    run.write_file(sets, program:must("export", path, "--sets").out)
    assert.equal(program:must("export", path, "--sets").out,
      program:must("export", path, "--sets", "-4").out .. program:must("export", path, "--sets", "-6").out)
    for family, flag in pairs { ipv4 = "-4", ipv6 = "-6" } do
      rules[family] = lab.dir .. "/" .. family
      local text = program:must("export", path, flag).out
      assert.matches("\n# sets that have to be there first, for `ipset restore' from `moongate export --sets':\n"
        .. "#   mg" .. flag:sub(2) .. "-drop\n", text, 1, true)
      run.write_file(rules[family], text)
    end
    program:apply(path)
    local wanted = { tables.both(lab.server), lab.server:must { "ipset", "save", "-sorted" } }
    program:apply(policy("", "none.lua"))
    lab.server:must { "iptables-legacy", "-F" }
    lab.server:must { "ip6tables-legacy", "-F" }
    lab.server:must { "sh", "-c", "ipset restore <" .. sets }
    lab.server:must { "sh", "-c", "iptables-legacy-restore <" .. rules.ipv4 }
    lab.server:must { "sh", "-c", "ip6tables-legacy-restore <" .. rules.ipv6 }
    local function comparable(text)
      return (text:gsub("initval %S+", ""):gsub("#[^\n]*\n", ""):gsub("%[%d+:%d+%]", ""))
    end
    assert.equal(comparable(wanted[1]), comparable(tables.both(lab.server)))
    assert.equal(comparable(wanted[2]), comparable(lab.server:must { "ipset", "save", "-sorted" }))
    assert.matches("^Nothing to do", program:must("plan", path).out)
  end)

  it("is made anew where somebody has given it options, which is told", function()
    local path = policy 'block { addresses { "192.0.2.7", as = "set", name = "few" } }'
    lab.server:must { "ipset", "create", "mg4-few", "hash:ip", "timeout", "0" }
    lab.server:must { "ipset", "add", "mg4-few", "192.0.2.7" }
    assert.matches("^set mg4%-few  hash:ip   1 member%s+block%s+policy%.lua:2\n  ~ made anew, with the same members\n",
      told_of_sets(path))
    program:apply(path)
    assert.matches("^Nothing to do", program:must("plan", path).out)
  end)

  it("is called what the kernel calls it where live rules are written down", function()
    local text = 'allow_inbound_ssh { from = addresses { %s, as = "set", name = "office" } }'
    program:apply(policy(text:format '"192.0.2.7", "2001:db8::7"'))
    program:apply(policy(text:format '"192.0.2.0/24", "2001:db8::7"'))
    local saved = tables.save(lab.server, "ipv4")
    assert.matches("--match-set mg4-office.2 src", saved, 1, true)
    assert.matches("--match-set mg4-office.2 src", program:must("export", "--live", "-4").out, 1, true)
    local imported = program:must("import", "--live").out
    assert.matches("--match-set mg4-office.2 src", imported, 1, true)
    assert.matches("--match-set mg6-office src", imported, 1, true)
    assert.matches("^Nothing to do", program:must("plan", program:policy(imported, "imported.lua")).out)
    assert.matches("--match-set mg4-office src", program:must("show", "filter", "INPUT").out, 1, true)
  end)

  it("is not exported with what is live", function()
    local result = program:run("export", policy("", "none.lua"), "--sets", "--live")
    assert.equal(64, result.code)
    assert.matches("--sets is what the policy wants", result.err, 1, true)
  end)

  it("holds all of a family as two halves, and is folded", function()
    program:apply(policy [[
      drop_inbound { tcp = 25, from = addresses { "0.0.0.0/0", "10.0.0.0/8", as = "set", name = "all" } }
      drop_inbound { tcp = 26, from = addresses { "10.0.0.0/9", "10.128.0.0/9", "10.1.2.3", as = "set",
        name = "ten" } }
    ]])
    local saved = lab.server:must { "ipset", "save", "-sorted" }
    assert.matches("\nadd mg4-all 0.0.0.0/1\nadd mg4-all 128.0.0.0/1\n", saved, 1, true)
    assert.matches("add mg4%-ten 10%.0%.0%.0/8\n$", saved)
  end)

  it("is refused with its place where a name is taken, or wrong", function()
    for text, message in pairs {
      ['block { addresses { "192.0.2.1", as = "sett" } }'] = 'policy.lua:2: addresses: as: "sett" is neither',
      ['block { addresses { "192.0.2.1", as = "set", name = "a b" } }'] = "policy.lua:2: addresses: name: ",
      ['local a = addresses { "192.0.2.1", as = "set", name = "x" } block { a }\n'
        .. 'block { addresses { "192.0.2.2", as = "set", name = "x" } }'] =
        "policy.lua:3: block: set mg4-x has other members at policy.lua:2 block: give one of the two lists another",
      ['block { set "nobody" }'] = "policy.lua:2: block: Set nobody doesn't exist.",
      ['block { set "mg4-x" }'] = 'policy.lua:2: set: name: "mg4-x" is a set of Moongate\'s own',
      ['chain("filter", "INPUT", { family = "ipv4" }):append { source = set { "x", family = "ipv6" } }'] =
        "policy.lua:2: append: source: has nothing of the family that the chain (or family=) is for",
    } do
      local result = program:run("plan", policy(text))
      assert.equal(1, result.code, text .. result.out)
      assert.matches(message, result.err, 1, true)
    end
  end)

  it("of somebody else's is of one family, or of none", function()
    lab.server:must { "ipset", "create", "four", "hash:ip", "family", "inet" }
    lab.server:must { "ipset", "create", "any", "list:set" }
    local result = program:run("plan", policy 'block { set { "four", family = "ipv6" } }')
    assert.equal(1, result.code)
    assert.matches("policy.lua:2: block: The protocol family of set four is IPv4, which is not applicable. "
      .. 'Say which: set { "four", family = "ipv4" }', result.err, 1, true)
    assert.equal("", program:must("plan", policy 'block { set { "four", family = "ipv4" }, set "any" }').err)
  end)

  it("of somebody else's tells its family itself where it is there", function()
    lab.server:must { "ipset", "create", "four", "hash:ip", "family", "inet" }
    lab.server:must { "ipset", "create", "six", "hash:ip", "family", "inet6" }
    lab.server:must { "ipset", "create", "any", "list:set" }
    program:apply(policy 'block { set "four", set "six", set "any" }')
    local function rules(family)
      local found = {}
      for name in lab.server:must({ family .. "-legacy", "-S", "INPUT" }):gmatch("%-%-match%-set (%S+) src") do
        found[#found + 1] = name
      end
      return found
    end
    assert.same({ "four", "any" }, rules "iptables")
    assert.same({ "six", "any" }, rules "ip6tables")
  end)

  it("stays out where the policy is for the other family", function()
    program:apply(program:policy('only_family "ipv4"\n' .. base
      .. 'block { addresses { "192.0.2.1", "2001:db8::1", as = "set" } }'))
    assert.equal("mg4-list1\n", lab.server:must { "ipset", "list", "-n" })
  end)
end)
