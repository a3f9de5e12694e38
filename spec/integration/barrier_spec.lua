-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The barrier: where putting the old tables back fails for good, what is live is
-- closed, but to those who have to repair it; and exit 8 tells.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local services = require "spec.support.services"
local tables = require "spec.support.tables"

local it = features.it(it, pending, "strace")

local old_policy = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
allow_inbound { tcp = 9 }
]]

local new_policy = old_policy .. "allow_inbound { tcp = 8080 }\n"

local friend, server_for = network.addresses.friend, network.addresses.server_for

-- A guard tries so often, and writes a table of each family each time.
local guard_writes = 8 * 2
-- The same of an applying process that has lost its guard.
local own_writes = 4 * 2

describe("the barrier #integration", function()
  -- A lab whose operator comes from the friend, with the old rules.
  local function stage()
    local lab = network.lab()
    local program = moongate.new(lab)
    program:apply(program:policy(old_policy, "old.lua"))
    services.echo(lab.server, { "tcp:22", "tcp:9", "tcp:8080" })
    return {
      lab = lab, program = program, old = tables.both(lab.server),
      new_path = program:policy(new_policy, "new.lua"),
    }
  end

  local function guard_of(staged)
    return run.wait_until("the guard", 5, function()
      local record = run.read_file(staged.program.state_dir .. "/run/pending.json") or ""
      local committed = record:match('"committed"%s*:%s*([1-9]%d*)')
      return committed and record:match('"guard"%s*:%s*(%d+)')
    end)
  end

  local function start_apply(staged, before)
    local words = before or {}
    table.move(staged.program:words("apply", staged.new_path, "--confirm", "60"), 1, 99, #words + 1, words)
    local options = staged.program:options {
      env = { SSH_CONNECTION = friend.ipv4 .. " 40000 " .. server_for.friend.ipv4 .. " 22",
              ASAN_OPTIONS = "detect_leaks=0" },
    }
    staged.apply = staged.lab.server:start(words, options)
    staged.guard = guard_of(staged)
  end

  -- Let the guard's writes fail from now on: "1..16", or "1+" for ever.
  local function break_guard(staged, which)
    staged.lab.server:start { "strace", "-p", staged.guard, "-o", staged.lab.dir .. "/guard.trace",
                              "-e", "trace=setsockopt", "-e", "inject=setsockopt:error=EINVAL:when=" .. which }
    run.wait_until("strace at the guard", 5, function()
      local status = run.read_file("/proc/" .. staged.guard .. "/status") or ""
      return status:match("TracerPid:%s*[1-9]")
    end)
  end

  local function states(staged, who, family)
    local targets = {}
    for _, port in ipairs { 22, 9, 8080 } do
      targets[#targets + 1] = ("tcp,%s,%d"):format(server_for[who][family], port)
    end
    local found, list = packets.probe(staged.lab[who], targets), {}
    for index, target in ipairs(targets) do
      list[index] = found[target]
    end
    return list
  end

  local function assert_barrier(staged, said)
    assert.truthy(said:find("a barrier stands in IPv4 and IPv6", 1, true), said)
    assert.truthy(said:find("ssh from where its operators came (" .. friend.ipv4 .. " 22)", 1, true), said)
    assert.truthy(said:find("the next moongate command", 1, true), said)
    assert.same({ "open", "silent", "silent" }, states(staged, "friend", "ipv4"))
    assert.same({ "silent", "silent", "silent" }, states(staged, "stranger", "ipv4"))
    assert.same({ "silent", "silent", "silent" }, states(staged, "friend", "ipv6"))
    assert.equal("open", packets.state(staged.lab.server, "tcp", "127.0.0.1", 8080))
    for _, family in ipairs(tables.families) do
      for _, chain in ipairs { "INPUT", "FORWARD", "OUTPUT" } do
        assert.equal("DROP", tables.filter(staged.lab.server, family)[chain].policy)
      end
    end
    -- And the way back.
    staged.program:must("restore")
    assert.equal(staged.old, tables.both(staged.lab.server))
  end

  after_each(network.close_all)

  it("stands where a guard fails for good, unless that fails too; exit 8 says which", function()
    local closed, unknown = stage(), stage()
    start_apply(closed)
    start_apply(unknown)
    break_guard(closed, "1.." .. guard_writes)
    break_guard(unknown, "1+")
    closed.asked = closed.lab.server:start(closed.program:words("rollback"), closed.program:options())
    unknown.asked = unknown.lab.server:start(unknown.program:words("rollback"), unknown.program:options())

    for _, name in ipairs { "asked", "apply" } do
      local result = closed[name]:wait(30)
      assert.equal(8, result.code, result.out .. result.err)
      assert.truthy(result.err:find("a barrier stands in IPv4 and IPv6", 1, true), result.err)
      result = unknown[name]:wait(30)
      assert.equal(8, result.code, result.out .. result.err)
      assert.truthy(result.err:find("no barrier stands in IPv4 and IPv6: ", 1, true), result.err)
    end
    assert_barrier(closed, closed.apply:err())
    -- Nobody could write anything.
    assert.same({ "open", "open", "open" }, states(unknown, "stranger", "ipv4"))
  end)

  it("stands where apply has lost its guard and fails by itself", function()
    local staged = stage()
    -- How many writes a commit takes.
    local result, trace = staged.program:traced({ alone = true, "trace=setsockopt" },
      "apply", staged.new_path, "--no-confirm")
    assert.equal(0, result.code, result.err)
    local _, commit = trace:gsub("setsockopt%(", "")
    staged.program:apply(staged.lab.dir .. "/old.lua")

    start_apply(staged, { "strace", "-o", "/dev/null", "-e", "trace=setsockopt", "-e",
      ("inject=setsockopt:error=EINVAL:when=%d..%d"):format(commit + 1, commit + own_writes) })
    local watcher = run.must({ "ps", "-o", "pid=", "--ppid", staged.guard }):match("%d+")
    -- Or it would take the guard's place in between.
    run.must { "kill", "-STOP", watcher }
    run.must { "kill", "-KILL", staged.guard, watcher }
    result = staged.apply:wait(20)
    assert.equal(8, result.code, result.out .. result.err)
    assert_barrier(staged, result.err)
  end)
end)
