-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Another program writes to the tables while an apply is at work, heeding the
-- xtables lock or not: it is noticed, also where the number of rules stays the
-- same, and what it wrote is not silently gone.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it_traced = features.it(it, pending, "strace")
local it = features.it(it, pending)

local old_policy = [[
default_deny()
allow_established()
allow_loopback()
allow_inbound { tcp = 9 }
local c = chain("mangle", "PREROUTING")
c:append "-p tcp --dport 9 -j MARK --set-mark 1"
]]

local new_policy = old_policy .. [[
allow_inbound { tcp = 8080 }
c:append "-p tcp --dport 8080 -j MARK --set-mark 1"
]]

-- A rule more, and another rule in its place.
local writes = {
  { "another number of rules", "-A INPUT -p tcp --dport 7777 -j DROP" },
  { "as many rules", "-R INPUT 1 -p tcp --dport 7777 -j DROP" },
}

local function words_of(text)
  local list = {}
  for word in text:gmatch("%S+") do
    list[#list + 1] = word
  end
  return list
end

describe("another writer #integration", function()
  local lab, program, new_path, old_tables

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
    program:apply(program:policy(old_policy, "old.lua"))
    new_path = program:policy(new_policy, "new.lua")
    old_tables = tables.both(lab.server)
  end)

  after_each(network.close_all)

  local function has(family, what)
    return tables.save(lab.server, family):find(what, 1, true)
  end

  -- As a program does that heeds no lock.
  local function write(family, words)
    lab.server:must({ family == "ipv4" and "iptables-legacy" or "ip6tables-legacy", table.unpack(words_of(words)) },
      { env = { XTABLES_LOCKFILE = lab.dir .. "/no-lock" } })
  end

  for _, each in ipairs(writes) do
    local how, words = table.unpack(each)
    it("is noticed between the plan and the commit: " .. how, function()
      local blocker = lab.server:start { "flock", "-o", program.lock_file, "sleep", "60" }
      run.wait_until("the lock to be held", 5, function()
        return run.run({ "flock", "-n", program.lock_file, "true" }).code ~= 0
      end)
      local apply = program:start("apply", new_path, "--no-confirm", "--wait", "20")
      run.wait_until("the plan", 8, function()
        return apply:out():find("to add", 1, true)
      end)
      write("ipv6", words)
      local written = tables.both(lab.server)
      blocker:signal("TERM")
      local result = apply:wait(10)
      assert.equal(5, result.code, result.out .. result.err)
      assert.truthy(result.err:find("IPv6 table filter", 1, true), result.err)
      assert.truthy(result.err:find("plan again", 1, true), result.err)
      assert.equal(written, tables.both(lab.server))
    end)

    -- The last table is changed after the first one was committed.
    it_traced("is noticed between two commits: " .. how, function()
      local line = { "strace", "-o", "/dev/null", "-e", "trace=setsockopt",
                     "-e", "inject=setsockopt:delay_exit=1000000:when=1" }
      table.move(program:words("apply", new_path, "--no-confirm"), 1, 9, #line + 1, line)
      local apply = lab.server:start(line, program:options { env = { ASAN_OPTIONS = "detect_leaks=0" } })
      run.wait_until("the first commit", 8, function()
        return has("ipv4", "-A PREROUTING -p tcp -m tcp --dport 8080")
      end)
      write("ipv6", words)
      assert.falsy(has("ipv6", "-A INPUT -p tcp -m tcp --dport 8080"), "it was too late")
      local result = apply:wait(10)
      assert.equal(5, result.code, result.out .. result.err)
      assert.truthy(result.err:find("IPv6 table filter", 1, true), result.err)
      assert.truthy(has("ipv6", "7777"))
      for _, family in ipairs(tables.families) do
        assert.falsy(has(family, "8080"), family)
      end
    end)

    it_traced("is noticed by reading back what was committed: " .. how, function()
      local line = { "strace", "-o", "/dev/null", "-e", "trace=setsockopt",
                     "-e", "inject=setsockopt:delay_exit=1000000:when=1" }
      table.move(program:words("apply", new_path, "--no-confirm"), 1, 9, #line + 1, line)
      local apply = lab.server:start(line, program:options { env = { ASAN_OPTIONS = "detect_leaks=0" } })
      run.wait_until("the first commit", 8, function()
        return has("ipv4", "-A PREROUTING -p tcp -m tcp --dport 8080")
      end)
      write("ipv4", "-t mangle " .. words:gsub("INPUT", "PREROUTING"):gsub("DROP", "ACCEPT"))
      local result = apply:wait(10)
      assert.equal(4, result.code, result.out .. result.err)
      assert.truthy(result.err:find("changed the IPv4 table mangle", 1, true), result.err)
      assert.equal(old_tables, tables.both(lab.server))
    end)
  end

  -- Then it is the kernel that says so, and what is there now is not ours to put back.
  it_traced("is noticed in the moment of a commit, and what it wrote stays", function()
    local line = { "strace", "-o", "/dev/null", "-e", "trace=setsockopt",
                   "-e", "inject=setsockopt:delay_enter=2500000:when=1" }
    table.move(program:words("apply", new_path, "--no-confirm"), 1, 9, #line + 1, line)
    local apply = lab.server:start(line, program:options { env = { ASAN_OPTIONS = "detect_leaks=0" } })
    run.wait_until("the guard", 8, function()
      return run.run({ "test", "-S", program.state_dir .. "/run/guard.sock" }).code == 0
    end)
    run.run { "sleep", "1" } -- until it is in the call
    write("ipv4", "-t mangle -A PREROUTING -p tcp --dport 7777 -j ACCEPT")
    local written = tables.both(lab.server)
    local result = apply:wait(10)
    assert.equal(4, result.code, result.out .. result.err)
    assert.truthy(result.err:find("the IPv4 table mangle at the same moment", 1, true), result.err)
    assert.equal(written, tables.both(lab.server))
  end)

  -- Large sets take their time, between the look at the tables and the first commit.
  it_traced("is noticed while sets are made", function()
    local set = 'allow_inbound { tcp = 80, from = addresses { "192.0.2.1", as = "set", name = "office" } }\n'
    local path = program:policy(old_policy .. set, "set.lua")
    local expressions = { "trace=sendto", alone = true }
    local _, text = program:traced(expressions, "apply", path, "--no-confirm")
    local _, messages = text:match("^.-IPSET_CMD_CREATE"):gsub("sendto%(", "")
    program:apply(lab.dir .. "/old.lua")
    local line = { "strace", "-o", "/dev/null", "-e", "trace=sendto", "-e",
                   ("inject=sendto:delay_exit=1000000:when=%d"):format(messages) }
    table.move(program:words("apply", path, "--no-confirm"), 1, 9, #line + 1, line)
    local apply = lab.server:start(line, program:options { env = { ASAN_OPTIONS = "detect_leaks=0" } })
    local function sets()
      return lab.server:must { "ipset", "list", "-n" }
    end
    run.wait_until("the set", 8, function()
      return sets():find("office", 1, true)
    end)
    write("ipv4", writes[2][2])
    local result = apply:wait(10)
    assert.equal(5, result.code, result.out .. result.err)
    assert.truthy(result.err:find("IPv4 table filter", 1, true), result.err)
    assert.truthy(has("ipv4", "7777"))
    assert.equal("", sets())
  end)
end)
