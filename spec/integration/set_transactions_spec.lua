-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The sets that a policy manages, with real packets: brought in, changed without
-- a table being written, changed together with rules, taken back exactly, also by
-- the guard of an apply that was killed anywhere, and cleared away.

local documents = require "spec.support.documents"
local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local tables = require "spec.support.tables"
local trace = require "spec.support.trace"

local it = features.it(it, pending)
local it_traced = features.it(it, pending, "strace")

-- Seconds that a roll-back may take beyond its deadline.
local slack = 6

local friend, stranger = network.addresses.friend, network.addresses.stranger

-- A policy whose rules do nothing else, so that counters are this spec's.
local function blocking(members, more)
  return ("block(addresses { %s, as = 'set', name = 'bad' })\nallow_icmp()\n%s"):format(members, more or "")
end

local function quoted(...)
  local words = {}
  for _, addresses in ipairs { ... } do
    words[#words + 1] = ("%q, %q"):format(addresses.ipv4, addresses.ipv6)
  end
  return table.concat(words, ", ")
end

describe("the sets of a policy #integration", function()
  local lab, program

  before_each(function()
    lab = network.lab()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  local function sets()
    return lab.server:must { "ipset", "list", "-sorted" }
  end

  local function names()
    return (lab.server:must({ "sh", "-c", "ipset list -n | sort" }):gsub("\n", " "))
  end

  local function everything()
    return sets() .. tables.both(lab.server)
  end

  -- Pings of the friend and the stranger that are answered.
  local function answered(family)
    return { packets.ping(lab.friend, network.addresses.server_for.friend[family]),
             packets.ping(lab.stranger, network.addresses.server_for.stranger[family]) }
  end

  -- Apply, and return when it waits for its confirmation.
  local function begin(path, seconds)
    local process = program:start("apply", path, "--confirm", tostring(seconds))
    run.wait_until("the commit", 8, function()
      return program:run("status").out:find("is taken back in", 1, true)
    end)
    return process
  end

  it("drop their members and nobody else, in both families", function()
    for _, family in ipairs(tables.families) do
      assert.same({ 1, 1 }, answered(family))
    end
    program:apply(program:policy(blocking(quoted(friend))))
    assert.equal("mg4-bad mg6-bad ", names())
    for _, family in ipairs(tables.families) do
      assert.same({ 0, 1 }, answered(family), family)
    end
    program:apply(program:policy("allow_icmp()\n"))
    assert.equal("", names())
    for _, family in ipairs(tables.families) do
      assert.same({ 1, 1 }, answered(family), family)
    end
  end)

  it_traced("change their members without a table being written", function()
    program:apply(program:policy(blocking(quoted(friend))))
    for _, family in ipairs(tables.families) do
      answered(family)
    end
    local before = { ipv4 = tables.filter(lab.server, "ipv4").INPUT, ipv6 = tables.filter(lab.server, "ipv6").INPUT }
    local path = program:policy(blocking(quoted(stranger)))
    local result, text = program:traced({ trace.expression }, "plan", path)
    assert.equal(0, result.code, result.err)
    -- nor does a private namespace judge rules that are live as they are
    assert.is_nil(text:find("_SO_SET_REPLACE", 1, true))
    result, text = program:traced({ trace.expression }, "apply", path, "--no-confirm")
    assert.equal(0, result.code, result.err)
    assert.same({ ipv4 = 0, ipv6 = 0 }, trace.replaces(text), text)
    for _, family in ipairs(tables.families) do
      local now = tables.filter(lab.server, family).INPUT
      local rule = tables.find(before[family], "--match-set")
      assert.truthy(rule.packets > 0)
      assert.same(rule, tables.find(now, "--match-set"))
      assert.same({ 1, 0 }, answered(family), family)
    end
    assert.equal("mg4-bad mg6-bad ", names())
    local again = program:run("plan", path, "--detailed-exitcode")
    assert.equal(0, again.code, again.out)
  end)

  -- Old and new, and what makes them differ.
  local changes = {
    members = { blocking(quoted(friend)), blocking(quoted(stranger)) },
    ["members and rules"] = { blocking(quoted(friend)), blocking(quoted(stranger), "allow_inbound { tcp = 7 }\n") },
    types = { blocking(quoted(friend)), blocking([["10.66.0.0/16", "2001:db8:66::/48"]]) },
    ["a new set"] = { "allow_icmp()\n", blocking(quoted(stranger)) },
    ["a set that goes"] = { blocking(quoted(friend)), "allow_icmp()\n" },
  }
  local kinds = { "members", "members and rules", "types", "a new set", "a set that goes" }

  for _, kind in ipairs(kinds) do
    local old, new = table.unpack(changes[kind])

    it("come back as they were, and are confirmed as they are wanted: " .. kind, function()
      program:apply(program:policy(old))
      local old_answers = { answered("ipv4"), answered("ipv6") }
      local before = everything()
      local path = program:policy(new, "new.lua")
      local process = begin(path, 30)
      local new_answers = { answered("ipv4"), answered("ipv6") }
      assert.are_not.same(old_answers, new_answers)
      program:must("rollback")
      assert.equal(3, process:wait(slack).code)
      assert.equal(before, everything())
      assert.same(old_answers, { answered("ipv4"), answered("ipv6") })
      process = begin(path, 1)
      assert.equal(3, process:wait(slack).code)
      assert.equal(before, everything())
      process = begin(path, 30)
      program:must("confirm", "--console")
      assert.equal(0, process:wait(slack).code)
      assert.same(new_answers, { answered("ipv4"), answered("ipv6") })
      assert.equal(0, program:run("plan", path, "--detailed-exitcode").code)
      -- nothing is left of what was
      local _, count = sets():gsub("Name: ", "")
      assert.equal(kind == "a set that goes" and 0 or 2, count)
    end)
  end

  for _, kind in ipairs { "members", "members and rules", "types", "a set that goes" } do
    local old, new = table.unpack(changes[kind])
    for what, command in pairs { destroyed = "ipset destroy $s", changed = "ipset add $s 127.9.9.9" } do
      it(("come back when what stood aside was %s meanwhile: %s"):format(what, kind), function()
        program:apply(program:policy(old))
        local before = everything()
        local process = begin(program:policy(new, "new.lua"), 30)
        local done = lab.server:must { "sh", "-c", ([[
          for s in $(ipset list -t | awk '/^Name/ { n = $2 } /^References: 0/ { print n }' | grep mg4); do
            %s && echo "$s"
          done]]):format(command) }
        assert.matches("^mg4%-bad", done)
        program:must("rollback")
        assert.equal(3, process:wait(slack).code)
        assert.equal((before:gsub("initval %S+", "")), (everything():gsub("initval %S+", "")))
        assert.equal(0, program:run("plan", program:policy(old), "--detailed-exitcode").code)
      end)
    end
  end

  for _, kind in ipairs { "members", "members and rules" } do
    it_traced("come back when apply is killed at any of its calls to the kernel: " .. kind, function()
      local old, new = table.unpack(changes[kind])
      program:apply(program:policy(old))
      local before = everything()
      local path = program:policy(new, "new.lua")
      local result, text = program:traced({ alone = true, "trace=sendto,setsockopt" }, "apply", path, "--confirm", "1")
      assert.equal(3, result.code, result.err)
      assert.equal(before, everything())
      local killed = 0
      for _, call in ipairs { "sendto", "setsockopt" } do
        local _, calls = text:gsub("%f[%w]" .. call .. "%(", "")
        for nth = call == "sendto" and math.max(1, calls - 16) or 1, calls do
          local inject = ("inject=%s:signal=KILL:when=%d"):format(call, nth)
          result = program:traced({ alone = true, "trace=" .. call, inject }, "apply", path, "--confirm", "1")
          killed = killed + (result.code > 128 and 1 or 0)
          run.wait_until(("the old state, killed at %s %d"):format(call, nth), slack, function()
            return everything() == before
          end)
        end
      end
      assert.truthy(killed >= 8, killed)
      program:apply(path, "--wait", "5")
      assert.equal(0, program:run("plan", path, "--detailed-exitcode").code)
    end)
  end

  it_traced("come back when any of the last calls to the kernel fails", function()
    local old, new = table.unpack(changes["members and rules"])
    program:apply(program:policy(old))
    local before = everything()
    local path = program:policy(new, "new.lua")
    local _, text = program:traced({ alone = true, "trace=sendto" }, "apply", path, "--confirm", "1")
    local _, calls = text:gsub("%f[%w]sendto%(", "")
    local failed = 0
    for nth = math.max(1, calls - 12), calls do
      local inject = ("inject=sendto:error=ENOBUFS:when=%d"):format(nth)
      local result = program:traced({ alone = true, "trace=sendto", inject }, "apply", path, "--confirm", "1")
      assert.are_not.equal(0, result.code, "call " .. nth)
      failed = failed + (result.code ~= 3 and 1 or 0)
      run.wait_until("the old state, failed at call " .. nth, slack, function()
        return everything() == before
      end)
    end
    assert.truthy(failed >= 4, failed)
  end)

  it("let nobody through while they change who is in the old and the new one", function()
    program:apply(program:policy(blocking(quoted(friend))))
    local address = network.addresses.server_for.friend.ipv4
    local flood = lab.friend:start { "ping", "-n", "-q", "-i", "0.002", "-w", "60", address }
    for round = 1, 12 do
      -- members alone, and together with rules
      local more = round % 4 < 2 and "" or ("allow_inbound { tcp = %d }\n"):format(round)
      local other = ("192.0.2.%d"):format(round)
      local path = program:policy(blocking(("%s, %q"):format(quoted(friend), other), more))
      local process = begin(path, 20)
      program:must(round % 2 == 0 and "rollback" or "confirm", table.unpack(round % 2 == 0 and {} or { "--console" }))
      process:wait(slack)
    end
    flood:signal("INT")
    flood:wait(5)
    local sent, received = flood:out():match("(%d+) packets transmitted, (%d+) received")
    assert.truthy(tonumber(sent) > 24, flood:out())
    assert.equal("0", received)
  end)

  it("come back when the guard dies", function()
    program:apply(program:policy(changes.members[1]))
    local before = everything()
    local process = begin(program:policy(changes.members[2], "new.lua"), 30)
    local record = run.read_file(program.state_dir .. "/pending.json")
      or run.must { "sh", "-c", "cat " .. run.quote(program.state_dir) .. "/*/pending.json" }
    run.must { "kill", "-KILL", (assert(record:match('"guard"%s*:%s*(%d+)'), record)) }
    run.wait_until("the old state", slack, function()
      return everything() == before
    end)
    assert.equal(3, process:wait(slack).code)
  end)

  it("go with what a crash has left, once something is confirmed", function()
    program:apply(program:policy(changes.members[1]))
    for _, name in ipairs { "mg4-bad.77", "mg4-gone", "other", "mg4-used" } do
      lab.server:must { "ipset", "create", name, "hash:ip" }
    end
    -- what Moongate cannot have made stays, and no plan tells of it
    lab.server:must { "ipset", "create", "mg4-pairs", "hash:ip,port" }
    -- so does what a rule that is not the policy's looks up
    tables.edit(lab.server, "ipv4", "-t mangle -A INPUT -m set --match-set mg4-used src")
    local path = program:policy(changes.members[2])
    program:apply(path)
    assert.equal("mg4-bad mg4-pairs mg4-used mg6-bad other ", names())
    assert.equal(0, program:run("plan", path, "--detailed-exitcode").code)
  end)

  it("are not made by a name that somebody else has taken", function()
    lab.server:must { "ipset", "create", "mg4-bad", "list:set" }
    local before = everything()
    local path = program:policy("\n" .. changes.members[1])
    for _, command in ipairs { "plan", "apply" } do
      local done = program:run(command, path)
      assert.equal(5, done.code, done.out .. done.err)
      assert.truthy(done.err:find("policy.lua:2: ", 1, true), done.err)
      assert.truthy(done.err:find("the set mg4-bad is somebody else's, of the type list:set", 1, true), done.err)
    end
    assert.equal(before, everything())
  end)

  it("stay as they are when the kernel refuses a table", function()
    program:apply(program:policy(changes.members[1]))
    local before = everything()
    for nth = 1, 2 do
      local inject = ("inject=setsockopt:error=EINVAL:when=%d"):format(nth)
      local result = program:traced({ "trace=setsockopt", inject, alone = true }, "apply",
        program:policy(changes["members and rules"][2], "new.lua"), "--no-confirm")
      assert.are_not.equal(0, result.code)
      assert.equal(before, everything())
    end
  end)

  -- The operator comes by ssh; which members a set has is known.
  it("are looked into before the operator is cut off", function()
    local function apply(policy)
      local path = program:policy("default_deny()\nallow_established()\nallow_loopback()\nallow_icmp()\n" .. policy)
      return program:run_with({ env = { SSH_CONNECTION = friend.ipv4 .. " 50000 10.137.0.1 22" } },
        "apply", path, "--no-confirm")
    end
    for _, case in ipairs {
      { 5, "allow_inbound_ssh()\nblock(addresses { %q, as = 'set' })\n", friend },
      { 0, "allow_inbound_ssh()\nblock(addresses { %q, as = 'set' })\n", stranger },
      { 5, "allow_inbound_ssh { from = addresses { %q, as = 'set' } }\n", stranger },
      { 0, "allow_inbound_ssh { from = addresses { %q, as = 'set' } }\n", friend },
    } do
      local code, policy, who = table.unpack(case)
      local done = apply(policy:format(who.ipv4))
      assert.equal(code, done.code, policy .. done.out .. done.err)
    end
  end)

  it("are missed by status where somebody changed them", function()
    program:apply(program:policy(changes.members[1]))
    local quiet = program:must("status")
    assert.truthy(quiet.out:find("drift        none", 1, true), quiet.out)
    lab.server:must { "ipset", "add", "mg4-bad", "192.0.2.1" }
    local status = program:must("status")
    assert.truthy(status.out:find("1 set with other members", 1, true), status.out)
    local said = documents.new(program)
    local drift = said:run("status").drift
    assert.same({ true, 0, 0, 1 }, { drift.drifted, drift.missing, drift.policies, drift.sets })
    assert.equal("", (said:judge()))
    program:apply(program:policy(changes.members[1]))
    assert.equal(quiet.out:match("\ndrift.*"), program:must("status").out:match("\ndrift.*"))
  end)

  it("are those of a saved plan, or it is refused", function()
    local old, new = table.unpack(changes.members)
    program:apply(program:policy(old))
    local file = lab.dir .. "/saved.plan"
    program:must("plan", program:policy(new), "--out", file)
    lab.server:must { "ipset", "add", "mg4-bad", "192.0.2.1" }
    local before = everything()
    local refused = program:run("apply", file, "--no-confirm")
    assert.equal(5, refused.code, refused.out .. refused.err)
    assert.truthy(refused.err:find("mg4-bad", 1, true), refused.err)
    assert.equal(before, everything())
    lab.server:must { "ipset", "del", "mg4-bad", "192.0.2.1" }
    program:apply(file)
    assert.same({ 1, 0 }, answered("ipv4"))
    assert.same({ 1, 0 }, answered("ipv6"))
  end)

  it("take 100,000 addresses of a file in one go", function()
    local lines = {}
    for i = 1, 100000 do
      -- every other address: no two of them make a network
      lines[i] = ("11.%d.%d.%d"):format(i * 2 // 65536, i * 2 // 256 % 256, i * 2 % 256)
    end
    run.write_file(lab.dir .. "/list.txt", table.concat(lines, "\n") .. "\n" .. friend.ipv4 .. "\n")
    run.must { "chmod", "644", lab.dir .. "/list.txt" }
    local path = program:policy("block(addresses_from_file('list.txt'))\nallow_icmp()\n")
    program:apply(path)
    assert.same({ 0, 1 }, answered("ipv4"))
    assert.equal("mg4-list ", names())
    assert.truthy(lab.server:must({ "ipset", "list", "-t" }):find("Number of entries: 100001\n", 1, true))
    assert.equal(0, program:run("plan", path, "--detailed-exitcode").code)
    run.write_file(lab.dir .. "/list.txt", table.concat(lines, "\n") .. "\n" .. stranger.ipv4 .. "\n")
    program:apply(path)
    assert.same({ 1, 0 }, answered("ipv4"))
  end)
end)
