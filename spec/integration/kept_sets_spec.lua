-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The sets of a policy change, and so do its rules, while the owner of what it
-- keeps is at work: between the plan and the commit, and while it is pending.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local function blocking(members, more)
  return ([[
keep "fail2ban"
allow_icmp()
block(addresses { %s, as = "set", name = "bad" })
%s]]):format(members, more or "")
end

-- The old policy, and each way in which another one differs.
local old = blocking '"192.0.2.1", "2001:db8::1"'
local ways = {
  { "in their members", blocking '"192.0.2.1", "192.0.2.2", "2001:db8::2"' },
  { "in their members, with rules", blocking('"192.0.2.2", "2001:db8::2"', "allow_inbound { tcp = 8443 }\n") },
  { "in their type", blocking '"192.0.2.0/24", "2001:db8::/64"' },
  { "to none", 'keep "fail2ban"\nallow_icmp()\n' },
}

describe("sets beside what a policy keeps change #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
    lab.server:must { "ipset", "create", "f2b-web", "hash:ip" }
    lab.server:must { "ipset", "create", "f2b-web6", "hash:ip", "family", "inet6" }
    for family, set in pairs { ipv4 = "f2b-web", ipv6 = "f2b-web6" } do
      tables.edit(lab.server, family, "-N f2b-sshd")
      tables.edit(lab.server, family, "-A f2b-sshd -j RETURN")
      tables.edit(lab.server, family, "-I INPUT 1 -p tcp --dport 22 -j f2b-sshd")
      tables.edit(lab.server, family, "-I INPUT 1 -p tcp --dport 443 -m set --match-set " .. set .. " src -j DROP")
    end
    program:apply(program:policy(old, "old.lua"))
  end)

  after_each(network.close_all)

  -- What the owner does, though somebody else holds the lock.
  local function work()
    local lock = { env = { XTABLES_LOCKFILE = lab.dir .. "/other.lock" } }
    lab.server:must({ "iptables-legacy", "-I", "f2b-sshd", "1", "-s", "203.0.113.5", "-j", "DROP" }, lock)
    lab.server:must({ "ip6tables-legacy", "-I", "f2b-sshd", "1", "-s", "2001:db8:bad::5", "-j", "DROP" }, lock)
    lab.server:must { "ipset", "add", "f2b-web", "203.0.113.6" }
  end

  -- All that there is, with the owner's work taken out, which has to be there.
  local function everything_else()
    lab.server:must { "ipset", "del", "f2b-web", "203.0.113.6" }
    tables.edit(lab.server, "ipv4", "-D f2b-sshd -s 203.0.113.5 -j DROP")
    tables.edit(lab.server, "ipv6", "-D f2b-sshd -s 2001:db8:bad::5 -j DROP")
    return lab.server:must { "ipset", "list", "-sorted" } .. tables.both(lab.server)
  end

  for _, each in ipairs(ways) do
    local way, new = table.unpack(each)
    it(way .. " after its owner was at work between plan and commit", function()
      local path = program:policy(new)
      local blocker = lab.server:start { "flock", program.lock_file, "sleep", "1.5" }
      run.wait_until("the lock to be held", 5, function()
        return run.run({ "flock", "-n", program.lock_file, "true" }).code ~= 0
      end)
      local apply = program:start("apply", path, "--no-confirm", "--wait", "10")
      run.wait_until("the plan", 8, function()
        return apply:out():find("to remove", 1, true) or not apply:alive()
      end)
      work()
      local result = apply:wait(10)
      blocker:wait(5)
      assert.equal(0, result.code, result.out .. result.err)
      assert.equal(0, program:run("plan", path, "--detailed-exitcode").code)
      local found = everything_else()
      assert.equal(0, program:run("plan", path, "--detailed-exitcode").code)
      -- each way leaves its own marks
      assert.equal(way ~= "to none", found:find("Name: mg4-bad", 1, true) ~= nil, found)
      assert.equal(way == "in their members, with rules", found:find("--dport 8443 ", 1, true) ~= nil, found)
    end)

    it(way .. " and back, with what its owner did meanwhile", function()
      local before = lab.server:must { "ipset", "list", "-sorted" } .. tables.both(lab.server)
      local apply = program:start("apply", program:policy(new), "--confirm", "20")
      run.wait_until("the commit", 8, function()
        return program:run("status").out:find("is taken back in", 1, true)
      end)
      work()
      assert.equal(0, program:run("rollback").code)
      assert.equal(3, apply:wait(6).code)
      assert.equal(before, everything_else())
    end)
  end
end)
