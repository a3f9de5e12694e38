-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A boot where nothing can be loaded as it was confirmed: minimal rules.

local boots = require "spec.support.boots"
local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local services = require "spec.support.services"
local tables = require "spec.support.tables"

local it = features.it(it, pending)
local it_traced = features.it(it, pending, "strace")

local friend = network.addresses.friend
local from_friend = { env = { SSH_CONNECTION = friend.ipv4 .. " 40000 10.137.0.1 22" } }

describe("restore of what cannot be loaded #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  local function file(number, name)
    return ("%s/generations/%d/%s"):format(program.state_dir, number, name)
  end

  it("keeps the host closed where nothing is whole, and lets its operators in", function()
    local done = program:run_with(from_friend, "apply", program:policy(boots.serving(8080)), "--no-confirm")
    assert.equal(0, done.code, done.err)
    run.write_file(file(1, "rules.v4"), "")
    local booted = boots.boot(program, network.lab)
    local server = booted.lab.server
    services.echo(server, { "tcp:22", "tcp:8080", "tcp:9999" })
    local restored = booted:run("restore")
    assert.equal(7, restored.code, restored.err)
    assert.truthy(restored.err:find("neither IPv4 nor IPv6 is restored: ", 1, true), restored.err)
    assert.truthy(restored.err:find("the minimal rules are live instead", 1, true), restored.err)
    assert.truthy(restored.err:find(("ssh from where its operators came (%s 22)"):format(friend.ipv4), 1, true),
      restored.err)
    local near = network.addresses.server_for
    assert.equal("open", packets.state(booted.lab.friend, "tcp", near.friend.ipv4, 22))
    assert.are_not.equal("open", packets.state(booted.lab.friend, "tcp", near.friend.ipv4, 8080))
    assert.are_not.equal("open", packets.state(booted.lab.friend, "tcp", near.friend.ipv6, 22))
    assert.are_not.equal("open", packets.state(booted.lab.stranger, "tcp", near.stranger.ipv4, 22))
    assert.equal("open", packets.state(server, "tcp", "::1", 9999))
    for _, family in ipairs(tables.families) do
      for _, chain in ipairs { "INPUT", "FORWARD", "OUTPUT" } do
        assert.equal("DROP", tables.filter(server, family)[chain].policy)
      end
    end
    -- the rules are those of a closed host: a second one has nothing to make better
    local before = boots.tables(server)
    assert.equal(7, booted:run("restore").code)
    assert.equal(before, boots.tables(server))
    -- and an apply makes it good
    booted:must("apply", program:policy(boots.serving(9999)), "--no-confirm", "--remove-foreign")
    assert.equal(0, booted:run("restore").code)
  end)

  it("lets nobody in by ssh where nobody has come by it", function()
    program:apply(program:policy(boots.serving(8080)))
    run.write_file(file(1, "rules.v4"), "")
    local booted = boots.glance(program)
    assert.equal(7, booted.code)
    assert.truthy(booted.err:find("and no ssh, since nothing was ever applied over it", 1, true), booted.err)
    assert.falsy(booted.live:find("-p tcp", 1, true), booted.live)
  end)

  it("lets everybody come by ssh where all records are lost", function()
    program:apply(program:policy(boots.serving(8080)))
    run.write_file(file(1, "meta.json"), "")
    local booted = boots.glance(program)
    assert.equal(7, booted.code)
    assert.truthy(booted.err:find("ssh from everywhere", 1, true), booted.err)
    local rule = "-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT\n"
    local _, count = booted.live:gsub((rule:gsub("%-", "%%-")), "")
    assert.equal(2, count)
  end)

  it("keeps live rules that deny rather than replace them by minimal ones", function()
    program:apply(program:policy(boots.serving(8080)))
    local before = boots.tables(lab.server)
    run.write_file(file(1, "rules.v6"), "")
    local done = program:run("restore")
    assert.equal(7, done.code)
    assert.truthy(done.err:find("the live rules stay, which deny what they do not allow", 1, true), done.err)
    assert.equal(before, boots.tables(lab.server))
  end)

  -- The plugins that there are, without some.
  local function plugins_without(...)
    local dir = lab.dir .. "/plugins"
    run.must { "sh", "-c", ("mkdir %s && ln -s /usr/lib/*/xtables/*.so %s"):format(dir, dir) }
    for _, name in ipairs { ... } do
      assert(os.remove(("%s/%s.so"):format(dir, name)))
    end
    return { env = { XTABLES_LIBDIR = dir } }
  end

  it("does without connection tracking where that is missing", function()
    local done = program:run_with(from_friend, "apply", program:policy(boots.serving(8080)), "--no-confirm")
    assert.equal(0, done.code, done.err)
    local booted = boots.boot(program, network.lab)
    local server, near = booted.lab.server, network.addresses.server_for
    services.echo(server, { "tcp:22", "tcp:8080" })
    done = booted:run_with(plugins_without("libxt_conntrack"), "restore")
    assert.equal(7, done.code, done.err)
    assert.truthy(done.err:find("conntrack", 1, true), done.err)
    assert.truthy(done.err:find("the minimal rules are live instead", 1, true), done.err)
    assert.equal("open", packets.state(booted.lab.friend, "tcp", near.friend.ipv4, 22))
    assert.are_not.equal("open", packets.state(booted.lab.friend, "tcp", near.friend.ipv4, 8080))
    assert.are_not.equal("open", packets.state(booted.lab.stranger, "tcp", near.stranger.ipv4, 22))
    assert.equal("DROP", tables.filter(server, "ipv6").INPUT.policy)
    -- nobody has to say that these may go
    done = booted:must("restore")
    assert.truthy(done.err:find("removed what is not of generation 1", 1, true), done.err)
    assert.equal(boots.tables(lab.server), boots.tables(server))
  end)

  it("loads the other family where a set of somebody else's is not there, and all but it is meant", function()
    lab.server:must { "ipset", "create", "feed", "hash:net" }
    program:apply(program:policy(boots.serving(8080) .. 'drop_inbound { tcp = 25, from = except(set "feed") }\n'))
    local booted = boots.boot(program)
    local done = booted:run("restore")
    assert.equal(7, done.code, done.err)
    assert.truthy(done.err:find("IPv4 is not restored: .*feed"), done.err)
    assert.falsy(done.err:find("IPv6 is not restored", 1, true), done.err)
    assert.equal(tables.save(lab.server, "ipv6"), tables.save(booted.namespace, "ipv6"))
    local input = tables.filter(booted.namespace, "ipv4").INPUT
    assert.equal("DROP", input.policy)
    assert.falsy(tables.find(input, "8080"))
    -- when it is there, all is loaded
    booted.namespace:must { "ipset", "create", "feed", "hash:net" }
    booted:must("restore")
    assert.equal(boots.tables(lab.server), boots.tables(booted.namespace))
    assert.truthy(boots.sets(booted.namespace):find("add mg4-office", 1, true))
  end)

  -- The numbers of those calls of setsockopt that replace a table of a family.
  local function replaces(text, level)
    local found, number = {}, 0
    for line in text:gmatch("[^\n]*setsockopt%([^\n]*") do
      number = number + 1
      if line:find(level, 1, true) and (line:find("_SO_SET_REPLACE", 1, true) or line:find(" 0x40 ", 1, true)) then
        found[#found + 1] = number
      end
    end
    return found
  end

  it_traced("loads the other family where the kernel refuses a table of one", function()
    program:apply(program:policy(boots.serving(8080)
      .. 'chain("mangle", "PREROUTING"):append "-j MARK --set-mark 7"\n'))
    local first = boots.boot(program)
    local done, text = first:traced({ "trace=setsockopt", alone = true }, "restore")
    assert.equal(0, done.code, done.err)
    local calls = replaces(text, "SOL_IP,")
    assert.equal(2, #calls, text)
    for index, call in ipairs(calls) do -- the table mangle, then filter
      local booted = boots.boot(program)
      -- again where it is tried without the other family, whose calls come in between
      done = booted:traced({ "trace=setsockopt",
        ("inject=setsockopt:error=EINVAL:when=%d..%d"):format(call, call), alone = true }, "restore")
      assert.equal(0, done.code, "one refusal is overcome by a second try: " .. done.err)
      assert.equal(boots.tables(lab.server), boots.tables(booted.namespace), tostring(index))
    end
    -- everything is refused from the first on: nothing can be loaded, and it is said
    local booted = boots.boot(program)
    done = booted:traced({ "trace=setsockopt",
      ("inject=setsockopt:error=EINVAL:when=%d+"):format(calls[1]), alone = true }, "restore")
    assert.truthy(done.code == 6 or done.code == 8, done.code .. done.err)
    assert.truthy(done.err:find("nor can the minimal rules be loaded", 1, true), done.err)
    assert.falsy(boots.tables(booted.namespace):find("8080", 1, true))
  end)
end)
