-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What a policy keeps goes on living: its owner bans and unbans before the
-- commit, while a confirmation is pending and around a roll-back, and loses
-- neither a rule nor a packet that was counted.

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
allow_inbound { tcp = { 7000, 7001 } }
keep "fail2ban"
]]
local more = base .. "allow_inbound { tcp = 8443 }\n"

-- Seconds that a roll-back may take after its deadline.
local slack = 4

local all = { ipv4 = "0.0.0.0/0", ipv6 = "::/0" }
local banned = { ipv4 = "203.0.113.%d", ipv6 = "2001:db8:bad::%d" }

describe("what a policy keeps #integration", function()
  local lab, program

  local function begin(make)
    lab = make()
    program = moongate.new(lab)
  end

  after_each(network.close_all)

  local function edit(family, line)
    return tables.edit(lab.server, family, line)
  end

  -- As tables.edit(), though somebody else holds the lock.
  local function edit_unlocked(family, line)
    local words = { family == "ipv4" and "iptables-legacy" or "ip6tables-legacy" }
    for word in line:gmatch("%S+") do
      words[#words + 1] = word
    end
    lab.server:must(words, { env = { XTABLES_LOCKFILE = lab.dir .. "/other.lock" } })
  end

  local function ban(family, number, how)
    (how or edit)(family, ("-I f2b-sshd 1 -s %s -j DROP"):format(banned[family]:format(number)))
  end

  local function unban(family, number)
    edit(family, ("-D f2b-sshd -s %s -j DROP"):format(banned[family]:format(number)))
  end

  -- A jail as fail2ban makes it: its chain, and the jump in front of all.
  local function jail(family, name, how)
    how = how or edit
    how(family, "-N f2b-" .. name)
    how(family, "-A f2b-" .. name .. " -j RETURN")
    how(family, "-I INPUT 1 -p tcp -m multiport --dports 22,7001 -j f2b-" .. name)
  end

  -- The numbers of the addresses that are banned, in the order of their rules.
  local function bans(family)
    local numbers = {}
    for _, rule in ipairs(tables.filter(lab.server, family)["f2b-sshd"] or {}) do
      local number = rule.text:match("^%-s 203%.0%.113%.(%d+)/") or rule.text:match("^%-s 2001:db8:bad::(%d+)/")
      numbers[#numbers + 1] = tonumber(number)
    end
    return numbers
  end

  local function has(part, family)
    return tables.find(tables.filter(lab.server, family or "ipv4").INPUT, part) ~= nil
  end

  local function nothing_to_do(policy)
    local result = program:run("plan", policy, "--detailed-exitcode")
    assert.equal(0, result.code, result.out .. result.err)
    local status = program:must("status").out
    assert.truthy(status:find("drift        none", 1, true), status)
  end

  -- The lines about rules of others, with counters: byte for byte what the owner put there.
  local function owners_lines(family)
    local lines = {}
    for line in tables.save_counted(lab.server, family):gmatch("[^\n]+") do
      if line:find("f2b-", 1, true) then
        lines[#lines + 1] = line
      end
    end
    return table.concat(lines, "\n")
  end

  -- An apply that waits to be confirmed.
  local function apply_pending(policy, seconds)
    local process = program:start("apply", policy, "--confirm", tostring(seconds))
    run.wait_until("the new tables", 8, function()
      return has("--dport 8443 ", "ipv4") and has("--dport 8443 ", "ipv6") or not process:alive()
    end)
    assert.truthy(process:alive(), "apply did not wait: " .. process:out() .. process:err())
    return process
  end

  describe("with a jail", function()
    before_each(function()
      begin(network.host)
      for _, family in ipairs(tables.families) do
        jail(family, "sshd")
        ban(family, 1)
        ban(family, 2)
      end
    end)

    it("stays byte for byte, with its counters, and in front of the policy's rules", function()
      local policy = program:policy(base)
      for _, family in ipairs(tables.families) do
        local text = tables.save_counted(lab.server, family)
          :gsub("%[0:0%] %-A f2b%-sshd %-s", "[17:1700] -A f2b-sshd -s")
          :gsub("%[0:0%] %-A INPUT", "[170:17000] -A INPUT")
        tables.restore(lab.server, family, text, "-c")
      end
      local before = { ipv4 = owners_lines("ipv4"), ipv6 = owners_lines("ipv6") }
      assert.truthy(before.ipv6:find("[170:17000] -A INPUT", 1, true), before.ipv6)
      program:apply(policy)
      for _, family in ipairs(tables.families) do
        assert.equal(before[family], owners_lines(family))
        local input = tables.filter(lab.server, family).INPUT
        assert.truthy(input[1].text:find("-j f2b-sshd", 1, true), input[1].text)
        assert.truthy(input[2].text:find("RELATED,ESTABLISHED", 1, true), input[2].text)
      end
      nothing_to_do(policy)
      -- the generation is the policy's own rules, and what it keeps
      local rules = run.read_file(program.state_dir .. "/confirmed/rules.v4")
      assert.falsy(rules:find("\n-A [^\n]*f2b-"), rules)
      assert.falsy(rules:find("\n:f2b-", 1, true), rules)
      assert.truthy(("\n" .. rules):find("\n#@keep chains 10 fail2ban f2b-* \"policy.lua:6 keep\"\n", 1, true), rules)
    end)

    it("goes on, and is no drift and nothing to do", function()
      local policy = program:policy(base)
      program:apply(policy)
      for _, family in ipairs(tables.families) do
        ban(family, 3)
        unban(family, 1)
        jail(family, "web")
      end
      nothing_to_do(policy)
      assert.same({ 3, 2 }, bans("ipv4"))
      program:apply(program:policy(more))
      assert.same({ 3, 2 }, bans("ipv4"))
      assert.same({ 3, 2 }, bans("ipv6"))
      assert.truthy(has("-j f2b-web", "ipv6"))
    end)

    it("is foreign again where the policy keeps it no more", function()
      program:apply(program:policy(base))
      local before = tables.both(lab.server)
      local without = program:policy((base:gsub('keep "fail2ban"\n', "")))
      local result = program:run("apply", without, "--no-confirm")
      assert.equal(5, result.code, result.out .. result.err)
      assert.truthy(result.err:find("8 rules and 2 chains that Moongate did not put there would be removed", 1, true),
        result.err)
      assert.truthy(result.err:find('keep "fail2ban"', 1, true), result.err)
      assert.equal(before, tables.both(lab.server))
      program:apply(without, "--remove-foreign")
      assert.falsy(tables.both(lab.server):find("f2b-", 1, true))
    end)

    it("may change between the plan and the commit", function()
      local blocker = lab.server:start { "flock", program.lock_file, "sleep", "2" }
      run.wait_until("the lock to be held", 5, function()
        return run.run({ "flock", "-n", program.lock_file, "true" }).code ~= 0
      end)
      local apply = program:start("apply", program:policy(more), "--no-confirm", "--wait", "10")
      run.wait_until("the plan", 8, function()
        return apply:out():find("to add", 1, true)
      end)
      for _, family in ipairs(tables.families) do
        ban(family, 3, edit_unlocked)
        edit_unlocked(family, "-D f2b-sshd -s " .. banned[family]:format(1) .. " -j DROP")
        jail(family, "web", edit_unlocked)
      end
      local result = apply:wait(10)
      blocker:wait(5)
      assert.equal(0, result.code, result.out .. result.err)
      for _, family in ipairs(tables.families) do
        assert.same({ 3, 2 }, bans(family))
        assert.truthy(has("-j f2b-web", family))
        assert.truthy(has("--dport 8443 ", family))
      end
      nothing_to_do(program:policy(more))
    end)

    it("hides no other change between the plan and the commit", function()
      local file = lab.dir .. "/kept.plan"
      program:apply(program:policy(base))
      program:must("plan", program:policy(more), "--out", file)
      for _, family in ipairs(tables.families) do
        ban(family, 3)
        jail(family, "web")
      end
      program:apply(file)
      assert.truthy(has("--dport 8443 "))
      assert.same({ 3, 2, 1 }, bans("ipv4"))
      assert.truthy(has("-j f2b-web", "ipv6"))
      nothing_to_do(program:policy(more))
      -- and again, with a rule of ours gone
      program:apply(program:policy(base))
      program:must("plan", program:policy(more), "--out", file)
      ban("ipv4", 4)
      edit("ipv4", "-D INPUT -i lo -j ACCEPT")
      local before = tables.both(lab.server)
      local result = program:run("apply", file, "--no-confirm")
      assert.equal(5, result.code, result.out .. result.err)
      assert.truthy(result.err:find("chain INPUT of the IPv4 table filter has changed", 1, true), result.err)
      assert.equal(before, tables.both(lab.server))
    end)

    -- What its owner does while an apply waits.
    local function work()
      for _, family in ipairs(tables.families) do
        ban(family, 3)
        unban(family, 1)
        jail(family, "web")
      end
    end

    local function work_is_done()
      for _, family in ipairs(tables.families) do
        assert.same({ 3, 2 }, bans(family))
        local input = tables.filter(lab.server, family).INPUT
        assert.truthy(input[1].text:find("-j f2b-web", 1, true), input[1].text)
        assert.truthy(input[2].text:find("-j f2b-sshd", 1, true), input[2].text)
      end
    end

    it("may change while a confirmation is pending, which is then given", function()
      program:apply(program:policy(base))
      local apply = apply_pending(program:policy(more), 20)
      work()
      assert.equal(0, program:run("confirm", "--console").code)
      assert.equal(0, apply:wait(slack).code)
      work_is_done()
      nothing_to_do(program:policy(more))
    end)

    it("may change while a confirmation is pending, which never comes", function()
      program:apply(program:policy(base))
      local apply = apply_pending(program:policy(more), 3)
      work()
      assert.equal(3, apply:wait(3 + slack).code)
      work_is_done()
      for _, family in ipairs(tables.families) do
        assert.falsy(has("--dport 8443 ", family))
      end
      nothing_to_do(program:policy(base))
    end)

    it("may change while the first policy of a host is pending", function()
      local apply = apply_pending(program:policy(more), 20)
      work()
      assert.equal(0, program:run("rollback").code)
      assert.equal(3, apply:wait(slack).code)
      work_is_done()
      for _, family in ipairs(tables.families) do
        local filter = tables.filter(lab.server, family)
        assert.equal("ACCEPT", filter.INPUT.policy)
        assert.equal(2, #filter.INPUT)
      end
    end)

    it("is there after a roll-back by the guard of an apply that was killed", function()
      program:apply(program:policy(base))
      local apply = apply_pending(program:policy(more), 4)
      apply:signal("KILL")
      work()
      run.wait_until("the roll-back", 4 + slack, function()
        return not has("--dport 8443 ")
      end)
      run.wait_until("the end of the guard", slack, function()
        return program:must("status").out:find("nothing waits", 1, true)
      end)
      work_is_done()
    end)

    it_traced("is there, counted, whichever commit fails", function()
      local policy = program:policy(base .. 'chain("mangle", "OUTPUT"):append "-p udp -j ACCEPT"\n')
      program:apply(policy)
      for _, family in ipairs(tables.families) do
        ban(family, 3)
      end
      local new = program:policy(more .. 'chain("mangle", "OUTPUT"):append "-p udp --dport 9 -j ACCEPT"\n', "new.lua")
      local function counted()
        return tables.save_counted(lab.server, "ipv4") .. tables.save_counted(lab.server, "ipv6")
      end
      local before, failures = counted(), 0
      for nth = 1, 7, 2 do
        local inject = ("inject=setsockopt:error=EINVAL:when=%d"):format(nth)
        local result = program:traced({ "trace=setsockopt", inject, alone = true }, "apply", new, "--no-confirm")
        assert.equal(6, result.code, result.err)
        assert.equal(before, counted())
        failures = failures + 1
      end
      assert.equal(4, failures)
      program:apply(new)
      assert.same({ 3, 2, 1 }, bans("ipv6"))
    end)

    -- Each is fine alone; together they are a loop, which the kernel refuses.
    it("gives way where it does not go together with the old rules", function()
      local own = 'local own = chain("filter", "OWN")\nchain("filter", "INPUT"):append "-p udp -j OWN"\n'
      program:apply(program:policy(base .. own .. 'own:append "-p udp -j f2b-sshd"\n'))
      local before = tables.both(lab.server)
      local apply = apply_pending(program:policy(more .. own), 20)
      ban("ipv4", 3)
      edit("ipv4", "-I f2b-sshd 1 -j OWN")
      ban("ipv6", 3)
      assert.equal(0, program:run("rollback").code)
      assert.equal(3, apply:wait(slack).code)
      -- the family in which they do go together has what came
      assert.same({ 3, 2, 1 }, bans("ipv6"))
      unban("ipv6", 3)
      assert.equal(before, tables.both(lab.server))
    end)

    it("may be jumped to by the policy, where it is there", function()
      local jumping = base .. 'chain("filter", "INPUT"):append "-p tcp --dport 25 -j f2b-%s"\n'
      local policy = program:policy(jumping:format("sshd"))
      program:apply(policy)
      assert.truthy(has("--dport 25 -j f2b-sshd", "ipv6"))
      ban("ipv4", 3)
      nothing_to_do(policy)
      local result = program:run("plan", program:policy(jumping:format("mail")))
      assert.equal(1, result.code, result.out .. result.err)
      assert.truthy(result.err:find("policy.lua:7: append: there is no chain `f2b-mail' in the IPv4 table filter: the "
        .. 'policy keeps it, and so does not make it (chain("filter", "f2b-mail") does', 1, true), result.err)
      result = program:run("plan", program:policy(jumping:format("ssdh")))
      assert.truthy(result.err:find("`f2b-ssdh' in the IPv4 table filter; did you mean `f2b-sshd'?", 1, true),
        result.err)
      -- that it is not there yet does not keep a policy from being checked
      program:must("check", program:policy(jumping:format("mail")))
      result = program:run("check", program:policy(jumping:format("mail"):gsub('keep "fail2ban"\n', "")))
      assert.equal(1, result.code)
      -- which is ours, and goes with the line
      program:apply(program:policy(base))
      assert.falsy(has("--dport 25 "))
      assert.same({ 3, 2, 1 }, bans("ipv4"))
    end)
  end)

  -- The owner waits for the lock as all programs do, and is at work most of the time.
  local busy = [[
for number in $(seq 1 240); do
  iptables-legacy -w -I f2b-sshd 1 -s 198.18.0.$number -j DROP || exit 1
  if [ $((number % 3)) = 0 ]; then
    iptables-legacy -w -D f2b-sshd -s 198.18.0.$((number - 1)) -j DROP || exit 1
  fi
  sleep 0.01
done
]]

  it("loses no ban, and gets none back, however many applies and roll-backs come between", function()
    begin(network.host)
    jail("ipv4", "sshd")
    local policies = { program:policy(base, "base.lua"), program:policy(more, "more.lua") }
    program:apply(policies[1])
    local owner = lab.server:start({ "sh", "-c", busy }, { env = { XTABLES_LOCKFILE = program.lock_file } })
    local rounds = 0
    repeat
      if rounds % 2 == 0 then
        local apply = program:start("apply", policies[2], "--confirm", "20", "--wait", "10")
        run.wait_until("something to take back", 15, function()
          return program:run("rollback").code == 0
        end)
        assert.equal(3, apply:wait(10).code, apply:err())
      else
        program:apply(policies[2], "--wait", "10")
        program:apply(policies[1], "--wait", "10")
      end
      rounds = rounds + 1
    until not owner:alive() or rounds > 200
    local result = owner:wait(30)
    assert.equal(0, result.code, result.err)
    assert.truthy(rounds >= 2, "only " .. rounds .. " rounds")
    local expected = {}
    for number = 240, 1, -1 do
      if number % 3 ~= 2 then
        expected[#expected + 1] = ("-s 198.18.0.%d/32 -j DROP"):format(number)
      end
    end
    expected[#expected + 1] = "-j RETURN"
    local found = {}
    for _, rule in ipairs(tables.filter(lab.server, "ipv4")["f2b-sshd"]) do
      found[#found + 1] = rule.text
    end
    assert.same(expected, found)
  end)

  it("holds off whom its owner bans, whatever becomes of an apply, and counts exactly", function()
    begin(network.lab)
    services.echo(lab.server, { "tcp:7000", "tcp:7001" })
    for _, family in ipairs(tables.families) do
      edit(family, "-N f2b-sshd")
      edit(family, "-A f2b-sshd -j RETURN")
      edit(family, "-I INPUT 1 -p " .. (family == "ipv4" and "icmp" or "icmpv6") .. " -d " .. all[family]
        .. " -j f2b-sshd")
      edit(family, "-I INPUT 1 -p tcp -m multiport --dports 22,7001 -j f2b-sshd")
    end
    program:apply(program:policy(base))
    -- silence is known after a while; an answer has all the time that a busy machine takes
    local function state(who, family, port, seconds)
      return packets.state(lab[who], "tcp", network.addresses.server_for[who][family], port, seconds or 0.4)
    end
    local function counted(family)
      local filter = tables.filter(lab.server, family)
      local jump = tables.find(filter.INPUT, family == "ipv4" and "-p icmp -j f2b-sshd" or "-p ipv6-icmp -j f2b-sshd")
      return jump.packets
    end
    local before = counted("ipv4")
    assert.equal("open", state("friend", "ipv4", 7001, 5))
    for _, ending in ipairs { "confirm", "rollback" } do
      local apply = apply_pending(program:policy(more), 20)
      for _, family in ipairs(tables.families) do
        edit(family, "-I f2b-sshd 1 -s " .. network.addresses.stranger[family] .. " -j DROP")
        assert.equal("silent", state("stranger", family, 7001))
      end
      assert.equal(2, packets.ping(lab.friend, network.addresses.server_for.friend.ipv4, 2))
      if ending == "confirm" then
        assert.equal(0, program:run("confirm", "--console").code)
      else
        assert.equal(0, program:run("rollback").code)
      end
      apply:wait(slack)
      before = before + 2
      assert.equal(before, counted("ipv4"), ending)
      for _, family in ipairs(tables.families) do
        local rule = tables.find(tables.filter(lab.server, family)["f2b-sshd"], network.addresses.stranger[family])
        assert.truthy(rule.packets >= 1, ending .. ": the rule of a ban counts on")
        assert.equal("silent", state("stranger", family, 7001), ending)
        assert.equal("open", state("stranger", family, 7000, 5), ending)
        assert.equal("open", state("friend", family, 7001, 5), ending)
        edit(family, "-D f2b-sshd -s " .. network.addresses.stranger[family] .. " -j DROP")
        assert.equal("open", state("stranger", family, 7001, 5), ending)
      end
      program:apply(program:policy(base))
    end
  end)
end)
