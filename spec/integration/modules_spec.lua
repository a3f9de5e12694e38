-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Which file use() finds, which it refuses to read, and how a plan, a note and
-- an error tell where a module was used: with the real core. The folder
-- /etc/moongate/policies is one in a mount namespace of the spec's own.

local features = require "spec.support.features"
local lfs = require "lfs"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"

local it_with_strace = features.it(it, pending, "strace")

describe("modules #integration", function()
  local root, etc

  local function write(path, text)
    run.must { "mkdir", "-p", path:match("^(.*)/") }
    return run.write_file(path, text)
  end

  -- A module that says where it lies.
  local function marker(text)
    return ("return function() allow_inbound { tcp = 7, comment = %q } end\n"):format(text)
  end

  before_each(function()
    root = run.must({ "mktemp", "-d" }):gsub("\n", "")
    run.must { "chmod", "755", root }
    etc = root .. "/etc"
    run.must { "mkdir", "-p", etc .. "/policies", root .. "/own/roles" }
  end)

  after_each(function()
    run.must { "rm", "-rf", root }
  end)

  local function check(text, ...)
    local path = write(root .. "/own/policy.lua", "default_deny() allow_established() allow_icmp()\n" .. text)
    return run.run { moongate.binary, "check", "-v", path, ... }
  end

  local function refuses(expected, text)
    local result = check(text)
    assert.equal(1, result.code, result.out .. result.err)
    assert.truthy(result.err:find(expected, 1, true), result.err)
    return result.err
  end

  -- Check with `etc` as /etc/moongate, in a mount namespace.
  local function check_with_etc(text)
    write(root .. "/own/policy.lua", "default_deny() allow_established() allow_icmp()\n" .. text)
    local script = [[
      set -e
      cp -a /etc "$1/copy"
      rm -rf "$1/copy/moongate"
      cp -a "$1/etc" "$1/copy/moongate"
      mount --bind "$1/copy" /etc
      exec "$2" plan -v --state-dir "$1/state" "$1/own/policy.lua"
    ]]
    return run.must { "unshare", "--mount", "--net", "sh", "-c", script, "sh", root, moongate.binary }
  end

  it("are looked for beside the policy, then in /etc/moongate/policies, then among the installed", function()
    local text = 'use("roles.ssh_server", {})'
    -- the installed one needs no preparation
    assert.equal(0, check(text).code)
    assert.truthy(check_with_etc(text):find("--dport 22 ", 1, true))
    write(etc .. "/policies/roles/ssh_server.lua", marker "of the site")
    local out = check_with_etc(text)
    assert.truthy(out:find("of the site", 1, true), out)
    assert.falsy(out:find("--dport 22 ", 1, true), out)
    write(root .. "/own/roles/ssh_server.lua", marker "of the policy")
    out = check_with_etc(text)
    assert.truthy(out:find("of the policy", 1, true), out)
    assert.falsy(out:find("of the site", 1, true), out)
  end)

  it("are found from a policy that is named without a folder", function()
    write(root .. "/own/roles/mine.lua", marker "mine")
    write(root .. "/own/policy.lua", 'use("roles.mine")')
    local result = run.run {
      "sh", "-c", 'cd "$1" && exec "$2" check policy.lua', "sh", root .. "/own", moongate.binary,
    }
    assert.equal(0, result.code, result.err)
  end)

  it("are found from a policy that is a link, beside it and beside what it leads to", function()
    write(root .. "/own/roles/near.lua", marker "near")
    write(root .. "/checkout/roles/near.lua", marker "far")
    write(root .. "/checkout/roles/far.lua", marker "far")
    write(root .. "/checkout/policy.lua", 'use("roles.near")\nuse("roles.far")\n')
    assert(lfs.link("../checkout/policy.lua", root .. "/own/linked.lua", true))
    local out = run.must { "unshare", "--net", moongate.binary, "plan", "--state-dir", root .. "/state",
      root .. "/own/linked.lua" }
    assert.truthy(out:find("near", 1, true) and out:find("far", 1, true), out)
    assert.equal(1, select(2, out:gsub("%-%-comment near", "")))
    assert.equal(1, run.run({ moongate.binary, "check", root .. "/own/none.lua" }).code)
  end)

  it("tell rules and plans their own line", function()
    write(root .. "/own/roles/mine.lua", "\n\n" .. marker "mine")
    local out = check_with_etc 'use("roles.mine")'
    assert.truthy(out:find("allow_inbound%s+roles/mine%.lua:3\n"), out)
  end)

  it("tell an error and a note both lines", function()
    write(root .. "/own/roles/mine.lua", [[
return function(o)
  if o.fail then
    allow_inbound { tcp = o.fail }
  elseif o.index then
    local x = o.index.nothing.there
  elseif o.raise then
    error(o.raise, 0)
  end
  allow_inbound { tcp = {}, from = "10.0.0.1" }
end
]])
    write(root .. "/own/roles/outer.lua", 'return function(o)\n  use("roles.mine", o)\nend\n')
    refuses('moongate: roles/mine.lua:3: allow_inbound: tcp: "x y" is no port, range ("8000-8010") or service'
      .. " (used at policy.lua:2)\n", 'use("roles.mine", { fail = "x y" })')
    refuses("moongate: roles/mine.lua:5: attempt to index a nil value (field 'nothing')"
      .. " (used at roles/outer.lua:2, policy.lua:3)\n", '\nuse("roles.outer", { index = {} })')
    refuses("moongate: roles/mine.lua:7: on purpose (used at policy.lua:2)\n",
      'use("roles.mine", { raise = "on purpose" })')
    refuses("moongate: roles/mine.lua:7: the error is a table, not a text (used at policy.lua:2)\n",
      'use("roles.mine", { raise = {} })')
    local result = check 'use("roles.outer")'
    assert.truthy(result.err:find("roles/mine.lua:9: warning: allow_inbound: tcp is an empty list, so there is no rule "
      .. "(used at roles/outer.lua:2, policy.lua:2)\n", 1, true), result.err)
  end)

  it("tell where endless recursion was used, and soon", function()
    write(root .. "/own/deep.lua", "return function()\n  local function f()\n    return 1 + f()\n  end\n  f()\nend\n")
    local err = refuses("moongate: deep.lua:3: stack overflow", '\nuse("deep")')
    assert.truthy(err:find("(used at policy.lua:3)", 1, true), err)
  end)

  it("tell a callback of the policy's from their own code", function()
    write(root .. "/own/each.lua", "return function(o)\n  for i = 1, 2 do\n    o.call(i)\n  end\nend\n")
    refuses("moongate: policy.lua:3: allow_inbound: tcp: port 0 is out of range (1 to 65535) (used at policy.lua:2)\n",
      'use("each", { call = function(i)\n  allow_inbound { tcp = i - 1 } end })')
  end)

  it("keep the place of an error readable when their name is long", function()
    local name = ("long_"):rep(20) .. "name"
    write(root .. "/own/roles/" .. name .. ".lua", "return function()\n  local x = nil + 1\nend")
    local err = refuses("roles/" .. name .. ".lua:2: attempt to perform arithmetic on a nil value",
      ('use("roles.%s")'):format(name))
    assert.equal(1, select(2, err:gsub("lua:2: ", "")), err)
  end)

  it("tell where they were looked for, and which one was meant", function()
    local err = refuses('policy.lua:2: use("roles.ssh_sevrer"): there is no file roles/ssh_sevrer.lua in ' .. root
      .. "/own, /etc/moongate/policies or /", 'use("roles.ssh_sevrer")')
    assert.truthy(err:find("policies: did you mean `roles.ssh_server`?", 1, true), err)
    refuses("did you mean `roles.ssh_server`?", 'use("rolls.ssh_server")')
  end)

  it("tell a policy's clash with both uses", function()
    write(root .. "/own/one.lua", 'return function(o) service("x", { tcp = o[1] }) end\n')
    refuses('one.lua:1: service("x"): is already defined otherwise at one.lua:1 (used at policy.lua:2) '
      .. "(used at policy.lua:3)", 'use("one", { 1 })\nuse("one", { 2 })')
  end)

  it("are regular files of a bounded size", function()
    run.must { "mkdir", root .. "/own/roles/folder.lua" }
    refuses("/own/roles/folder.lua is not a regular file", 'use("roles.folder")')
    run.must { "mkfifo", root .. "/own/roles/fifo.lua" }
    refuses("/own/roles/fifo.lua is not a regular file", 'use("roles.fifo")')
    run.must { "truncate", "-s", "17M", root .. "/own/roles/large.lua" }
    refuses("/own/roles/large.lua is larger than 16 MiB", 'use("roles.large")')
  end)

  it("may be links within their folder, and lead nowhere else", function()
    write(root .. "/own/roles/mine.lua", marker "mine")
    write(root .. "/elsewhere.lua", marker "elsewhere")
    assert(lfs.link("mine.lua", root .. "/own/roles/alias.lua", true))
    assert.equal(0, check('use("roles.alias")').code)
    assert(lfs.link("../../elsewhere.lua", root .. "/own/roles/up.lua", true))
    refuses("/own/roles/up.lua is a symbolic link out of that folder", 'use("roles.up")')
    assert(lfs.link(root .. "/elsewhere.lua", root .. "/own/roles/absolute.lua", true))
    refuses("is a symbolic link out of that folder", 'use("roles.absolute")')
    assert(lfs.link(root, root .. "/own/linked", true))
    refuses("is a symbolic link out of that folder", 'use("linked.elsewhere")')
    assert(lfs.link("circle.lua", root .. "/own/roles/circle.lua", true))
    refuses("or a circle of them", 'use("roles.circle")')
  end)

  it_with_strace("may be no links at all where the kernel cannot tell where they lead", function()
    write(root .. "/own/roles/mine.lua", marker "mine")
    assert(lfs.link("mine.lua", root .. "/own/roles/alias.lua", true))
    assert(lfs.link(root .. "/own/roles", root .. "/own/linked", true))
    local function traced(text)
      local path = write(root .. "/own/policy.lua", text)
      local inject = { "strace", "-o", "/dev/null", "-e", "inject=openat2:error=ENOSYS" }
      return run.run(table.move({ moongate.binary, "check", path }, 1, 3, #inject + 1, inject),
        { env = { ASAN_OPTIONS = "detect_leaks=0" } })
    end
    assert.equal(0, traced('use("roles.mine")').code)
    assert.equal(0, traced('use("roles.ssh_server")').code)
    for _, name in ipairs { "roles.alias", "linked.mine" } do
      assert.equal(1, traced(('use("%s")'):format(name)).code, name)
    end
  end)

  it("are not run by root where everybody can write them", function()
    run.must { "chmod", "646", write(root .. "/own/roles/open.lua", marker "open") }
    refuses("everybody can write " .. root .. "/own/roles/open.lua, so root does not trust it: chmod o-w",
      'use("roles.open")')
    write(root .. "/own/policy.lua", 'use("roles.open")')
    local result = run.run({ moongate.binary, "check", root .. "/own/policy.lua" }, { nobody = true })
    assert.equal(0, result.code, result.err)
  end)

  it("are refused where they cannot be read, and no other is taken instead", function()
    run.must { "chmod", "600", write(root .. "/own/roles/ssh_server.lua", marker "closed") }
    write(root .. "/own/policy.lua", 'use("roles.ssh_server")')
    local result = run.run({ moongate.binary, "check", root .. "/own/policy.lua" }, { nobody = true })
    assert.equal(1, result.code)
    assert.truthy(result.err:find("cannot read " .. root .. "/own/roles/ssh_server.lua: Permission denied", 1, true),
      result.err)
  end)

  it("are not policies themselves", function()
    local path = write(root .. "/own/web.lua", "return module { function() end }\n")
    local result = run.run { moongate.binary, "check", path }
    assert.equal(1, result.code)
    assert.truthy(result.err:find("web.lua: module: this file is a module", 1, true), result.err)
  end)

  it("give the same origin to the rules of a loop as the policy would", function()
    local lab = network.host()
    local program = moongate.new(lab)
    run.write_file(lab.dir .. "/many.lua", [[
return function(o)
  for i = 1, o.count do
    allow_inbound { tcp = i, from = "10.0.0.1", comment = "x" }
  end
  local c = chain("filter", "MANY")
  c:append { protocol = "tcp", source = "10.0.0.1", destination_port = 1, jump = "DROP" }
end
]])
    local out = program:must("plan", program:policy('use("many", { count = 3 })')).out
    lab:close()
    assert.equal(3, select(2, out:gsub("allow_inbound%s+many%.lua:3\n", "")), out)
    assert.truthy(out:find("append%s+many%.lua:6\n"), out)
  end)
end)
