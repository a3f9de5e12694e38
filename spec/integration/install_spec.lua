-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What `make install` puts into DESTDIR works there: the program finds its
-- language, and lua5.4 the module.

local lfs = require "lfs"
local run = require "spec.support.run"

describe("an installation #integration", function()
  local root

  setup(function()
    root = run.must({ "mktemp", "-d" }):gsub("\n", "")
    -- what is under test was built before the specs began: nothing is to be built now
    run.must({ "make", "--no-print-directory", "install", "DESTDIR=" .. root, "PREFIX=/opt/moongate" },
      { limit = 120 })
  end)

  teardown(function()
    run.must { "rm", "-rf", root }
  end)

  it("has a program that finds its language", function()
    local result = run.run { root .. "/opt/moongate/sbin/moongate", "check",
      root .. "/opt/moongate/share/moongate/policies/hosts/remote_server.lua" }
    assert.equal(0, result.code, result.err)
  end)

  it("has the manual page and a place for the policy", function()
    assert.equal("file", lfs.attributes(root .. "/opt/moongate/share/man/man8/moongate.8", "mode"))
    assert.equal("directory", lfs.attributes(root .. "/etc/moongate", "mode"))
  end)

  it("says where the language should be when it is not there", function()
    run.must { "rm", "-rf", root .. "/opt/moongate/share/moongate/lua" }
    local result = run.run { root .. "/opt/moongate/sbin/moongate", "check", "policies/hosts/remote_server.lua" }
    assert.are_not.equal(0, result.code)
    assert.truthy(result.err:find("moongate/language.lua", 1, true), result.err)
  end)
end)
