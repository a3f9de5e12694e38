-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- bash completion, as bash asks for it: the function is called with the words
-- of a command line, and must offer all that --help tells of, and no more.

local features = require "spec.support.features"
local lfs = require "lfs"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it_kernel = features.it(it, pending)

local script = lfs.currentdir() .. "/packaging/completion/moongate"

-- What bash would set for a command line whose last word is being typed.
local function shell_text(words, folder)
  local quoted = {}
  for index, word in ipairs(words) do
    quoted[index] = run.quote(word)
  end
  return ("set -u; source %s; cd %s; COMP_WORDS=(%s %s); COMP_CWORD=%d; COMPREPLY=(); _moongate; "
    .. "((${#COMPREPLY[@]})) && printf '%%s\\n' \"${COMPREPLY[@]}\"; :"):format(run.quote(script),
    run.quote(folder or "/"), run.quote(moongate.binary), table.concat(quoted, " "), #words)
end

-- The candidates, sorted; nothing may be said on stderr.
local function candidates(result)
  assert.equal("", result.err)
  assert.equal(0, result.code)
  local list = {}
  for line in result.out:gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  table.sort(list)
  return list
end

local function complete(...)
  return candidates(run.run { "bash", "--norc", "-c", shell_text { ... } })
end

local function help(command)
  return run.must(command and { moongate.binary, command, "--help" } or { moongate.binary, "--help" })
end

local function commands()
  local list = {}
  for name in help():match("\nCommands:\n(.-)\n\n"):gmatch("  (%l+) [^\n]+") do
    list[#list + 1] = name
  end
  table.sort(list)
  assert.truthy(#list >= 7)
  return list
end

-- Each option of a command as --help has it: "--color=", its value's kind or nil.
local function options(command)
  local list = {}
  for name, equals, kind in help(command):gmatch("\n +[-%w, ]-(%-%-[%l%d-]+)(=?)(%u*)") do
    list[#list + 1] = { word = name .. equals, name = name, kind = equals == "=" and kind or nil }
  end
  return list
end

describe("bash completion #integration", function()
  local dir

  setup(function()
    dir = run.must({ "mktemp", "-d" }):match("%S+")
    for _, name in ipairs { "host.lua", "other.lua", "tonight.plan", "web3.json", "notes.txt", "two words.lua" } do
      run.write_file(dir .. "/" .. name, "")
    end
    assert(lfs.mkdir(dir .. "/roles"))
  end)

  teardown(function()
    run.must { "rm", "-rf", dir }
  end)

  after_each(network.close_all)

  local function complete_here(...)
    return candidates(run.run { "bash", "--norc", "-c", shell_text({ ... }, dir) })
  end

  it("offers every command that --help tells of", function()
    assert.same(commands(), complete(""))
    assert.same({ "apply" }, complete("ap"))
    assert.same({ "--help", "--version" }, complete("-"))
    assert.same({}, complete("frobnicate"))
  end)

  it("offers every option of every command", function()
    local seen = 0
    for _, command in ipairs(commands()) do
      local wanted = {}
      for _, option in ipairs(options(command)) do
        wanted[#wanted + 1] = option.word
        seen = seen + 1
      end
      table.sort(wanted)
      assert.same(wanted, complete(command, "-"), command)
      for _, option in ipairs(wanted) do
        assert.truthy(table.concat(complete(command, option:sub(1, -2)), " "):find(option, 1, true), option)
      end
    end
    assert.truthy(seen > 50)
  end)

  it("knows what every kind of value is", function()
    for _, command in ipairs(commands()) do
      for _, option in ipairs(options(command)) do
        if option.kind and option.kind ~= "NUMBER" then -- those that there are, see below
          local offered = complete_here(command, option.name, "")
          assert.truthy(#offered > 0, ("%s %s: nothing is offered for %s"):format(command, option.name, option.kind))
          assert.same(offered, complete_here(command, option.name, "=", ""), option.name)
        end
      end
    end
  end)

  it_kernel("offers the generations that there are", function()
    local lab = network.host()
    local program = moongate.new(lab)
    program:apply(program:policy("default_deny() allow_established() allow_icmp()\n"))
    program:apply(program:policy("default_deny() allow_established() allow_icmp() allow_loopback()\n"))
    local here = dir .. "/moongate"
    run.write_file(here, ("#!/bin/sh\nexec %s \"$@\" --state-dir %s\n"):format(moongate.binary, program.state_dir))
    run.must { "chmod", "755", here }
    local function offered(...)
      return candidates(run.run { "bash", "--norc", "-c",
        (shell_text({ ... }):gsub("COMP_WORDS=%(%S+", "COMP_WORDS=(" .. here:gsub("%%", "%%%%"), 1)) })
    end
    assert.same({ "1", "2" }, offered("apply", "--generation", ""))
    assert.same({ "2" }, offered("plan", "--generation", "2"))
    assert.same({ "show" }, offered("history", ""))
    assert.same({ "1", "2" }, offered("history", "show", ""))
  end)

  it("offers the values of --color, however the line is split into words", function()
    local all = { "always", "auto", "never" }
    assert.same(all, complete("plan", "--color", ""))
    assert.same(all, complete("plan", "--color", "="))
    assert.same(all, complete("plan", "--color", "=", ""))
    assert.same({ "always", "auto" }, complete("plan", "--color", "=", "a"))
    assert.same({ "--color=never" }, complete("plan", "--color=n"))
    assert.same({ "never" }, complete("plan", "-v", "--color", "n"))
  end)

  it("offers policies and saved plans, and folders on the way to them", function()
    for _, command in ipairs { "check", "plan", "apply" } do
      assert.same({ "host.lua", "other.lua", "roles", "tonight.plan", "two words.lua" }, complete_here(command, ""))
    end
    assert.same({ "other.lua" }, complete_here("plan", "o"))
    assert.same({ "notes.txt" }, complete_here("plan", "not"))
    assert.same({ "two words.lua" }, complete_here("plan", "two\\ w"))
    assert.same({ "two words.lua" }, complete_here("plan", '"two w'))
    assert.same({ "host.lua" }, complete_here("plan", "-v", "--color", "=", "never", "--out", "x", "h"))
    assert.same({}, complete_here("plan", "host.lua", ""))
    assert.same({}, complete_here("rollback", ""))
    assert.same({ "host.lua" }, complete_here("plan", "--", "h"))
    assert.same({}, complete_here("plan", "--", "-"))
  end)

  it("offers folders, plans and times where they belong", function()
    assert.same({ "roles" }, complete_here("plan", "--state-dir", ""))
    assert.same({ "roles", "web3.json" }, complete_here("check", "--facts", ""))
    assert.same({ "roles", "web3.json" }, complete_here("check", "--facts", "=", ""))
    assert.same({ "roles", "tonight.plan" }, complete_here("plan", "--out", ""))
    assert.same({ "10m", "1m" }, complete_here("apply", "--confirm", "1"))
    assert.same({ "30s" }, complete_here("apply", "-c", "3"))
    assert.same({ "30" }, complete_here("apply", "-w", "3"))
  end)

  it("offers nothing where the program is not there", function()
    local text = shell_text({ "pl" }):gsub(run.quote(moongate.binary):gsub("%p", "%%%0"), "/missing/moongate", 1)
    assert.same({}, candidates(run.run { "bash", "--norc", "-c", text }))
  end)

  -- What is typed, and what one Tab makes of it.
  local typed = {
    { "moongate roll", "moongate rollback" },
    { "moongate plan --col", "moongate plan --color=" },
    { "moongate plan --color=al", "moongate plan --color=always" },
    { "moongate plan --remove-f", "moongate plan --remove-foreign" },
    { "moongate plan --state-dir=ro", "moongate plan --state-dir=roles/" },
    { "moongate apply to", "moongate apply tonight.plan" },
    { "moongate plan two", "moongate plan two\\ words.lua" },
    { "moongate plan two\\ w", "moongate plan two\\ words.lua" },
    { "moongate plan 'two w", "moongate plan 'two words.lua'" },
    { "moongate plan ./ho", "moongate plan ./host.lua" },
    { "moongate show filter FOR", "moongate show filter FORWARD" },
    { "moongate rollback x", "moongate rollback x" },
  }

  it_kernel("does its work when Tab is pressed on a terminal", function()
    local lab = network.host()
    local words = packets.script("typist.py", script, dir)
    local folder = moongate.binary:match("^(.*)/")
    for _, case in ipairs(typed) do
      words[#words + 1] = case[1]
    end
    local out = lab.server:must(words, { env = { PATH = folder .. ":" .. os.getenv("PATH") } })
    local number = 0
    for line in out:gmatch("([^\n]*)\n") do
      number = number + 1
      assert.equal(typed[number][2], line)
    end
    assert.equal(#typed, number)
  end)

  it_kernel("offers the tables, and the chains that are live", function()
    local lab = network.host()
    tables.edit(lab.server, "ipv4", "-N GUARD")
    local function in_lab(...)
      return candidates(lab.server:run({ "bash", "--norc", "-c", shell_text { ... } }))
    end
    assert.same({ "filter", "mangle", "nat", "raw", "security" }, in_lab("show", ""))
    assert.same({ "FORWARD", "GUARD", "INPUT", "OUTPUT" }, in_lab("show", "filter", ""))
    assert.same({ "GUARD" }, in_lab("show", "-4", "filter", "G"))
    assert.same({ "INPUT", "OUTPUT", "POSTROUTING", "PREROUTING" }, in_lab("show", "nat", ""))
    assert.same({}, in_lab("show", "filter", "INPUT", ""))
    assert.same({ "filter", "mangle", "nat", "raw", "security" }, in_lab("export", "--live", "-4", ""))
    assert.same({}, in_lab("export", "--live", "filter", ""))
  end)
end)
