-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A boot where what was kept is damaged, or the way to it: an older generation is
-- loaded, and never is a host open.

local boots = require "spec.support.boots"
local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"

local it = features.it(it, pending)
local it_traced = features.it(it, pending, "strace")

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

  -- Two generations; what each is when it is live.
  local function two_generations()
    local live = {}
    for number, port in ipairs { 8080, 9090 } do
      program:apply(program:policy(boots.serving(port)))
      live[number] = boots.glance(program)
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
          local booted = boots.glance(program)
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
      local booted = boots.glance(program)
      assert.equal(0, booted.code, damage[1] .. booted.err)
      assert.truthy(booted.err:find("is loaded instead", 1, true), damage[1] .. booted.err)
      assert.equal(damage[2], booted.live, damage[1])
      run.must { "rm", "-r", program.state_dir }
      run.must { "mv", lab.dir .. "/saved", program.state_dir }
    end
  end)

  it("does not trust a folder that others may write to", function()
    program:apply(program:policy(boots.serving(8080)))
    run.must { "chmod", "777", program.state_dir }
    local booted = boots.glance(program)
    assert.equal(7, booted.code)
    assert.truthy(booted.err:find("others could change what is in this folder", 1, true), booted.err)
    assert.truthy(booted.live:find(":INPUT DROP", 1, true), booted.live)
    assert.falsy(booted.live:find("8080", 1, true), booted.live)
  end)

  it("loads from a disk that cannot be written", function()
    program:apply(program:policy(boots.serving(8080)))
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
    program:apply(program:policy(boots.serving(8080)))
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
    program:apply(program:policy(boots.serving(8080)
      .. 'chain("mangle", "PREROUTING"):append "-j MARK --set-mark 7"\n'))
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
end)
