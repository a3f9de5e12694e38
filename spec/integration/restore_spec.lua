-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A boot: moongate restore loads what was confirmed, merged into what others own.

local boots = require "spec.support.boots"
local features = require "spec.support.features"
local guards = require "spec.support.guards"
local layouts = require "spec.support.layouts"
local lfs = require "lfs"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local services = require "spec.support.services"
local tables = require "spec.support.tables"
local trace = require "spec.support.trace"

local it = features.it(it, pending, "nat")
local it_traced = features.it(it, pending, "strace")

local policy = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh { from = addresses { "192.0.2.0/24", "198.51.100.7", "2001:db8::/32", as = "set", name = "office" } }
allow_inbound { tcp = 8080 }
masquerade { on = "wan0" }
chain("mangle", "PREROUTING"):append "-p tcp --dport 8080 -j MARK --set-mark 7"
]]

-- Every line that came from the owner's own text, in its order.
local function lines_with(text, pattern)
  local found = {}
  for line in text:gmatch("[^\n]+") do
    if line:find(pattern) then
      found[#found + 1] = line
    end
  end
  return table.concat(found, "\n")
end

describe("restore #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  it("loads the rules, sets and policies that were confirmed", function()
    program:apply(program:policy(policy))
    local booted = boots.boot(program)
    local done = booted:must("restore")
    assert.equal("Generation 1 is loaded.\n", done.err)
    assert.equal("", done.out)
    assert.equal(boots.tables(lab.server), boots.tables(booted.namespace))
    assert.equal(boots.sets(lab.server), boots.sets(booted.namespace))
    assert.truthy(boots.sets(booted.namespace):find("add mg4-office 192.0.2.0/24", 1, true))
    assert.equal(0, booted:run("plan", program:policy(policy), "--detailed-exitcode").code)
    assert.truthy(booted:must("status").out:find("none: all rules of the generation are live", 1, true))
  end)

  it_traced("needs no policy, no language, no names and no network", function()
    local path = program:policy(policy)
    program:apply(path)
    os.remove(path)
    local booted = boots.boot(program)
    local done, text = booted:traced({ "trace=openat,connect,sendto,execve" }, "restore")
    assert.equal(0, done.code, done.err)
    assert.equal(boots.tables(lab.server), boots.tables(booted.namespace))
    for _, word in ipairs { "%.lua", "/etc/hosts", "resolv%.conf", "nsswitch", "/etc/services", "sa_family=AF_INET" } do
      assert.falsy(text:find(word), word .. "\n" .. text)
    end
    assert.truthy(text:find("rules.v6", 1, true))
  end)

  it_traced("writes nothing where all is as it should be", function()
    program:apply(program:policy(policy))
    local booted = boots.boot(program)
    local first, text = booted:traced({ trace.expression }, "restore")
    assert.equal(0, first.code, first.err)
    assert.same({ ipv4 = 3, ipv6 = 2 }, trace.replaces(text))
    local before = tables.save_counted(booted.namespace, "ipv4") .. boots.sets(booted.namespace)
    local again
    again, text = booted:traced({ trace.expression }, "restore")
    assert.equal(0, again.code, again.err)
    assert.equal("Generation 1 is live already: nothing was touched.\n", again.err)
    assert.same({ ipv4 = 0, ipv6 = 0 }, trace.replaces(text))
    assert.equal(before, tables.save_counted(booted.namespace, "ipv4") .. boots.sets(booted.namespace))
  end)

  it_traced("writes the one table that differs, and keeps the counters of the rest", function()
    program:apply(program:policy(policy))
    lab.server:must { "ping", "-n", "-q", "-c", "3", "127.0.0.1" }
    tables.edit(lab.server, "ipv4", "-D INPUT -p tcp -m tcp --dport 8080 -m conntrack --ctstate NEW -j ACCEPT")
    local before = tables.find(tables.filter(lab.server, "ipv4").INPUT, "-i lo -j ACCEPT")
    assert.truthy(before.packets >= 1)
    local done, text = program:traced({ trace.expression }, "restore")
    assert.equal(0, done.code, done.err)
    assert.same({ ipv4 = 1, ipv6 = 0 }, trace.replaces(text))
    local input = tables.filter(lab.server, "ipv4").INPUT
    assert.same(before, (tables.find(input, "-i lo -j ACCEPT")))
    assert.truthy(tables.find(input, "--dport 8080"))
  end)

  it("leaves out what would look into a set that nobody has made yet", function()
    lab.server:must { "ipset", "create", "partners", "hash:ip" }
    lab.server:must { "ipset", "create", "far", "hash:ip", "family", "inet6" }
    program:apply(program:policy(policy .. [[
      allow_inbound { tcp = 9090, from = set "partners" }
      allow_inbound { tcp = 9091, from = { set "far", "192.0.2.9" } }
    ]]))
    local booted = boots.boot(program)
    local done = booted:must("restore")
    assert.matches("warning: the set partners is not there yet: left out, as if it were empty, 2 rules that would "
      .. "look into it, or into others like it\n  remedy: moongate restore, once it is there\n", done.err, 1, true)
    local text = boots.tables(booted.namespace)
    assert.matches("--dport 8080", text, 1, true)
    assert.matches("-s 192.0.2.9/32 -p tcp -m tcp --dport 9091", text, 1, true)
    assert.falsy(text:find("partners", 1, true) or text:find("9090", 1, true))
    assert.matches("drift        2 rules", booted:must("status").out, 1, true)
    booted.namespace:must { "ipset", "create", "partners", "hash:ip" }
    booted.namespace:must { "ipset", "create", "far", "hash:ip", "family", "inet6" }
    assert.equal("Generation 1 is loaded.\n", booted:must("restore").err)
    assert.equal(boots.tables(lab.server), boots.tables(booted.namespace))
  end)

  it("does not take an absent set for an empty one where that would match all", function()
    lab.server:must { "ipset", "create", "guests", "hash:ip" }
    program:apply(program:policy(policy .. 'allow_inbound { tcp = 9090, from = except(set "guests") }\n'))
    local booted = boots.boot(program)
    local done = booted:run("restore")
    assert.equal(7, done.code, done.err)
    assert.matches("Set guests doesn't exist", done.err, 1, true)
    assert.falsy(tables.save(booted.namespace, "ipv4"):find("9090", 1, true))
    assert.matches("-P INPUT DROP", booted.namespace:must { "iptables-legacy", "-S" }, 1, true)
  end)

  it("brings back members of a set without touching a table", function()
    program:apply(program:policy(policy))
    local before = boots.sets(lab.server)
    lab.server:must { "ipset", "add", "mg4-office", "203.0.113.9" }
    lab.server:must { "ipset", "del", "mg6-office", "2001:db8::/32" }
    program:must("restore")
    assert.equal(before, boots.sets(lab.server))
  end)

  for _, name in ipairs { "docker-20", "docker-28", "fail2ban-chains", "fail2ban-sets", "libvirt" } do
    it("leaves " .. name .. " as it is, whether it was there first or comes later", function()
      local keeping = ('keep %q\n'):format(layouts.preset(name)) .. policy
      program:apply(program:policy(keeping))
      local first, later = boots.boot(program), boots.boot(program)
      layouts.load(first.namespace, name)
      local owned = {}
      for _, family in ipairs(tables.families) do
        owned[family] = tables.save_counted(first.namespace, family)
      end
      first:must("restore")
      later:must("restore")
      layouts.load(later.namespace, name)
      local before = tables.save_counted(later.namespace, "ipv4")
      later:must("restore")
      for _, family in ipairs(tables.families) do
        local now = tables.save_counted(first.namespace, family)
        for line in owned[family]:gmatch("[^\n]+") do
          if line:find("^%[") then
            assert.truthy(now:find(line, 1, true), name .. ": " .. line .. "\n" .. now)
          end
        end
        assert.truthy(tables.find(tables.filter(first.namespace, family).INPUT, "--dport 8080"))
      end
      -- nothing of theirs was lost by the second restore
      assert.equal(lines_with(before, "^%[[1-9]"), lines_with(tables.save_counted(later.namespace, "ipv4"), "^%[[1-9]"))
      for _, booted in ipairs { first, later } do
        local plan = booted:run("plan", program:policy(keeping), "--detailed-exitcode")
        assert.equal(0, plan.code, plan.out .. plan.err)
      end
    end)
  end

  it("makes a chain of others that a rule leads to, and leaves it to them", function()
    for _, family in ipairs(tables.families) do
      tables.edit(lab.server, family, "-N DOCKER-USER")
    end
    program:apply(program:policy('keep "docker"\n' .. policy
      .. 'chain("filter", "FORWARD"):append "-i eth9 -j DOCKER-USER"\n'))
    local booted = boots.boot(program)
    booted:must("restore")
    assert.truthy(tables.find(tables.filter(booted.namespace, "ipv6").FORWARD, "-i eth9 -j DOCKER-USER"))
    tables.edit(booted.namespace, "ipv4", "-A DOCKER-USER -s 203.0.113.9 -j DROP")
    assert.truthy(booted:must("restore").err:find("nothing was touched", 1, true))
    assert.equal(1, #tables.filter(booted.namespace, "ipv4")["DOCKER-USER"])
  end)

  it("takes away what nobody confirmed, and says how to put it back", function()
    program:apply(program:policy(policy))
    local booted = boots.boot(program)
    tables.edit(booted.namespace, "ipv4", "-A INPUT -p tcp -m tcp --dport 23 -j ACCEPT")
    tables.edit(booted.namespace, "ipv6", "-N f2b-sshd")
    tables.edit(booted.namespace, "ipv6", "-A f2b-sshd -j RETURN")
    -- a table that the generation does not have is nobody's business
    tables.edit(booted.namespace, "ipv4", "-t raw -A PREROUTING -p tcp -m tcp --dport 23 -j DROP")
    local done = booted:must("restore")
    local told = "warning: removed what is not of generation 1, which nothing says to keep (3):\n"
    assert.truthy(done.err:find(told, 1, true), done.err)
    assert.truthy(done.err:find("IPv4: -t filter -A INPUT -p tcp -m tcp --dport 23 -j ACCEPT\n", 1, true), done.err)
    assert.truthy(done.err:find("IPv6: -t filter -N f2b-sshd\n", 1, true), done.err)
    assert.truthy(done.err:find('remedy: keep "fail2ban" in the policy', 1, true), done.err)
    local text, count = boots.tables(booted.namespace):gsub("ipv4 %*raw\n.-COMMIT\n", "")
    assert.equal(1, count)
    assert.equal(boots.tables(lab.server), text)
  end)

  it("does nothing where nothing was ever applied, and says so", function()
    for _ = 1, 2 do
      local done = program:run("restore", "-q")
      assert.equal(0, done.code, done.err)
      assert.truthy(done.err:find("nothing was ever applied and confirmed here", 1, true), done.err)
      for _, family in ipairs(tables.families) do
        assert.equal("", tables.names(lab.server, family))
      end
    end
    assert.falsy(lfs.attributes(program.state_dir))
  end)

  -- Apply, and wait until it waits.
  local function begin(path)
    local apply = program:start("apply", path, "--confirm", "60")
    run.wait_until("the commit", 8, function()
      return program:run("status").out:find("is taken back in", 1, true)
    end)
    return apply
  end

  local newer = policy:gsub("8080", "9090")

  it("is refused while a guard waits for a confirmation", function()
    program:apply(program:policy(policy))
    local apply = begin(program:policy(newer, "newer.lua"))
    local live = boots.tables(lab.server)
    local done = program:run("restore")
    assert.equal(4, done.code, done.err)
    assert.truthy(done.err:find("generation 2 waits for its confirmation", 1, true), done.err)
    assert.equal(live, boots.tables(lab.server))
    program:must("rollback")
    assert.equal(3, apply:wait(5).code)
  end)

  it("drops what waited when its guard was killed", function()
    program:apply(program:policy(policy))
    local confirmed = boots.tables(lab.server)
    local sets = boots.sets(lab.server)
    guards.kill_all(program, begin(program:policy(newer, "newer.lua")))
    assert.are_not.equal(confirmed, boots.tables(lab.server))
    local done = program:must("restore", "-4") -- what nobody guards any more goes in both families
    assert.truthy(done.err:find("generation 2 was never confirmed, and nobody guarded it", 1, true), done.err)
    assert.falsy(done.err:find("removed what is not", 1, true), done.err)
    assert.equal(confirmed, boots.tables(lab.server))
    assert.equal(sets, boots.sets(lab.server))
    assert.falsy(lfs.attributes(program.state_dir .. "/run/pending.json"))
    assert.falsy(lfs.attributes(program.state_dir .. "/generations/2"))
    assert.truthy(program:must("restore").err:find("Generation 1 is live already", 1, true))
  end)

  it("drops what waited when the host went down", function()
    program:apply(program:policy(policy))
    local confirmed = boots.tables(lab.server)
    guards.kill_all(program, begin(program:policy(newer, "newer.lua")))
    boots.forget_boot(program)
    local booted = boots.boot(program)
    local done = booted:must("restore")
    assert.truthy(done.err:find("generation 2 was applied and never confirmed", 1, true), done.err)
    assert.equal(confirmed, boots.tables(booted.namespace))
    assert.falsy(lfs.attributes(program.state_dir .. "/run/pending.json"))
    -- the snapshot is of no use any more
    assert.equal("", run.must { "ls", program.state_dir .. "/snapshot" })
  end)

  it("does not load a first apply that nobody has confirmed", function()
    guards.kill_all(program, begin(program:policy(policy)))
    boots.forget_boot(program)
    local booted = boots.boot(program)
    local done = booted:must("restore")
    assert.truthy(done.err:find("nothing was ever applied and confirmed here", 1, true), done.err)
    assert.truthy(done.err:find("generation 1 was applied and never confirmed", 1, true), done.err)
    assert.equal("", tables.names(booted.namespace, "ipv4"))
  end)

  it("loads one family where one is asked for", function()
    program:apply(program:policy(policy))
    local booted = boots.boot(program)
    booted:must("restore", "-6")
    assert.equal("", tables.names(booted.namespace, "ipv4"))
    assert.equal(tables.save(lab.server, "ipv6"), tables.save(booted.namespace, "ipv6"))
    booted:must("restore", "-4")
    assert.equal(boots.tables(lab.server), boots.tables(booted.namespace))
  end)

  it("leaves out IPv6 where there is none", function()
    program:apply(program:policy(policy))
    local booted = boots.boot(program)
    booted.namespace:must { "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6" }
    local done = booted:must("restore")
    assert.truthy(done.err:find("this host has no IPv6", 1, true), done.err)
    assert.equal(tables.save(lab.server, "ipv4"), tables.save(booted.namespace, "ipv4"))
    assert.equal("", tables.names(booted.namespace, "ipv6"))
  end)

  it("waits for the lock on the tables, as long as it is told to", function()
    program:apply(program:policy(policy))
    local booted = boots.boot(program)
    booted.namespace:start { "flock", booted.lock_file, "sleep", "2" }
    run.wait_until("the lock to be held", 5, function()
      return run.run({ "flock", "-n", booted.lock_file, "true" }).code ~= 0
    end)
    local busy = booted:run("restore")
    assert.equal(4, busy.code, busy.err)
    assert.equal("", tables.names(booted.namespace, "ipv4"))
    booted:must("restore", "--wait", "10")
    assert.equal(boots.tables(lab.server), boots.tables(booted.namespace))
  end)

  it("needs privilege, and says so", function()
    program:apply(program:policy(policy))
    local done = program:run_with({ nobody = true }, "restore")
    assert.equal(7, done.code, done.err)
    assert.truthy(done.err:find("Permission denied", 1, true), done.err)
  end)

  it("closes a host under a flood once and for all", function()
    program:apply(program:policy(policy))
    local booted = boots.boot(program, network.lab)
    local server, friend = booted.lab.server, booted.lab.friend
    local counted = "-p udp -m udp --dport 7000"
    -- security comes behind filter: what it counts was let in
    local function count(name, chain)
      return tables.parse(tables.save_counted(server, "ipv4"))[name][chain]
    end
    tables.edit(server, "ipv4", "-t raw -A PREROUTING " .. counted)
    tables.edit(server, "ipv4", "-t security -A INPUT " .. counted)
    tables.edit(server, "ipv4", "-t raw -A OUTPUT -p icmp -j DROP") -- it would end the flood
    local flood = services.start(friend, "flood",
      packets.script("flood.py", network.addresses.server_for.friend.ipv4, 7000))
    run.wait_until("the flood to come in", 5, function()
      return count("security", "INPUT")[1].packets > 1000
    end)
    booted:must("restore")
    local passed = count("security", "INPUT")[1].packets
    run.wait_until("more of it", 5, function()
      return count("filter", "INPUT").packets > 1000
    end)
    flood:signal("TERM")
    assert.equal(0, flood:wait(5).code)
    assert.equal(passed, count("security", "INPUT")[1].packets)
    assert.equal(count("raw", "PREROUTING")[1].packets, passed + count("filter", "INPUT").packets)
  end)
end)
