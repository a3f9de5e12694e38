-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What `make install` puts into DESTDIR works there: the program finds its
-- language, and lua5.4 the module. `make uninstall` takes it away again.

local installations = require "spec.support.installation"
local lfs = require "lfs"
local run = require "spec.support.run"

describe("an installation #integration", function()
  local installed, place

  before_each(function()
    installed = installations.new("/opt/moongate")
    place = installed.stage .. installed.prefix
  end)

  after_each(function()
    installed:remove()
  end)

  local function check(policy)
    return run.run({ place .. "/sbin/moongate", "check", policy }, { env = installed:environment() })
  end

  it("has a program that finds its language and policies", function()
    local result = check(place .. "/share/moongate/policies/hosts/remote_server.lua")
    assert.equal(0, result.code, result.err)
    for _, path in ipairs {
      "man/man8/moongate.8", "man/man5/moongate-json.5", "man/man5/moongate-policy.5", "moongate/moongate.schema.json",
    } do
      assert.equal("file", lfs.attributes(place .. "/share/" .. path, "mode"), path)
    end
    assert.equal("directory", lfs.attributes(installed.stage .. "/etc/moongate", "mode"))
  end)

  it("has roles for a policy that lies anywhere, and hosts made of them", function()
    local policy = installed.stage .. "/etc/moongate/policy.lua"
    run.write_file(policy, 'use("roles.base")\nuse("roles.ssh_server")\n')
    assert.equal(0, check(policy).code)
    assert.equal(0, check(place .. "/share/moongate/policies/hosts/web_server.lua").code)
    assert.equal("file", lfs.attributes(place .. "/share/moongate/policies/hosts/site/web3.json", "mode"))
    run.write_file(policy, 'use("roles.bose")\n')
    local result = check(policy)
    assert.equal(1, result.code)
    assert.truthy(result.err:find(installed.prefix .. "/share/moongate/policies: did you mean `roles.base`?", 1, true),
      result.err)
  end)

  it("says where the language should be when it is not there", function()
    run.must { "rm", "-rf", place .. "/share/moongate/lua" }
    local result = check("policies/hosts/remote_server.lua")
    assert.equal(1, result.code)
    assert.truthy(result.err:find("/opt/moongate/share/moongate/lua/moongate/language.lua", 1, true), result.err)
  end)

  it("does not take a language that a stranger has put beside it", function()
    if run.must { "id", "-u" } ~= "0\n" then
      return -- only root can give a folder to somebody else
    end
    run.must { "chown", "-R", "65534", place .. "/share/moongate" }
    local result = check("policies/hosts/remote_server.lua")
    assert.equal(1, result.code)
    assert.truthy(result.err:find("/opt/moongate/share/moongate/lua/moongate/language.lua", 1, true), result.err)
    run.must { "chown", "-R", "65534", place } -- all of it his: then it is his installation
    assert.equal(0, check("policies/hosts/remote_server.lua").code)
  end)

  it("is taken away without a trace, and nothing else is", function()
    local own = run.write_file(installed.stage .. "/etc/moongate/policy.lua", "default_deny()\n")
    local other = run.write_file(place .. "/lib/libother.a", "")
    installed:make("uninstall")
    assert.same({ "etc/moongate/policy.lua", "opt/moongate/lib/libother.a" }, installations.files(installed.stage))
    assert.falsy(lfs.attributes(place .. "/share/moongate"))
    os.remove(own)
    os.remove(other)
    installed:make("uninstall") -- also when it is gone already
    assert.falsy(lfs.attributes(installed.stage .. "/etc/moongate"))
  end)

  it("goes where LIBDIR and MANDIR say", function()
    installed:make("install", "LIBDIR=/opt/moongate/lib64", "MANDIR=/opt/man", "SYSCONFDIR=/opt/etc")
    for _, path in ipairs { "lib64/libmoongate.so", "lib64/pkgconfig/moongate.pc" } do
      assert.truthy(lfs.attributes(place .. "/" .. path), path)
    end
    assert.truthy(lfs.attributes(installed.stage .. "/opt/man/man3/libmoongate.3"))
    assert.truthy(lfs.attributes(installed.stage .. "/opt/etc/moongate"))
    assert.truthy(run.read_file(place .. "/lib64/pkgconfig/moongate.pc"):find("libdir=/opt/moongate/lib64\n", 1, true))
  end)

  it("has Debian's places with PREFIX=/usr", function()
    local dry = installed:make("install", "PREFIX=/usr", "--dry-run")
    local triplet = run.must({ "cc", "-print-multiarch" }):gsub("\n", "")
    for _, path in ipairs { "/usr/lib/" .. triplet .. "/libmoongate.so.0", "/usr/include/moongate.h",
                            "/usr/sbin/moongate", "/usr/share/moongate/lua/moongate/verbs.lua" } do
      assert.truthy(dry:find(":" .. path .. " ", 1, true), path)
    end
  end)
end)
