-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What must not be believed, overlooked or left behind: found by trying to
-- break it.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local socket = require "socket"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local base = "default_deny() allow_established() allow_loopback() allow_icmp() allow_inbound_ssh()\n"
local more = base .. "allow_inbound { tcp = 8443 }\n"

describe("Moongate #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
    program:apply(program:policy(base, "base.lua"))
  end)

  after_each(function()
    lab:close()
  end)

  local function has(text)
    return tables.find(tables.filter(lab.server, "ipv4").INPUT, text) ~= nil
  end

  local function iptables(...)
    return lab.server:must({ "iptables-legacy", ... }, program:options())
  end

  -- The program's line behind a piece of shell, in the server's namespace.
  local function shell(before, after, ...)
    return lab.server:run({ "sh", "-c", before .. " " .. run.line(program:words(...)) .. " " .. after },
      program:options())
  end

  it("counts equal rules: one more than ours is somebody else's", function()
    iptables("-I", "INPUT", "1", "-p", "icmp", "-m", "icmp", "--icmp-type", "3", "-j", "ACCEPT")
    local result = program:run("apply", "--no-confirm", program:policy(base, "base.lua"))
    assert.equal(5, result.code, result.out .. result.err)
    assert.equal(2, select(2, iptables("-S", "INPUT"):gsub("%-%-icmp%-type 3 ", "")))
  end)

  it("tells rules apart that iptables prints alike", function()
    iptables("-F", "INPUT")
    iptables("-A", "INPUT", "!", "-i", "+", "-j", "DROP") -- matches nothing, and prints as -j DROP
    local path = program:policy("chain('filter', 'INPUT', { family = 'ipv4' }):append '-j DROP'", "drop.lua")
    local result = program:run("plan", "-4", "--remove-foreign", path)
    assert.truthy(result.out:find("+ 1  -j DROP", 1, true), result.out .. result.err)
    assert.truthy(result.out:find("- 1  -j DROP", 1, true), result.out)
  end)

  it("does not do what it has not shown: tables that change in between are left alone", function()
    local blocker = lab.server:start { "flock", program.lock_file, "sleep", "1.5" }
    socket.sleep(0.2)
    local path = program:policy(more, "more.lua")
    local apply = program:start("apply", "--no-confirm", "--wait", "5", "--remove-foreign", path)
    socket.sleep(0.6)
    lab.server:must({ "iptables-legacy", "-A", "INPUT", "-p", "tcp", "--dport", "9999", "-j", "ACCEPT" },
      { env = { XTABLES_LOCKFILE = lab.dir .. "/other.lock" } })
    local result = apply:wait(8)
    blocker:wait(5)
    assert.equal(5, result.code, result.err)
    assert.truthy(has("--dport 9999 "))
    assert.falsy(has("--dport 8443 "))
  end)

  it("changes nothing when the plan cannot be written", function()
    local result = shell("", ">/dev/full", "apply", "--no-confirm", program:policy(more, "more.lua"))
    assert.equal(7, result.code, result.err)
    assert.falsy(has("--dport 8443 "))
  end)

  it("takes back what cannot be recorded as confirmed", function()
    run.must { "mkdir", "-p", program.state_dir .. "/.confirmed.new/x" }
    local result = program:run("apply", "--no-confirm", program:policy(more, "more.lua"))
    assert.equal(7, result.code, result.err)
    assert.truthy(result.err:find("the old tables are back", 1, true), result.err)
    assert.falsy(has("--dport 8443 "))
    run.must { "rm", "-r", program.state_dir .. "/.confirmed.new" }
    program:apply(program:policy(more, "more.lua"))
  end)

  it("goes on from a damaged generation, loudly", function()
    run.must { "truncate", "-s", "10", program.state_dir .. "/confirmed/rules.v4" }
    local result = program:run("apply", "--no-confirm", program:policy(more, "more.lua"))
    assert.equal(0, result.code, result.err)
    assert.truthy(has("--dport 8443 "))
    local removal = program:run("plan", program:policy(base, "base.lua"))
    assert.equal(0, removal.code, removal.err)
  end)

  it("says that nobody knows what was confirmed, rather than that nothing was", function()
    run.must { "rm", program.state_dir .. "/confirmed" }
    local before = tables.save(lab.server, "ipv4")
    local fewer = program:policy("default_deny() allow_established()\n", "fewer.lua")
    for code, words in pairs { [0] = { "status" }, [5] = { "apply", "--no-confirm", "--force", fewer } } do
      local result = program:run(table.unpack(words))
      assert.equal(code, result.code, result.out .. result.err)
      assert.truthy(result.err:find("confirmed is damaged: it is missing", 1, true), result.err)
      assert.truthy(result.err:find("--remove-foreign", 1, true), result.err)
    end
    assert.equal(before, tables.save(lab.server, "ipv4"))
    -- nothing is in doubt where nothing would go
    program:apply(program:policy(base, "base.lua"))
    assert.equal("", program:must("status").err)
  end)

  it("refuses a policy that says nothing, which a full disk may have made", function()
    local result = program:run("apply", "--no-confirm", program:policy("", "empty.lua"))
    assert.equal(5, result.code, result.err)
    assert.truthy(result.err:find("truncated", 1, true), result.err)
    assert.truthy(has("--dport 22 "))
  end)

  it("refuses a chain that is called like a target", function()
    local result = program:run("check", program:policy("chain('filter', 'REJECT')", "named.lua"))
    assert.equal(1, result.code)
    assert.truthy(result.err:find("named.lua:1: chain: a chain cannot be called `REJECT'", 1, true), result.err)
  end)

  it("refuses what could not be kept for the next boot", function()
    local before = iptables("-S")
    for _, name in ipairs { "a b", 'a"b' } do
      local rule = ("{ match = { { 'recent', set = true, name = '%s' } }, jump = 'DROP' }"):format(name)
      local path = program:policy(base .. "chain('filter', 'INPUT'):append " .. rule .. "\n", "recent.lua")
      for _, words in ipairs { { "apply", "--no-confirm", path }, { "export", "-4", path } } do
        local result = program:run(table.unpack(words))
        assert.equal(1, result.code, result.err)
        assert.truthy(result.err:find("recent.lua:2: append: ", 1, true), result.err)
      end
    end
    assert.equal(before, iptables("-S"))
  end)

  it("works where address space and descriptors are short, or says so", function()
    local path = program:policy(more, "more.lua")
    if not moongate.binary:find("asan", 1, true) then -- whose shadow takes terabytes of it
      assert.equal(0, shell("ulimit -v 200000;", "", "plan", path).code)
    end
    local few = shell("ulimit -n 10;", "", "apply", "--no-confirm", path)
    assert.equal(7, few.code, few.err)
    assert.falsy(has("--dport 8443 "))
  end)

  it("gives every error of a policy its place", function()
    for _, text in ipairs { "error({})", "error('x', 0)", "error(nil)",
      "chain('filter', 'INPUT'):append('-m comment --comment \"a\\nb\"')" } do
      local result = program:run("check", program:policy("\n" .. text, "wrong.lua"))
      assert.equal(1, result.code, text)
      assert.truthy(result.err:find("wrong.lua:2: ", 1, true), text .. ": " .. result.err)
      assert.falsy(result.err:find("moongate/", 1, true) or result.err:find("0x", 1, true), result.err)
    end
  end)

  it("wants to be told one thing", function()
    local path = program:policy(base, "base.lua")
    assert.equal(64, program:run("apply", "--confirm=1", "--no-confirm", path).code)
    assert.equal(64, lab.server:run({ moongate.binary, "plan", "--state-dir=", path }, program:options()).code)
  end)
end)
