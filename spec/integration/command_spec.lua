-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The command line itself: help, version, colours, status, exit codes of usage,
-- and what goes to stdout and what to stderr.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local commands = { "check", "plan", "apply", "confirm", "rollback", "show", "status", "export", "facts", "resolve",
                   "lock", "history" }

local good = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
]]

local escape = "\27["

describe("the command line #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  local function plain(...)
    return lab.server:run({ moongate.binary, ... }, program:options())
  end

  it("helps, on stdout, and names every command", function()
    local result = plain("--help")
    assert.equal(0, result.code)
    assert.equal("", result.err)
    for _, command in ipairs(commands) do
      assert.truthy(result.out:find("%f[%a]" .. command .. "%f[%A]"), command .. " is not in: " .. result.out)
    end
  end)

  it("helps for each command", function()
    for _, command in ipairs(commands) do
      local result = plain(command, "--help")
      assert.equal(0, result.code, command .. ": " .. result.err)
      assert.truthy(result.out:find(command, 1, true), command)
      assert.equal("", result.err)
    end
  end)

  it("tells its version", function()
    local result = plain("--version")
    assert.equal(0, result.code)
    assert.truthy(result.out:find("^moongate %d+%.%d+%.%d+"), result.out)
  end)

  it("answers usage errors with 64, on stderr", function()
    local cases = {
      {}, { "frobnicate" }, { "--frobnicate" }, { "plan", "--frobnicate" }, { "apply", "--confirm" },
      { "apply", "--confirm", "soon" }, { "apply", "--wait", "-3" }, { "plan", "--color=mauve" },
      { "plan", "one.lua", "two.lua" },
    }
    for _, words in ipairs(cases) do
      local result = plain(table.unpack(words))
      assert.equal(64, result.code, table.concat(words, " ") .. ": " .. result.out .. result.err)
      assert.equal("", result.out, table.concat(words, " "))
      assert.truthy(#result.err > 0, table.concat(words, " "))
    end
  end)

  it("says what was meant by a word that it does not know", function()
    local cases = {
      { { "plna" }, "unknown command `plna': did you mean `plan'?" },
      { { "STATUS" }, "did you mean `status'?" },
      { { "xyzzy" }, "unknown command `xyzzy'\n" },
      { { "plan", "--jsno" }, "unknown option `--jsno': did you mean `--json'?" },
      { { "plan", "--colour=always" }, "unknown option `--colour': did you mean `--color'?" },
      { { "plan", "--no-such-thing" }, "unknown option `--no-such-thing'\n" },
      { { "plan", "--confirm" }, "this command does not take `--confirm'" },
      { { "confirm", "--json" }, "this command does not take `--json'" },
      { { "plan", "--json=yes" }, "option `--json' takes no value" },
      { { "plan", "-xq" }, "unknown option `-x'" },
      { { "plan", "-qx" }, "unknown option `-x'" },
      { { "plan", "-c", "1s" }, "unknown option `-c'" },
    }
    for _, case in ipairs(cases) do
      local result = plain(table.unpack(case[1]))
      assert.equal(64, result.code, result.line)
      assert.truthy(result.err:find(case[2], 1, true), result.line .. ": " .. result.err)
    end
  end)

  it("checks a policy, and says what it has found", function()
    local result = program:run("check", program:policy(good))
    assert.equal(0, result.code, result.err)
    assert.equal("", result.err)
    assert.truthy(result.out:find("policy.lua", 1, true), result.out)
  end)

  it("checks the policy of the remote server without a warning", function()
    local result = program:run("check", moongate.remote_server)
    assert.equal(0, result.code, result.err)
    assert.equal("", result.err)
  end)

  it("checks without being root, and writes no state", function()
    local result = program:run_with({ nobody = true }, "check", program:policy(good))
    assert.equal(0, result.code, result.out .. result.err)
    assert.falsy(run.run({ "test", "-e", program.state_dir }).code == 0, "check has made a state folder")
  end)

  it("tells its state: nothing yet, applied, drifted", function()
    local nothing = program:run("status")
    assert.equal(0, nothing.code, nothing.err)
    assert.truthy(#nothing.out > 0)
    program:apply(program:policy(good))
    local applied = program:must("status")
    assert.are_not.equal(nothing.out, applied.out)
    assert.truthy(applied.out:lower():find("generation", 1, true), applied.out)
    assert.truthy(applied.out:lower():find("legacy", 1, true), applied.out)
    lab.server:must({ "iptables-legacy", "-D", "INPUT", "1" }, program:options())
    local drifted = program:run("status")
    assert.truthy((drifted.out .. drifted.err):lower():find("drift", 1, true), drifted.out .. drifted.err)
    assert.are_not.equal(applied.out, drifted.out)
  end)

  it("colours only when asked to, since it does not write to a terminal", function()
    local path = program:policy(good)
    assert.falsy(program:run("plan", path).out:find(escape, 1, true))
    assert.truthy(program:run("plan", path, "--color=always").out:find(escape, 1, true))
    assert.falsy(program:run("plan", path, "--color=never").out:find(escape, 1, true))
    local quiet = program:run_with({ env = { NO_COLOR = "1" } }, "plan", path, "--color=auto")
    assert.falsy(quiet.out:find(escape, 1, true))
  end)

  it("shows the live rules with counters and numbers", function()
    local path = program:policy(good)
    program:apply(path)
    local result = program:must("show")
    assert.truthy(result.out:find("RELATED,ESTABLISHED", 1, true), result.out)
    assert.truthy(result.out:find("policy.lua:2", 1, true), result.out)
    assert.truthy(result.out:find("policy.lua:5", 1, true), result.out)
    for _, chain in ipairs { "INPUT", "FORWARD", "OUTPUT" } do
      assert.truthy(result.out:find(chain, 1, true), chain)
    end
  end)

  it("says nothing on stderr when all is well", function()
    local path = program:policy(good)
    assert.equal("", program:must("plan", path).err)
    program:apply(path)
    assert.equal("", program:must("plan", path).err)
  end)

  it("ends with an error when its output cannot be written", function()
    local path = program:policy(good)
    local result = run.run({ "sh", "-c", program:line("check", path) .. " >/dev/full" },
      { netns = lab.server.pid })
    assert.are_not.equal(0, result.code)
  end)

  it("is not content with an output that is closed, unless it has nothing to say", function()
    local path = program:policy(good)
    local function closed(...)
      return lab.server:run({ "sh", "-c", program:line(...) .. " >&-" }, program:options())
    end
    for _, words in ipairs { { "check", path }, { "export", "-4", path }, { "plan", path },
                             { "plan", path, "--json" }, { "show" }, { "status" }, { "facts" } } do
      local result = closed(table.unpack(words))
      assert.equal(7, result.code, result.line .. result.err)
      assert.truthy(result.err:find("cannot write to stdout: Bad file descriptor", 1, true), result.err)
    end
    local result = closed("apply", path, "--no-confirm")
    assert.equal(7, result.code, result.err)
    assert.truthy(result.err:find("nothing was changed", 1, true), result.err)
    assert.falsy(tables.names(lab.server, "ipv4"):find("filter", 1, true))
    result = closed("apply", path, "--no-confirm", "-q")
    assert.equal(0, result.code, result.err)
    assert.truthy(tables.names(lab.server, "ipv4"):find("filter", 1, true))
  end)

  it("takes a policy file as lua does: with a first line for the shell, and a mark of the byte order", function()
    for _, start in ipairs { "#!/usr/bin/env lua\n", "# not Lua", "\xEF\xBB\xBF", "\xEF\xBB\xBF#!x\n" } do
      local lines = select(2, start:gsub("\n", ""))
      local result = program:run("check", program:policy(start .. "\nallow_inbound_shs()\n"))
      assert.equal(1, result.code)
      assert.truthy(result.err:find(("policy.lua:%d: unknown name"):format(lines + 2), 1, true), result.err)
    end
  end)
end)
