-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- `moongate lock`: modules are pinned to their bytes, all that a policy uses, and
-- what differs is refused wherever a policy is evaluated.

local moongate = require "spec.support.moongate"
local run = require "spec.support.run"

local policy = [[
default_deny() allow_established() allow_icmp()
use("roles.game", { port = 25565 })
]]

local game = [[
return function(o)
  use("parts.ports", o)
end
]]

local ports = [[
return function(o)
  allow_inbound { tcp = o.port }
end
]]

describe("pinned modules #integration", function()
  local root, path, lock

  before_each(function()
    root = run.must({ "mktemp", "-d" }):gsub("\n", "")
    run.must { "chmod", "755", root }
    run.must { "mkdir", root .. "/roles", root .. "/parts" }
    path, lock = root .. "/policy.lua", root .. "/moongate.lock"
    run.write_file(path, policy)
    run.write_file(root .. "/roles/game.lua", game)
    run.write_file(root .. "/parts/ports.lua", ports)
  end)

  after_each(function()
    run.must { "rm", "-rf", root }
  end)

  local function go(...)
    return run.run { moongate.binary, ... }
  end

  local function must(...)
    local result = go(...)
    assert.same({ 0, "" }, { result.code, result.err })
    return result.out
  end

  local function sum(file)
    return run.must({ "sha256sum", root .. "/" .. file }):match("^%x+")
  end

  local function locked()
    return (run.read_file(lock):gsub("#[^\n]*\n", ""))
  end

  local function refuses(expected, ...)
    local result = go(...)
    assert.equal(1, result.code, result.out .. result.err)
    assert.truthy(result.err:find(expected, 1, true), result.err)
    return result.err
  end

  it("are written, each that is used, in order", function()
    local out = must("lock", path)
    assert.equal(("+ parts.ports %s\n+ roles.game %s\n%s: 2 modules; written\n")
      :format(sum("parts/ports.lua"):sub(1, 12), sum("roles/game.lua"):sub(1, 12), lock), out)
    assert.equal(("parts.ports %s\nroles.game %s\n"):format(sum "parts/ports.lua", sum "roles/game.lua"), locked())
    local before = run.read_file(lock)
    assert.equal(lock .. ": 2 modules; nothing has changed\n", must("lock", path))
    assert.equal("", must("lock", "-q", path))
    assert.equal(before, run.read_file(lock))
    assert.truthy(must("check", path):find("well formed", 1, true))
    assert.equal("644\n", run.must { "stat", "-c", "%a", lock })
    assert.same({}, run.must({ "ls", "-A", root }):match("%.new") and { "litter" } or {})
  end)

  it("are refused with another byte, wherever a policy is evaluated", function()
    must("lock", path)
    run.write_file(root .. "/parts/ports.lua", ports .. " ")
    local expected = ('roles/game.lua:2: use("parts.ports"): %s/parts/ports.lua is not the module that %s pins: '
      .. "its SHA-256 is %s..., and not "):format(root, lock, sum("parts/ports.lua"):sub(1, 12))
    local text = refuses(expected, "check", path)
    assert.truthy(text:find(("read it, then run `moongate lock %s'"):format(path), 1, true), text)
    assert.truthy(text:find("(used at policy.lua:2)", 1, true), text)
    refuses(expected, "export", "-4", path)
    refuses(expected, "resolve", path)
    local plan = run.run { "unshare", "--net", moongate.binary, "plan", path, "--state-dir", root .. "/state" }
    assert.equal(1, plan.code, plan.err)
    -- a policy that catches it goes on without the module, whose code has not run
    run.write_file(path, policy:gsub("use", "pcall(use, ", 1):gsub("%(\"roles", '"roles', 1))
    local result = go("export", "-4", path)
    assert.equal(0, result.code, result.err)
    assert.falsy(result.out:find("25565", 1, true), result.out)
  end)

  it("are taken with other bytes once they are locked again", function()
    must("lock", path)
    local before = sum("parts/ports.lua")
    run.write_file(root .. "/parts/ports.lua", "-- reviewed\n" .. ports)
    assert.equal(("~ parts.ports %s -> %s\n%s: 2 modules; written\n")
      :format(before:sub(1, 12), sum("parts/ports.lua"):sub(1, 12), lock), must("lock", path))
    must("check", path)
    run.write_file(root .. "/roles/game.lua", ports)
    assert.truthy(must("lock", path):find("\n- parts.ports " .. sum("parts/ports.lua"):sub(1, 12) .. "\n", 1, true))
    assert.equal("roles.game " .. sum("roles/game.lua") .. "\n", locked())
  end)

  it("are refused if they are not in the file, the installed ones included", function()
    run.write_file(lock, "# nothing yet\n")
    local text = refuses('policy.lua:2: use("roles.game"): ', "check", path)
    assert.truthy(text:find("roles/game.lua is not pinned: " .. lock .. " does not have it", 1, true), text)
    run.write_file(path, 'use("roles.base")\n')
    refuses("roles/base.lua is not pinned", "check", path)
    assert.truthy(must("lock", path):find("^%+ roles.base %x+\n"))
    must("check", path)
    -- a policy without modules has nothing to pin, but what comes later is not free
    run.write_file(path, "default_deny() allow_established() allow_icmp()\n")
    assert.truthy(must("lock", path):find("moongate.lock: 0 modules; written\n", 1, true))
    run.write_file(path, policy)
    refuses("roles/game.lua is not pinned", "check", path)
  end)

  it("stay for other policies and hosts, if that is said", function()
    local other = root .. "/other.lua"
    run.write_file(other, 'default_deny() allow_established() allow_icmp()\nuse("parts.ports", { port = 1 })\n'
      .. 'if host.name == "far" then use("roles.base") end\n')
    must("lock", path)
    assert.equal(lock .. ": 2 modules, of which this policy uses 1; nothing has changed\n",
      must("lock", "--add", other))
    run.write_file(root .. "/far.json", '{ "name": "far", "addresses": [], "interfaces": [] }')
    local out = must("lock", "--facts", root .. "/far.json", other)
    assert.truthy(out:find("^%+ roles.base %x+\n[^\n]+: 3 modules, of which this policy uses 2; written\n$"), out)
    assert.truthy(locked():find("roles.game ", 1, true))
    must("check", path)
    must("check", "--facts", root .. "/far.json", other)
    assert.truthy(must("lock", path):find("- roles.base", 1, true))
  end)

  it("are looked for beside what the policy is a link to, too", function()
    must("lock", path)
    run.must { "mkdir", root .. "/etc" }
    run.must { "ln", "-s", "../policy.lua", root .. "/etc/policy.lua" }
    must("check", root .. "/etc/policy.lua")
    run.write_file(root .. "/roles/game.lua", game .. "\n")
    refuses(lock .. " pins", "check", root .. "/etc/policy.lua")
    -- and written where they are
    assert.truthy(must("lock", root .. "/etc/policy.lua"):find(lock .. ": 2 modules; written", 1, true))
    assert.equal("policy.lua\n", run.must { "ls", "-A", root .. "/etc" })
  end)

  it("are pinned under each name that a module has", function()
    run.must { "ln", "-s", "ports.lua", root .. "/parts/doors.lua" }
    run.write_file(path, policy .. 'use("parts.doors", { port = 1 })\n')
    must("lock", path)
    assert.equal(sum "parts/ports.lua", locked():match("parts%.doors (%x+)"))
    must("check", path)
    run.write_file(root .. "/parts/ports.lua", ports .. " ")
    refuses("parts/ports.lua is not the module", "check", path)
  end)

  it("are not written over a file that is something else, nor read from it", function()
    for _, text in ipairs { "<<<<<<< HEAD\n", '{ "modules": [] }\n', "roles.game 1234\n" } do
      run.write_file(lock, text)
      refuses(lock .. ":1: ", "lock", path)
      refuses(lock .. ":1: ", "check", path)
      assert.equal(text, run.read_file(lock))
    end
    os.remove(lock)
    run.must { "ln", "-s", "nowhere", lock }
    refuses("moongate.lock is a symbolic link to nothing", "check", path)
    os.remove(lock)
    run.must { "ln", "-s", "/etc/hostname", lock }
    refuses("moongate.lock is a symbolic link out of that folder", "check", path)
    os.remove(lock)
    run.write_file(lock, "")
    run.must { "chmod", "666", lock }
    refuses("everybody can write", "check", path)
  end)

  it("are not written beside a policy that has no place of its own", function()
    run.must { "mkfifo", root .. "/pipe" }
    for how, command in pairs {
      ["/dev/stdin"] = "lock /dev/stdin <policy.lua",
      ["/proc/self/fd/0"] = "lock /proc/self/fd/0 <policy.lua",
      ["/dev/fd/3"] = "lock /dev/fd/3 3<policy.lua",
      ["pipe"] = "lock pipe",
    } do
      local result = run.run { "sh", "-c", ("cd %s && exec timeout 5 %s %s"):format(root, moongate.binary, command) }
      assert.equal(1, result.code, result.out .. result.err)
      assert.truthy(result.err:find(how .. " is no file that moongate.lock could lie beside: name the policy", 1, true),
        result.err)
      assert.is_nil(run.read_file("/dev/moongate.lock"))
    end
  end)

  it("are not written where the policy is wrong", function()
    run.write_file(path, policy .. "allow_inbund()\n")
    refuses("policy.lua:3: ", "lock", path)
    assert.is_nil(run.read_file(lock))
    run.write_file(path, policy)
    run.write_file(root .. "/parts/ports.lua", "return (\n")
    refuses("parts/ports.lua:", "lock", path)
    assert.is_nil(run.read_file(lock))
  end)

  it("are what sha256sum finds, and are checked on the bytes that are evaluated", function()
    run.write_file(root .. "/parts/ports.lua", "\xEF\xBB\xBF#!/usr/bin/lua\n" .. ports)
    must("lock", path)
    assert.truthy(locked():find("parts.ports " .. sum("parts/ports.lua"), 1, true))
    must("check", path)
    -- the module is opened once, and read from what was opened
    local trace = root .. "/trace"
    -- a build with ASan cannot look for leaks while it is traced
    run.must({ "strace", "-f", "-o", trace, "-e", "trace=openat,openat2,open", moongate.binary, "check", path },
      { env = { ASAN_OPTIONS = "detect_leaks=0" } })
    local _, opened = run.read_file(trace):gsub('"parts/ports%.lua"[^\n]* = %d+', "")
    assert.equal(1, opened, run.read_file(trace))
  end)
end)
