-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Where systemd runs, the guard outlives the session or the service that applied:
-- with a real systemd, in namespaces of its own.

local features = require "spec.support.features"
local lfs = require "lfs"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local systemd = require "spec.support.systemd"

local it = features.it(it, pending, "own_systemd")

local old_policy = "default_deny()\nallow_established()\nallow_loopback()\nallow_icmp()\n"
local new_policy = old_policy .. "allow_inbound { tcp = 8080 }\n"

describe("the guard's scope #integration", function()
  local lab, program, host

  local function save()
    return host:must { "iptables-legacy-save", "-t", "filter" }:gsub("#[^\n]*\n", ""):gsub("%[%d+:%d+%]", "")
  end

  local function is_new()
    return save():find("--dport 8080", 1, true)
  end

  -- The words that run moongate inside, with the lab's lock.
  local function words(...)
    return { "env", "XTABLES_LOCKFILE=" .. program.lock_file, table.unpack(program:words(...)) }
  end

  local function guard_of()
    local record = run.read_file(program.state_dir .. "/run/pending.json")
    return record and not record:find('"committed": 0,', 1, true) and record:match('"guard"%s*:%s*(%d+)')
  end

  local old

  setup(function()
    lab = network.host()
    local why
    host, why = systemd.boot(lab)
    assert(host, why)
    program = moongate.new(lab)
    host:must(words("apply", program:policy(old_policy, "old.lua"), "--no-confirm"))
    program:policy(new_policy, "new.lua")
    old = save()
  end)

  teardown(function()
    if host then
      host:close()
    end
    network.close_all()
  end)

  it("is left alone when the service is stopped that applied", function()
    host:must { "systemd-run", "--quiet", "--unit=agent", table.unpack(words("apply", lab.dir .. "/new.lua",
      "--confirm", "2")) }
    local guard = run.wait_until("the commit", 8, guard_of)
    -- older hierarchies of this host may stand there, too
    local group = host:must({ "cat", "/proc/" .. guard .. "/cgroup" }):match("0::[^\n]*\n")
    local scope = "moongate-guard-" .. guard .. ".scope"
    assert.equal("0::/system.slice/" .. scope .. "\n", group)
    local watcher = host:must({ "cat", ("/proc/%s/task/%s/children"):format(guard, guard) }):match("%d+")
    assert.truthy(host:must({ "cat", "/proc/" .. watcher .. "/cgroup" }):find(group, 1, true))
    local shown = host:must { "systemctl", "show", scope, "-p", "Description", "-p", "TimeoutStopUSec" }
    assert.truthy(shown:find("Description=Guard of Moongate's generation 2\n", 1, true), shown)
    assert.truthy(shown:find("TimeoutStopUSec=1s\n", 1, true), shown)
    host:must { "systemctl", "kill", "--signal=KILL", "agent" }
    host:run { "systemctl", "stop", "agent" }
    assert.truthy(is_new())
    run.wait_until("the old tables", 3.5, function()
      return save() == old
    end)
    run.wait_until("the end of the scope", 3, function()
      return not host:run({ "systemctl", "list-units", "--all", "--plain", "--no-legend" }).out:find(scope, 1, true)
    end)
  end)

  -- An apply that nobody confirms; returns its result.
  local function let_expire()
    local result = host:run(words("apply", lab.dir .. "/new.lua", "--confirm", "1"))
    assert.equal(3, result.code, result.out .. result.err)
    assert.equal(old, save())
    return result
  end

  local function warns(result)
    assert.truthy(result.err:find("the guard stays where this command runs", 1, true), result.err)
  end

  it("goes without a word when all is well", function()
    assert.falsy(let_expire().err:find("the guard stays", 1, true))
  end)

  it("is done without where there is no bus, it is silent, or nobody answers on it", function()
    local bus = "/run/dbus/system_bus_socket"
    host:must { "systemctl", "stop", "dbus.socket", "dbus.service" }
    warns(let_expire())
    host:must { "rm", "-f", bus }
    host:must { "sh", "-c", ("python3 %s/spec/support/systemd/silent_bus.py %s >/dev/null 2>&1 &")
      :format(lfs.currentdir(), bus) }
    run.wait_until("the silent bus", 5, function()
      return host:run({ "test", "-S", bus }).code == 0
    end)
    local started = run.now()
    warns(let_expire())
    local seconds = run.now() - started
    assert.truthy(seconds > 2 and seconds < 5, "it took " .. seconds .. " s")
    host:must { "sh", "-c", "rm " .. bus .. "; exec dbus-daemon --system --address=unix:path=" .. bus
      .. " --fork --nopidfile --nosyslog" }
    local result = let_expire()
    warns(result)
    assert.falsy(result.err:find("no system bus", 1, true) or result.err:find("timed out", 1, true), result.err)
  end)
end)
