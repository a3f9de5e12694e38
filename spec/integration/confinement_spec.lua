-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The confinement of a policy from outside: what the process is that evaluates,
-- what is said where a kernel lacks something, and --unconfined.

local features = require "spec.support.features"
local lfs = require "lfs"
local moongate = require "spec.support.moongate"
local run = require "spec.support.run"

local it = features.it(it, pending)

local base = "default_deny() allow_established() allow_loopback() allow_icmp() allow_inbound_ssh()\n"
local confined = "note: the policy was evaluated in a process of its own as nobody, with seccomp; "

describe("the confinement of a policy #integration", function()
  local root, policy, loop

  setup(function()
    root = run.must({ "mktemp", "-d" }):gsub("\n", "")
    run.must { "chmod", "755", root }
    policy = run.write_file(root .. "/policy.lua", base)
    loop = run.write_file(root .. "/loop.lua", "while true do end")
    run.must { "sh", "-c", "exec cc -o \"$1\" spec/support/without.c $(pkg-config --cflags --libs libseccomp)",
               "sh", root .. "/without" }
  end)

  teardown(function()
    run.must { "rm", "-rf", root }
  end)

  local function check(...)
    return run.run { moongate.binary, "check", ... }
  end

  local function status_of(pid)
    local values = {}
    for name, value in (run.read_file("/proc/" .. pid .. "/status") or ""):gmatch("(%w+):[ \t]*([^\n]*)") do
      values[name] = value
    end
    return values
  end

  local function child_of(pid)
    return (run.read_file(("/proc/%s/task/%s/children"):format(pid, pid)) or ""):match("%d+")
  end

  it("is the kernel's: nobody, no capability, one descriptor", function()
    local process = run.start({ moongate.binary, "check", "--policy-seconds=3", loop }, { dir = root })
    local child = run.wait_until("the child to be confined", 5, function()
      local pid = child_of(process.pid)
      return pid and status_of(pid).Seccomp == "2" and pid
    end)
    local status = status_of(child)
    local count = 0
    for name in lfs.dir("/proc/" .. child .. "/fd") do
      count = count + (name:find("^%d") and 1 or 0)
    end
    local parent_status = status_of(process.pid)
    local limits = run.read_file("/proc/" .. child .. "/limits")
    process:signal("KILL")
    process:wait(5)
    assert.equal("65534\t65534\t65534\t65534", status.Uid)
    assert.equal("65534\t65534\t65534\t65534", status.Gid)
    assert.equal("", status.Groups)
    for _, name in ipairs { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" } do
      assert.equal("0000000000000000", status[name], name)
    end
    assert.equal("1", status.NoNewPrivs)
    assert.truthy(count <= (moongate.binary:find("asan", 1, true) and 2 or 1), count .. " descriptors")
    assert.truthy(limits:find("Max processes%s+0%s+0%s"), limits)
    assert.truthy(limits:find("Max open files%s+0%s+0%s"), limits)
    assert.equal("0", parent_status.Seccomp)
    -- and it went with its parent
    run.wait_until("the end of the child", 2, function()
      local stat = run.read_file("/proc/" .. child .. "/stat")
      return not stat or stat:find(") Z ", 1, true)
    end)
  end)

  it("is told with -v, and only then", function()
    local loud, quiet = check("-v", policy), check(policy)
    assert.equal(0, loud.code, loud.err)
    assert.truthy(loud.err:find(confined, 1, true), loud.err)
    assert.falsy(quiet.err:find("seccomp", 1, true), quiet.err)
  end)

  it("is one for a user who is not root, too", function()
    local result = run.run({ moongate.binary, "check", "-v", policy }, { nobody = true })
    assert.equal(0, result.code, result.err)
    assert.truthy(result.err:find("a process of its own without rights, with seccomp; ", 1, true), result.err)
  end)

  it("is one for the root of a user namespace", function()
    local result = run.run { "unshare", "--user", "--map-root-user", moongate.binary, "check", "-v", policy }
    assert.equal(0, result.code, result.err)
    assert.truthy(result.err:find("with seccomp", 1, true), result.err)
  end)

  it("goes on without Landlock, and says so", function()
    local result = run.run { root .. "/without", "landlock", moongate.binary, "check", "-v", policy }
    assert.equal(0, result.code, result.err)
    assert.truthy(result.err:find(confined .. "this kernel has no Landlock", 1, true), result.err)
  end)

  it("is refused without seccomp, unless --unconfined", function()
    for _, command in ipairs { "check", "plan", "apply", "resolve", "lock" } do
      local result = run.run { root .. "/without", "seccomp", moongate.binary, command, "--state-dir",
                               root .. "/state", policy }
      assert.equal(7, result.code, command .. ": " .. result.err)
      assert.truthy(result.err:find("--unconfined", 1, true), result.err)
      assert.equal("", result.out)
    end
    local result = run.run { root .. "/without", "seccomp", moongate.binary, "check", "--unconfined", "-v", policy }
    assert.equal(0, result.code, result.err)
    assert.truthy(result.err:find("warning: --unconfined: " .. policy .. " is evaluated with all rights", 1, true),
      result.err)
    assert.falsy(result.err:find("seccomp", 1, true), result.err)
  end)

  it("makes no difference to what a policy makes", function()
    for _, path in ipairs { moongate.remote_server, policy } do
      assert.equal(run.must { moongate.binary, "export", "-6", "--unconfined", path },
        run.must { moongate.binary, "export", "-6", path })
    end
  end)

  it("lasts as long as is said", function()
    for _, words in ipairs { "0", "-1", "x", "", "1e9" } do
      assert.equal(64, check("--policy-seconds=" .. words, policy).code, words)
    end
    assert.equal(0, check("--policy-seconds=1m", policy).code)
  end)

  it("does not keep a policy from being read from a pipe", function()
    local result = run.run({ "sh", "-c", 'cat | "$0" check /dev/stdin', moongate.binary }, { input = base })
    assert.equal(0, result.code, result.err)
  end)

  it("is not for a policy that others can write", function()
    local path = run.write_file(root .. "/open.lua", base)
    run.must { "chmod", "646", path }
    local result = check(path)
    assert.equal(1, result.code, result.err)
    local words = ("everybody can write %s, so root does not trust it: chmod o-w %s"):format(path, path)
    assert.truthy(result.err:find(words, 1, true), result.err)
    run.must { "chmod", "664", path }
    assert.equal(0, check(path).code) -- the group is root's
    run.must { "chown", "1000:1000", path }
    assert.equal(0, check(path).code) -- or the owner's own
    run.must { "chown", "1000:50", path }
    result = check(path)
    assert.equal(1, result.code, result.err)
    assert.truthy(result.err:find("group 50 can write " .. path, 1, true), result.err)
  end)
end)
