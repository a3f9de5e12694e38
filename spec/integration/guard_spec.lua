-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The guard: what was applied is taken back unless it is confirmed in time,
-- whatever becomes of the terminal and of the process that applied it.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local services = require "spec.support.services"
local tables = require "spec.support.tables"

local it = features.it(it, pending)
local it_traced = features.it(it, pending, "strace")
local it_over_ssh = features.it(it, pending, "sshd", "ssh")

local old_policy = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
]]

local new_policy = old_policy .. "allow_inbound { tcp = 8080 }\n"

-- Seconds that apply waits in these tests, and what is granted on top of it.
local patience, slack = 1, 2.5

describe("the guard #integration", function()
  local lab, program, old_tables, new_path

  local function is_new()
    return tables.save(lab.server, "ipv4"):find("--dport 8080", 1, true)
      and tables.save(lab.server, "ipv6"):find("--dport 8080", 1, true)
  end

  -- Start an apply and wait until the new rules are in the kernel.
  local function apply_pending(seconds)
    local process = program:start("apply", new_path, "--confirm", tostring(seconds))
    run.wait_until("the new tables", 5, function()
      return is_new() or not process:alive()
    end)
    assert.truthy(process:alive(), "apply did not wait: " .. process:out() .. process:err())
    return process
  end

  local function prepare(make)
    lab = make()
    program = moongate.new(lab)
    program:apply(program:policy(old_policy, "old.lua"))
    new_path = program:policy(new_policy, "new.lua")
    old_tables = tables.both(lab.server)
  end

  before_each(function()
    prepare(network.host)
  end)

  after_each(network.close_all)

  it("takes back what nobody confirms, at its deadline", function()
    local result = apply_pending(2):wait(2 + slack)
    assert.equal(3, result.code, result.out .. result.err)
    assert.truthy(result.seconds >= 1.9, "taken back too early: " .. result.seconds)
    assert.equal(old_tables, tables.both(lab.server))
  end)

  it("gives the first tables back to a host that had none", function()
    network.close_all()
    lab = network.host()
    program = moongate.new(lab)
    new_path = program:policy(new_policy, "new.lua")
    local result = apply_pending(patience):wait(patience + slack)
    assert.equal(3, result.code, result.err)
    for _, family in ipairs(tables.families) do
      for name, chain in pairs(tables.filter(lab.server, family)) do
        assert.equal("ACCEPT", chain.policy, name)
        assert.equal(0, #chain, name)
      end
    end
  end)

  it("takes a number of seconds with its unit, too", function()
    local process = program:start("apply", new_path, "--confirm", "1s")
    assert.equal(3, process:wait(1 + slack + 1).code, process:err())
    assert.equal(old_tables, tables.both(lab.server))
  end)

  it("keeps what is confirmed in time", function()
    local process = apply_pending(10)
    local confirm = program:run("confirm", "--console")
    assert.equal(0, confirm.code, confirm.out .. confirm.err)
    local result = process:wait(slack)
    assert.equal(0, result.code, result.out .. result.err)
    assert.truthy(is_new())
    assert.are_not.equal(0, program:run("confirm", "--console").code, "still pending")
    assert.equal(0, program:run("plan", new_path, "--detailed-exitcode").code)
  end)

  it("takes it back at once when asked to", function()
    local process = apply_pending(20)
    local started = run.now()
    local rollback = program:run("rollback")
    assert.equal(0, rollback.code, rollback.out .. rollback.err)
    assert.equal(old_tables, tables.both(lab.server))
    assert.equal(3, process:wait(slack).code, process:err())
    assert.truthy(run.now() - started < 5)
  end)

  it("takes its own rules back even when other software has added one meanwhile", function()
    local process = apply_pending(patience)
    tables.edit(lab.server, "ipv4", "-A INPUT -p tcp --dport 2222 -j DROP")
    assert.equal(3, process:wait(patience + slack).code, process:err())
    assert.falsy(tables.save(lab.server, "ipv4"):find("--dport 8080", 1, true))
    assert.falsy(tables.save(lab.server, "ipv6"):find("--dport 8080", 1, true))
  end)

  for _, signal in ipairs { "HUP", "TERM", "INT", "KILL" } do
    it("gives the old tables back after SIG" .. signal .. " to apply", function()
      local process = apply_pending(patience)
      process:signal(signal)
      tables.wait_for(lab.server, old_tables, patience + slack, "the old tables after SIG" .. signal)
      process:wait(slack)
      assert.are_not.equal(0, program:run("confirm", "--console").code, "still pending")
      assert.equal(old_tables, tables.both(lab.server))
    end)
  end

  it("lets an apply be confirmed whose process was killed", function()
    apply_pending(10):signal("KILL")
    local confirm = program:run("confirm", "--console")
    assert.equal(0, confirm.code, confirm.out .. confirm.err)
    assert.truthy(is_new())
  end)

  it("gives the old tables back at once when the guard itself is killed", function()
    local process = apply_pending(20)
    local pending_record = assert(run.read_file(program.state_dir .. "/run/pending.json"))
    local guard = assert(pending_record:match('"guard"%s*:%s*(%d+)'), pending_record)
    run.must { "kill", "-KILL", guard }
    tables.wait_for(lab.server, old_tables, slack, "the old tables after the guard's death")
    assert.equal(3, process:wait(slack).code, process:err())
  end)

  it("gives the old tables back after the terminal is closed", function()
    local terminal = program:on_terminal("apply", new_path, "--confirm", tostring(patience))
    run.wait_until("the new tables", 5, is_new)
    terminal:hang_up()
    tables.wait_for(lab.server, old_tables, patience + slack, "the old tables after a hang-up")
    terminal:close()
  end)

  -- The apply process alone is killed at its n-th setsockopt(), so between the
  -- tables, between a table and its counters, and before and after them all.
  it_traced("hears a confirmation that comes before it has heard of the commit", function()
    local words = { "strace", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:delay_exit=200000" }
    table.move(program:words("apply", new_path, "--confirm", "20"), 1, 99, #words + 1, words)
    local process = lab.server:start(words, program:options { env = { ASAN_OPTIONS = "detect_leaks=0" } })
    run.wait_until("the new tables", 15, is_new)
    program:must("confirm", "--console")
    assert.equal(0, process:wait(5).code)
    assert.truthy(is_new())
  end)

  it_traced("gives the old tables back when apply is killed in the middle of its writes", function()
    local killed = 0
    for nth = 1, 6 do
      local inject = ("inject=setsockopt:signal=KILL:when=%d"):format(nth)
      local result = program:traced({ alone = true, "trace=setsockopt", inject }, "apply", new_path, "--confirm", "1")
      killed = killed + (result.code > 128 and 1 or 0)
      tables.wait_for(lab.server, old_tables, patience + slack, "the old tables, killed at write " .. nth)
      local again = program:run("apply", lab.dir .. "/old.lua", "--no-confirm", "--wait", "3")
      assert.equal(0, again.code, ("after write %d: %s"):format(nth, again.err))
      assert.equal(old_tables, tables.both(lab.server))
    end
    assert.truthy(killed >= 2, "nothing was killed in the middle")
  end)

  it("refuses a second apply while one is pending", function()
    local process = apply_pending(20)
    local before = tables.both(lab.server)
    local second = program:run("apply", program:policy(old_policy .. "allow_inbound { tcp = 9 }\n", "third.lua"),
      "--no-confirm", "--wait", "1")
    assert.equal(4, second.code, second.out .. second.err)
    assert.equal(before, tables.both(lab.server))
    assert.equal(0, program:run("rollback").code)
    assert.equal(3, process:wait(slack).code)
  end)

  it("has nothing to confirm or to take back when nothing is pending", function()
    for _, words in ipairs { { "confirm", "--console" }, { "confirm" }, { "rollback" } } do
      local result = program:run(table.unpack(words))
      assert.equal(1, result.code, words[1] .. ": " .. result.out .. result.err)
      assert.truthy(#result.err > 0, words[1] .. " must say why")
    end
    assert.equal(old_tables, tables.both(lab.server))
  end)

  it("tells the pending state in status", function()
    local quiet = program:must("status").out
    local process = apply_pending(10)
    local pending = program:must("status").out
    assert.are_not.equal(quiet, pending)
    assert.truthy(pending:lower():find("pending", 1, true) or pending:lower():find("confirm", 1, true), pending)
    program:must("confirm", "--console")
    assert.equal(0, process:wait(slack).code)
  end)

  describe("over ssh", function()
    local sshd
    local address = network.addresses.server_for.friend.ipv4

    before_each(function()
      network.close_all()
      prepare(network.lab)
      sshd = services.sshd(lab.server, 22)
    end)

    local function apply_over_ssh(seconds, options)
      local command = program:line("apply", new_path, "--confirm", tostring(seconds))
      local process = lab.friend:start(sshd:words(address, command, options), { unset = { "SSH_AUTH_SOCK" } })
      run.wait_until("the new tables", 6, function()
        assert(process:alive(), "apply over ssh ended: " .. process:out() .. process:err())
        return is_new()
      end)
      return process
    end

    it_over_ssh("counts a confirmation from a new connection", function()
      local process = apply_over_ssh(15)
      local confirm = sshd:run(lab.friend, address, program:line("confirm"))
      assert.equal(0, confirm.code, confirm.out .. confirm.err)
      assert.equal(0, process:wait(slack).code, process:err())
      assert.truthy(is_new())
    end)

    it_over_ssh("does not count one from the connection that applied", function()
      local master = { "-o", "ControlMaster=auto", "-o", "ControlPath=" .. lab.dir .. "/master" }
      local process = apply_over_ssh(4, master)
      local confirm = sshd:run(lab.friend, address, program:line("confirm"), master)
      assert.are_not.equal(0, confirm.code, confirm.out .. confirm.err)
      assert.equal(3, process:wait(4 + slack).code, process:out() .. process:err())
      assert.equal(old_tables, tables.both(lab.server))
    end)

    it_over_ssh("gives the old tables back when the connection that applied is gone", function()
      local process = apply_over_ssh(patience + 1, { "-tt" })
      process:signal("KILL")
      tables.wait_for(lab.server, old_tables, patience + 1 + slack, "the old tables after a lost connection")
    end)

    it_over_ssh("refuses a policy that would not let the operator in again", function()
      local elsewhere = old_policy:gsub("allow_inbound_ssh%(%)", 'allow_inbound_ssh { from = "10.9.9.0/24" }')
      local path = program:policy(elsewhere, "lockout.lua")
      local result = sshd:run(lab.friend, address, program:line("apply", path, "--confirm", "2"))
      assert.equal(5, result.code, result.out .. result.err)
      assert.equal(old_tables, tables.both(lab.server))
    end)
  end)
end)
