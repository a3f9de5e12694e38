-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A boot where what was kept is damaged, or cannot be loaded: an older generation,
-- or minimal rules; never an open host.

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

local base = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
]]

local function serving(port)
  return base .. ([[
allow_inbound { tcp = %d, from = addresses { "192.0.2.0/24", "2001:db8:%d::/48", as = "set", name = "office" } }
]]):format(port, port)
end

local friend = network.addresses.friend
local from_friend = { env = { SSH_CONNECTION = friend.ipv4 .. " 40000 10.137.0.1 22" } }

describe("restore of what is damaged #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  local function file(number, name)
    return ("%s/generations/%d/%s"):format(program.state_dir, number, name)
  end

  -- Each boot is a namespace that lives as long as this; all in one line, which is quick.
  local report = [[
"$@"; echo "code $?"; iptables-legacy-save; ip6tables-legacy-save; ipset save -sorted]]

  local function boot()
    local words = { "unshare", "--net", "sh", "-c", report, "sh" }
    table.move(program:words("restore"), 1, 4, #words + 1, words)
    local done = run.run(words, { env = { XTABLES_LOCKFILE = lab.dir .. "/boot.lock" } })
    return {
      code = tonumber(done.out:match("^code (%d+)\n")), err = done.err,
      live = done.out:gsub("^code %d+\n", ""):gsub("# [^\n]*\n", ""):gsub(" initval 0x%x+", ""),
    }
  end

  -- Two generations; what each is when it is live.
  local function two_generations()
    local live = {}
    for number, port in ipairs { 8080, 9090 } do
      program:apply(program:policy(serving(port)))
      live[number] = boot()
      assert.equal(0, live[number].code, live[number].err)
      assert.truthy(live[number].live:find("--dport " .. port, 1, true))
    end
    return live[1].live, live[2].live
  end

  it("loads the one before, whatever byte of the confirmed one is lost or changed", function()
    local older, newest = two_generations()
    local tried, noticed = 0, 0
    for _, name in ipairs { "rules.v4", "rules.v6", "sets.v4", "sets.v6", "meta.json" } do
      local path = file(2, name)
      local whole = run.read_file(path)
      for step = 0, 11 do
        local at = step * (#whole - 1) // 11
        local byte = whole:byte(at + 1)
        for how, text in pairs {
          cut = whole:sub(1, at),
          flipped = whole:sub(1, at) .. string.char(byte ~ (1 << step % 8)) .. whole:sub(at + 2),
        } do
          run.write_file(path, text)
          local booted = boot()
          local what = ("%s %s at %d: %s"):format(name, how, at, booted.err)
          tried = tried + 1
          assert.equal(0, booted.code, what)
          if booted.err:find("generations/2", 1, true) then
            noticed = noticed + 1
            assert.truthy(booted.err:find("generation 1, which was confirmed before it, is loaded instead", 1, true),
              what)
            assert.truthy(booted.err:find("^warning: "), what)
            assert.equal(older, booted.live, what)
          else -- blanks of JSON, and a newline at its end
            assert.truthy(name == "meta.json", what)
            assert.equal(newest, booted.live, what)
          end
        end
      end
      run.write_file(path, whole)
    end
    print(("%d damages, %d of them noticed"):format(tried, noticed))
    assert.equal(120, tried)
    assert.truthy(noticed >= 110, noticed)
  end)

  it("loads the one before where files, or the link to it, are gone", function()
    local older, newest = two_generations()
    local link = program.state_dir .. "/confirmed"
    for _, damage in ipairs {
      { "rm %s/rules.v6", older }, { "rm %s/meta.json", older }, { "rm -r %s", older },
      { "chmod 000 %s && rm %s/sets.v4", older },
      { "ln -sfn generations/77 " .. link, newest }, { "ln -sfn /etc " .. link, newest },
      { "rm " .. link, newest },
    } do
      run.must { "cp", "-a", program.state_dir, lab.dir .. "/saved" }
      run.must { "sh", "-c", (damage[1]:gsub("%%s", file(2, ""))) }
      local booted = boot()
      assert.equal(0, booted.code, damage[1] .. booted.err)
      assert.truthy(booted.err:find("is loaded instead", 1, true), damage[1] .. booted.err)
      assert.equal(damage[2], booted.live, damage[1])
      run.must { "rm", "-r", program.state_dir }
      run.must { "mv", lab.dir .. "/saved", program.state_dir }
    end
  end)

  it("keeps the host closed where nothing is whole, and lets its operators in", function()
    local done = program:run_with(from_friend, "apply", program:policy(serving(8080)), "--no-confirm")
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
    booted:must("apply", program:policy(serving(9999)), "--no-confirm", "--remove-foreign")
    assert.equal(0, booted:run("restore").code)
  end)

  it("lets nobody in by ssh where nobody has come by it", function()
    program:apply(program:policy(serving(8080)))
    run.write_file(file(1, "rules.v4"), "")
    local booted = boot()
    assert.equal(7, booted.code)
    assert.truthy(booted.err:find("and no ssh, since nothing was ever applied over it", 1, true), booted.err)
    assert.falsy(booted.live:find("-p tcp", 1, true), booted.live)
  end)

  it("lets everybody come by ssh where all records are lost", function()
    program:apply(program:policy(serving(8080)))
    run.write_file(file(1, "meta.json"), "")
    local booted = boot()
    assert.equal(7, booted.code)
    assert.truthy(booted.err:find("ssh from everywhere", 1, true), booted.err)
    local rule = "-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT\n"
    local _, count = booted.live:gsub((rule:gsub("%-", "%%-")), "")
    assert.equal(2, count)
  end)

  it("keeps live rules that deny rather than replace them by minimal ones", function()
    program:apply(program:policy(serving(8080)))
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
    local done = program:run_with(from_friend, "apply", program:policy(serving(8080)), "--no-confirm")
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

  it("loads from a disk that cannot be written", function()
    program:apply(program:policy(serving(8080)))
    local booted = boots.boot(program)
    local script = [[mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"]]
    local words = { "unshare", "--mount", "sh", "-c", script, program.state_dir }
    table.move(booted:words("restore"), 1, 4, #words + 1, words)
    local done = booted.namespace:run(words, booted:options())
    assert.equal(0, done.code, done.err)
    assert.truthy(done.err:find("Read-only file system: going on without that lock", 1, true), done.err)
    assert.equal(boots.tables(lab.server), boots.tables(booted.namespace))
  end)

  it("needs no more rights than its unit has", function()
    program:apply(program:policy(serving(8080)))
    local bounds = assert(run.read_file("packaging/moongate.service.in")):match("CapabilityBoundingSet=([^\n]+)")
    local list = "-all"
    for name in bounds:gmatch("CAP_([%w_]+)") do
      list = list .. ",+" .. name:lower()
    end
    local booted = boots.boot(program)
    local words = { "setpriv", "--bounding-set=" .. list, "--inh-caps=-all", "--no-new-privs" }
    table.move(booted:words("restore"), 1, 4, #words + 1, words)
    local done = booted.namespace:run(words, booted:options())
    assert.equal(0, done.code, done.err)
    assert.equal(boots.tables(lab.server), boots.tables(booted.namespace))
    assert.equal(boots.sets(lab.server), boots.sets(booted.namespace))
  end)

  -- A set that was half made is made anew beside it, under a name with a number.
  local function unnumbered(text)
    return (text:gsub("(mg[46]%-office)%.%d+", "%1"))
  end

  it_traced("is made whole by the next one where it was killed", function()
    program:apply(program:policy(serving(8080) .. 'chain("mangle", "PREROUTING"):append "-j MARK --set-mark 7"\n'))
    local _, text = boots.boot(program):traced({ "trace=sendto,setsockopt", alone = true }, "restore")
    local calls = {}
    for name in text:gmatch("\n?([%w]+)%(") do
      calls[name] = (calls[name] or 0) + 1
    end
    local killed = 0
    for name, count in pairs(calls) do
      for number = 1, name == "setsockopt" and count or math.min(count, 20) do
        local booted = boots.boot(program)
        local done = booted:traced({ "trace=" .. name,
          ("inject=%s:signal=KILL:when=%d"):format(name, number), alone = true }, "restore")
        killed = killed + (done.code == 137 and 1 or 0)
        local again = booted:must("restore")
        assert.equal(boots.tables(lab.server), unnumbered(boots.tables(booted.namespace)), again.err)
        assert.equal(boots.sets(lab.server), unnumbered(boots.sets(booted.namespace)))
        booted.lab:close()
      end
    end
    print(("killed %d times"):format(killed))
    assert.truthy(killed > 15, killed)
  end)

  it("does not trust a folder that others may write to", function()
    program:apply(program:policy(serving(8080)))
    run.must { "chmod", "777", program.state_dir }
    local booted = boot()
    assert.equal(7, booted.code)
    assert.truthy(booted.err:find("others could change what is in this folder", 1, true), booted.err)
    assert.truthy(booted.live:find(":INPUT DROP", 1, true), booted.live)
    assert.falsy(booted.live:find("8080", 1, true), booted.live)
  end)

  it("loads the other family where a set of somebody else's is not there", function()
    lab.server:must { "ipset", "create", "feed", "hash:net" }
    program:apply(program:policy(serving(8080) .. 'block(set { "feed", family = "ipv4" })\n'))
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
    program:apply(program:policy(serving(8080) .. 'chain("mangle", "PREROUTING"):append "-j MARK --set-mark 7"\n'))
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
