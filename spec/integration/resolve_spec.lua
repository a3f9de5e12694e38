-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- `moongate resolve` and resolve(): names are looked up by the one, outside of
-- the policy, and taken from the lock file by the other. Who has which name is
-- said by a hosts file in a mount namespace.

local lfs = require "lfs"
local moongate = require "spec.support.moongate"
local run = require "spec.support.run"

local policy = [[
default_deny() allow_established() allow_icmp()
allow_outbound { "https", to = resolve("WWW.example.org.") }
allow_inbound_ssh { from = { "10.9.0.0/16", resolve { "bastion.example.org", "www.example.org" } } }
]]

local hosts = [[
192.0.2.9 www.example.org
192.0.2.8 www.example.org
2001:db8::8 www.example.org
10.0.0.1 bastion.example.org
]]

describe("names #integration", function()
  local root, path, lock

  before_each(function()
    root = run.must({ "mktemp", "-d" }):gsub("\n", "")
    run.must { "chmod", "755", root }
    path, lock = root .. "/policy.lua", root .. "/policy.resolved"
    run.write_file(path, policy)
    run.write_file(root .. "/hosts", hosts)
  end)

  after_each(function()
    run.must { "rm", "-rf", root }
  end)

  -- Run it where the names are those of the hosts file.
  local function go(...)
    local script = [[
      echo "hosts: files" >"$1/nsswitch"
      mount --bind "$1/hosts" /etc/hosts && mount --bind "$1/nsswitch" /etc/nsswitch.conf || exit 99
      shift
      exec "$@"
    ]]
    return run.run { "unshare", "--mount", "--net", "sh", "-c", script, "sh", root, moongate.binary, ... }
  end

  -- Run it where nobody knows a name.
  local function offline(...)
    return run.run { "unshare", "--net", moongate.binary, ... }
  end

  local function lines(text)
    return (text:gsub("#[^\n]*\n", ""))
  end

  it("are looked up on request, and kept beside the policy", function()
    local result = go("resolve", path)
    assert.same({ 0, "" }, { result.code, result.err })
    assert.equal(table.concat({
      "+ bastion.example.org 10.0.0.1", "+ www.example.org 192.0.2.8", "+ www.example.org 192.0.2.9",
      "+ www.example.org 2001:db8::8",
      lock .. ": 2 names, 4 addresses; written; `moongate plan' shows what it changes\n",
    }, "\n"), result.out)
    assert.equal("bastion.example.org 10.0.0.1\nwww.example.org 192.0.2.8 192.0.2.9 2001:db8::8\n",
      lines(run.read_file(lock)))
    assert.equal("", go("resolve", "-q", path).out)
  end)

  it("are taken from there by all else, without a look-up", function()
    go("resolve", path)
    local text = offline("export", "-4", path).out
    assert.truthy(text:find("-A OUTPUT -d 192.0.2.8/32 -p tcp -m tcp --dport 443", 1, true), text)
    assert.truthy(text:find("-A OUTPUT -d 192.0.2.9/32 -p tcp -m tcp --dport 443", 1, true), text)
    assert.truthy(text:find("-A INPUT -s 10.0.0.1/32 -p tcp -m tcp --dport 22", 1, true), text)
    assert.truthy(offline("export", "-6", path).out:find("-A OUTPUT -d 2001:db8::8/128 -p tcp", 1, true))
    -- whatever the names are now
    run.write_file(root .. "/hosts", "10.6.6.6 www.example.org bastion.example.org\n")
    assert.equal(text, go("export", "-4", path).out)
    assert.equal(0, run.run({ moongate.binary, "check", path }, { nobody = true }).code)
  end)

  it("that were never looked up are an error that says what to do", function()
    local result = offline("check", path)
    assert.equal(1, result.code)
    assert.equal(('moongate: policy.lua:2: resolve: "www.example.org" is not in %s: run `moongate resolve %s\', '
      .. "which looks it up and writes it there\n"):format(lock, path), result.err)
    run.write_file(lock, "www.example.org 192.0.2.1\n")
    assert.truthy(offline("check", path).err:find('policy.lua:3: resolve: [1]: "bastion.example.org" is not in ', 1,
      true))
  end)

  it("tell what has changed, and leave the file alone if nothing has", function()
    go("resolve", path)
    run.must { "touch", "-d", "2020-01-01", lock }
    local result = go("resolve", path)
    assert.equal(lock .. ": 2 names, 4 addresses; nothing has changed\n", result.out)
    assert.equal(2020, os.date("*t", lfs.attributes(lock, "modification")).year)
    run.write_file(root .. "/hosts",
      "192.0.2.9 www.example.org\n192.0.2.7 www.example.org\n10.0.0.2 bastion.example.org\n")
    result = go("resolve", path)
    assert.equal("- bastion.example.org 10.0.0.1\n+ bastion.example.org 10.0.0.2\n- www.example.org 192.0.2.8\n"
      .. "- www.example.org 2001:db8::8\n+ www.example.org 192.0.2.7\n", result.out:match("^(.*\n)/"))
    run.write_file(path, 'drop_outbound { to = resolve "www.example.org" }\n')
    assert.equal("- bastion.example.org 10.0.0.2\n", go("resolve", path).out:match("^(.*\n)/"))
    assert.equal("www.example.org 192.0.2.7 192.0.2.9\n", lines(run.read_file(lock)))
    assert.equal(0, offline("check", path).code)
  end)

  it("of other hosts stay where a facts file says which one it is", function()
    run.write_file(path, 'drop_outbound { to = resolve(host.facts.peer) }\n')
    for _, peer in ipairs { "www", "bastion" } do
      local facts = run.write_file(root .. "/" .. peer .. ".json", ('{ "name": "%s", "facts": { "peer": '
        .. '"%s.example.org" } }'):format(peer, peer))
      assert.equal(0, go("resolve", path, "--facts", facts).code)
    end
    assert.equal("bastion.example.org 10.0.0.1\nwww.example.org 192.0.2.8 192.0.2.9 2001:db8::8\n",
      lines(run.read_file(lock)))
    run.write_file(root .. "/hosts", "10.0.0.1 bastion.example.org\n192.0.2.1 www.example.org\n")
    -- neither are they refreshed
    assert.truthy(go("resolve", path, "--facts", root .. "/bastion.json").out:find("nothing has changed", 1, true))
  end)

  it("that do not exist change nothing, also where the policy catches it", function()
    go("resolve", path)
    local before = run.read_file(lock)
    run.write_file(root .. "/hosts", "192.0.2.1 www.example.org\n")
    local result = go("resolve", path)
    assert.same({
      1, 'moongate: policy.lua:3: resolve: [1]: "bastion.example.org" does not exist, or has no address\n',
    }, { result.code, result.err })
    run.write_file(path, 'local ok, message = pcall(resolve, "bastion.example.org") assert(not ok)\n'
      .. 'drop_outbound { to = resolve "www.example.org" }\n')
    result = go("resolve", path)
    assert.same({ 1, 'moongate: "bastion.example.org" does not exist, or has no address\n' },
      { result.code, result.err })
    assert.equal(before, run.read_file(lock))
  end)

  it("that cannot be looked up now are no fault of the policy's", function()
    -- a server that nobody can reach: there is no network
    local script = [[
      echo "hosts: dns" >"$1/nsswitch"
      printf 'nameserver 192.0.2.53\noptions timeout:1 attempts:1\n' >"$1/resolv"
      mount --bind "$1/nsswitch" /etc/nsswitch.conf && mount --bind "$1/resolv" /etc/resolv.conf || exit 99
      exec "$2" resolve "$3"
    ]]
    local result = run.run { "unshare", "--mount", "--net", "sh", "-c", script, "sh", root, moongate.binary, path }
    assert.equal(7, result.code, result.err)
    assert.truthy(result.err:find('policy.lua:2: resolve: "www.example.org" cannot be looked up: ', 1, true),
      result.err)
    assert.is_nil(lfs.attributes(lock))
  end)

  it("are kept in a file as readable as the policy, that is replaced in one step", function()
    run.must { "chmod", "640", path }
    go("resolve", path)
    assert.equal("rw-r-----", lfs.attributes(lock, "permissions"))
    local inode = lfs.attributes(lock, "ino")
    local held = assert(io.open(lock))
    run.write_file(root .. "/hosts", hosts .. "10.0.0.2 bastion.example.org\n")
    go("resolve", path)
    assert.are_not.equal(inode, lfs.attributes(lock, "ino"))
    assert.falsy(held:read("a"):find("10.0.0.2", 1, true))
    held:close()
    for name in lfs.dir(root) do
      assert.falsy(name:find("tmp", 1, true), name)
    end
  end)

  it("cannot be written where there is no place, which is told", function()
    run.must { "mkdir", root .. "/sub" }
    run.must { "mv", path, root .. "/sub/policy.lua" }
    local result = run.run({ moongate.binary, "resolve", root .. "/sub/policy.lua" }, { nobody = true })
    assert.not_equal(0, result.code)
    run.write_file(root .. "/sub/policy.lua", 'drop_outbound { to = resolve "localhost" }\n')
    result = run.run({ moongate.binary, "resolve", root .. "/sub/policy.lua" }, { nobody = true })
    assert.equal(7, result.code, result.err)
    assert.equal(("moongate: cannot write %s/sub/policy.resolved: Permission denied\n"):format(root), result.err)
  end)

  it("are read under the rules of modules, and a mistake there is told by line", function()
    run.write_file(lock, "www.example.org 192.0.2.1\nbastion.example.org sesame\n")
    local result = offline("check", path)
    assert.equal(1, result.code)
    assert.equal(("moongate: policy.lua:2: resolve: %s:2: what stands behind a name is not an IPv4 or IPv6 address\n")
      :format(lock), result.err)
    run.must { "chmod", "646", lock }
    assert.truthy(offline("check", path).err:find("everybody can write " .. lock, 1, true))
    run.must { "rm", lock }
    assert(lfs.link("/etc/hosts", lock, true))
    assert.truthy(offline("check", path).err:find("is a symbolic link out of that folder", 1, true))
    -- and resolve does not write through it
    result = go("resolve", path)
    assert.equal(1, result.code)
    assert.truthy(result.err:find("is a symbolic link out of that folder", 1, true), result.err)
  end)

  it("are asked for by a module, too", function()
    run.must { "mkdir", root .. "/roles" }
    run.write_file(root .. "/roles/x.lua", 'return function(o) drop_outbound { to = resolve(o.peer) } end\n')
    run.write_file(path, 'use("roles.x", { peer = "www.example.org" })\n')
    local result = offline("check", path)
    assert.truthy(result.err:find('roles/x.lua:1: resolve: "www.example.org" is not in ' .. lock, 1, true), result.err)
    assert.equal(0, go("resolve", path).code)
    assert.equal(0, offline("check", path).code)
  end)

  it("need a policy that asks for some", function()
    run.write_file(path, "default_deny()\n")
    local result = go("resolve", path)
    assert.same({ 0, path .. " asks for no names\n" }, { result.code, result.out })
    assert.is_nil(lfs.attributes(lock))
    run.write_file(path, "default_denny()\n")
    result = go("resolve", path)
    assert.equal(1, result.code)
    assert.truthy(result.err:find("policy.lua:1: unknown name `default_denny`", 1, true), result.err)
    assert.equal(1, go("resolve", root .. "/none.lua").code)
    assert.equal(64, go("resolve", path, "more").code)
  end)
end)
