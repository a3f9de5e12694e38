-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The unit that loads the rules at boot, as it is installed.

local features = require "spec.support.features"
local installations = require "spec.support.installation"
local lfs = require "lfs"
local run = require "spec.support.run"

local it_with_systemd = features.it(it, pending, "systemd")

describe("moongate.service #integration", function()
  local installed, unit

  setup(function()
    installed = installations.new()
    installed:unpack()
    unit = installed.prefix .. "/lib/systemd/system/moongate.service"
  end)

  teardown(function()
    installed:remove()
  end)

  it("runs the program that is installed with it, before any network", function()
    local text = run.read_file(unit)
    assert.falsy(text:find("@SBINDIR@", 1, true))
    local program = text:match("\nExecStart=(%S+) restore %-%-wait %d+\n")
    assert.equal(installed.prefix .. "/sbin/moongate", program)
    assert.equal("file", lfs.attributes(program, "mode"))
    for _, line in ipairs {
      "DefaultDependencies=no", "Wants=network-pre.target", "Type=oneshot", "RemainAfterExit=yes",
    } do
      assert.truthy(text:find("\n" .. line .. "\n", 1, true), line)
    end
    assert.truthy(text:find("\nBefore=network-pre.target ", 1, true))
    assert.falsy(text:find("ExecStop", 1, true), "rules are never taken away")
  end)

  it("is not enabled by being installed", function()
    for _, path in ipairs(installations.files(installed.stage)) do
      assert.falsy(path:find("%.wants/"), path)
    end
  end)

  it_with_systemd("is understood by systemd", function()
    local done = run.run({ "systemd-analyze", "verify", "--man=no", unit }, { limit = 60 })
    assert.same({ 0, "" }, { done.code, done.err })
  end)

  it_with_systemd("needs little", function()
    local done = run.run({ "systemd-analyze", "security", "--offline=true", "--threshold=50", unit }, { limit = 60 })
    assert.equal(0, done.code, done.out .. done.err)
  end)
end)
