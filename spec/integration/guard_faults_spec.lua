-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The guard and its watcher killed and stopped on the real kernel: the new rules
-- never outlive that, nor their deadline, by more than a second.

local boots = require "spec.support.boots"
local features = require "spec.support.features"
local guards = require "spec.support.guards"
local lfs = require "lfs"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local base_policy = [[
default_deny()
allow_established()
allow_loopback()
]]

-- With a set of addresses, whose members are others in the new policy.
local function office(members)
  return ("allow_inbound { tcp = 22, from = addresses { %s, as = 'set', name = 'office' } }\n"):format(members)
end

local old_policy = base_policy .. office("'10.1.0.0/16', '2001:db8:1::/48'")
local new_policy = base_policy .. office("'10.2.0.0/16', '2001:db8:2::/48'") .. "allow_inbound { tcp = 8080 }\n"
local nat_policy = new_policy .. "masquerade { out = 'lan0' }\n"

describe("guard and watcher #integration", function()
  local lab, program, old_tables, old_sets, new_path

  local function sets()
    return boots.sets(lab.server)
  end

  local function is_new()
    return tables.save(lab.server, "ipv4"):find("--dport 8080", 1, true)
      and tables.save(lab.server, "ipv6"):find("--dport 8080", 1, true)
  end

  -- Start an apply and wait until it waits; returns it, its guard and its watcher.
  local function apply_pending(seconds)
    local process = program:start("apply", new_path, "--confirm", tostring(seconds))
    run.wait_until("the commit", 8, function()
      assert(process:alive(), "apply did not wait: " .. process:out() .. process:err())
      local record = run.read_file(program.state_dir .. "/run/pending.json")
      return record and not record:find('"committed": 0,', 1, true) and is_new()
    end)
    return process, guards.of(program)
  end

  local function snapshot_files()
    local names = {}
    for name in lfs.dir(program.state_dir .. "/snapshot") do
      if name ~= "." and name ~= ".." then
        names[#names + 1] = name
      end
    end
    return names
  end

  -- Nothing is left of what was taken back.
  local function assert_clean()
    assert.falsy(lfs.attributes(program.state_dir .. "/run/pending.json"), "a record is left")
    assert.falsy(lfs.attributes(program.state_dir .. "/run/guard.sock"), "a socket is left")
    assert.falsy(lfs.attributes(program.state_dir .. "/generations/2"), "a generation is left")
    assert.same({}, snapshot_files())
    assert.equal(old_sets, sets())
    assert.truthy(program:must("status").out:find("nothing waits for a confirmation", 1, true))
  end

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
    program:apply(program:policy(old_policy, "old.lua"))
    run.write_file(program.state_dir .. "/snapshot/77", "of another boot") -- assert_clean() misses it
    new_path = program:policy(new_policy, "new.lua")
    old_tables = tables.both(lab.server)
    old_sets = sets()
  end)

  after_each(network.close_all)

  it("restores within a second when the guard is killed", function()
    local process, guard = apply_pending(30)
    local started = run.now()
    guards.signal("KILL", guard)
    tables.wait_for(lab.server, old_tables, 1, "the old tables after the guard's death")
    local result = process:wait(2)
    assert.equal(3, result.code, result.out .. result.err)
    assert.truthy(run.now() - started < 2)
    assert_clean()
  end)

  it("restores within a second though nobody else is left", function()
    local process, guard = apply_pending(30)
    process:signal("KILL")
    process:wait(2)
    guards.signal("KILL", guard)
    tables.wait_for(lab.server, old_tables, 1, "the old tables after the guard's death")
    run.wait_until("the end of the watcher", 1, function()
      return not lfs.attributes(program.state_dir .. "/run/pending.json")
    end)
    assert.equal(1, program:run("confirm", "--console").code)
    assert_clean()
  end)

  it("keeps the deadline of a guard that is stopped, and answers who confirms too late", function()
    local process, guard = apply_pending(1)
    guards.signal("STOP", guard)
    local confirm = program:start("confirm", "--console")
    tables.wait_for(lab.server, old_tables, 2, "the old tables at the deadline of a stopped guard")
    local result = process:wait(2)
    assert.equal(3, result.code, result.out .. result.err)
    assert.truthy(result.seconds >= 0.9 and result.seconds < 2.6, "after " .. result.seconds .. " s")
    confirm = confirm:wait(2)
    assert.equal(3, confirm.code, confirm.out .. confirm.err)
    assert.truthy(confirm.err:find("too late", 1, true), confirm.err)
    assert.falsy(guards.is_alive(guard))
    assert_clean()
  end)

  it("takes back at once when asked to, though the guard is stopped", function()
    local process, guard = apply_pending(30)
    guards.signal("STOP", guard)
    local result = program:run("rollback")
    assert.equal(0, result.code, result.out .. result.err)
    assert.truthy(result.seconds < 3, "after " .. result.seconds .. " s")
    assert.equal(3, process:wait(2).code)
    assert.equal(old_tables, tables.both(lab.server))
    assert_clean()
  end)

  it("restores when the guard is stopped and its watcher killed", function()
    local process, guard, watcher = apply_pending(1)
    guards.signal("STOP", guard)
    guards.signal("KILL", watcher)
    tables.wait_for(lab.server, old_tables, 2.5, "the old tables")
    local result = process:wait(2)
    assert.equal(3, result.code, result.out .. result.err)
    assert_clean()
  end)

  it("replaces a watcher that is killed, and keeps the deadline", function()
    local process, guard, watcher = apply_pending(1)
    guards.signal("KILL", watcher)
    local second = run.wait_until("another watcher", 1, function()
      local pid = guards.watcher(guard)
      return pid ~= watcher and pid
    end)
    assert.truthy(guards.is_alive(second))
    local result = process:wait(3)
    assert.equal(3, result.code, result.out .. result.err)
    assert.equal(old_tables, tables.both(lab.server))
    guards.wait_for_end(guard, second)
    assert_clean()
  end)

  it("confirms as ever when the watcher was killed or stopped", function()
    local process, _, watcher = apply_pending(20)
    guards.signal("STOP", watcher)
    program:must("confirm", "--console")
    assert.equal(0, process:wait(2).code)
    guards.wait_for_end(watcher)
    assert.truthy(is_new())
    assert.same({}, snapshot_files())
  end)

  describe("both killed, and the applying process", function()
    local function said(result)
      assert.truthy(result.err:find("generation 2 was never confirmed, and nobody guarded it any more", 1, true),
        result.err)
      assert.equal(old_tables, tables.both(lab.server))
      assert_clean()
    end

    for _, case in ipairs {
      { "status", 0 },
      { "plan", 0, "old.lua" },
      { "confirm", 1, "--console" },
      { "rollback", 0 },
      { "show", 0 },
      { "restore", 0 },
      { "apply", 0, "old.lua", "--no-confirm" },
      { "apply", 1, "wrong.lua" },
      { "plan", 1, "wrong.lua" },
      { "import", 0, "--live" },
    } do
      it("are made good by " .. case[1] .. " " .. table.concat(case, " ", 3), function()
        guards.kill_all(program, (apply_pending(30)))
        assert.truthy(is_new())
        program:policy("allow_nobody()\n", "wrong.lua")
        local words = { table.unpack(case, 3) }
        if words[1] and words[1]:find("%.lua$") then
          words[1] = lab.dir .. "/" .. words[1]
        end
        local result = program:run(case[1], table.unpack(words))
        assert.equal(case[2], result.code, result.out .. result.err)
        said(result)
      end)
    end

    it("leaves nothing where nothing was before", function()
      network.close_all()
      lab = network.host()
      program = moongate.new(lab)
      new_path = program:policy(nat_policy, "new.lua")
      guards.kill_all(program, (apply_pending(30)))
      local result = program:must("status")
      assert.truthy(result.err:find("(nat v4, filter v4 v6, address sets)", 1, true)
        or result.err:find("(nat v4 v6, filter v4 v6, address sets)", 1, true), result.err)
      for _, family in ipairs(tables.families) do
        for name, chain in pairs(tables.filter(lab.server, family)) do
          assert.equal("ACCEPT", chain.policy, name)
          assert.equal(0, #chain, name)
        end
        assert.falsy(tables.save(lab.server, family):find("MASQUERADE", 1, true))
      end
      assert.equal("", lab.server:must { "ipset", "list", "-name" })
      assert.same({}, snapshot_files())
    end)

    it("are made good though the guard is only stopped, once it is late", function()
      local process, guard, watcher = apply_pending(1)
      guards.signal("STOP", guard)
      guards.signal("STOP", watcher)
      process:signal("KILL")
      guards.signal("KILL", watcher)
      run.must { "sleep", "0.5" }
      program:must("status")
      assert.truthy(is_new(), "its deadline is not over")
      run.must { "sleep", "2.8" }
      said(program:must("status"))
    end)

    it("are no reason to take a ban away that came in between", function()
      local keeping = base_policy .. 'keep { chains = "f2b-*" }\n'
      tables.edit(lab.server, "ipv4", "-N f2b-sshd")
      program:apply(program:policy(keeping, "old.lua"))
      new_path = program:policy(keeping .. "allow_inbound { tcp = 8080 }\n", "new.lua")
      guards.kill_all(program, (apply_pending(30)))
      tables.edit(lab.server, "ipv4", "-A f2b-sshd -s 192.0.2.9 -j DROP")
      program:must("status")
      assert.falsy(is_new())
      assert.truthy(tables.save(lab.server, "ipv4"):find("-A f2b-sshd -s 192.0.2.9/32 -j DROP", 1, true))
    end)

    it("are made good where only the members of a set are others", function()
      new_path = program:policy((old_policy:gsub("10%.1%.0%.0", "10.9.0.0")), "new.lua")
      local process = program:start("apply", new_path, "--confirm", "30")
      run.wait_until("the new members", 8, function()
        local record = run.read_file(program.state_dir .. "/run/pending.json")
        return record and not record:find('"committed": 0,', 1, true) and sets():find("10.9.0.0/16", 1, true)
      end)
      guards.kill_all(program, process)
      assert.truthy(sets():find("add mg4-office 10.9.0.0/16", 1, true), sets())
      said(program:must("status"))
    end)

    it("are made good from the confirmed generation when the snapshot is damaged", function()
      guards.kill_all(program, (apply_pending(30)))
      local path = program.state_dir .. "/snapshot/2"
      local bytes = run.read_file(path)
      local middle = #bytes // 2
      run.write_file(path, bytes:sub(1, middle - 1) .. string.char(bytes:byte(middle) ~ 1) .. bytes:sub(middle + 1))
      local result = program:must("status")
      assert.truthy(result.err:find("snapshot/2 is damaged: its checksum is wrong", 1, true), result.err)
      assert.truthy(result.err:find("live again (generation 1)", 1, true), result.err)
      -- the sets were made anew
      assert.equal(old_tables, (tables.both(lab.server):gsub("(mg[46]%-office)%.%d+", "%1")))
      assert.same({}, snapshot_files())
    end)

    it("are not made good in another network", function()
      guards.kill_all(program, (apply_pending(30)))
      local other = moongate.new(lab, network.host().server)
      other.state_dir = program.state_dir
      local plan = other:run("apply", lab.dir .. "/old.lua", "--no-confirm")
      assert.equal(4, plan.code, plan.out .. plan.err)
      assert.truthy(plan.err:find("in another network namespace", 1, true), plan.err)
      assert.truthy(is_new())
      said(program:must("status"))
    end)
  end)
end)
