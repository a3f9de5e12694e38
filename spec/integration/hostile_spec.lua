-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Policies that were written by an enemy: each ends within three seconds, with
-- an error that names the limit or the refusal, and nothing has been touched.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

-- A watched build has more time by itself, and needs some.
local watched = moongate.binary:find("asan", 1, true)
local limit = watched and { "--policy-seconds=2" } or {}
local side_by_side = 4

local base = "default_deny() allow_established() allow_loopback() allow_icmp() allow_inbound_ssh()\n"

-- How long an attack may take: three seconds, if it need not share the processors with many.
local function longest()
  local _, cpus = run.read_file("/proc/stat"):gsub("cpu%d", "")
  local others = tonumber(run.read_file("/proc/loadavg"):match("%S+"))
  return (watched and 8 or 3) * math.max(1, (others + side_by_side) / (2 * cpus))
end

describe("a hostile policy #integration", function()
  local root

  setup(function()
    root = run.must({ "mktemp", "-d" }):gsub("\n", "")
    run.must { "chmod", "755", root }
  end)

  teardown(function()
    run.must { "rm", "-rf", root }
  end)

  local function write(name, text)
    local path = root .. "/" .. name
    run.must { "mkdir", "-p", path:match("^(.*)/") }
    return run.write_file(path, text)
  end

  local function words(path)
    return { moongate.binary, "check", path, table.unpack(limit) }
  end

  -- `expected`: one text, or a list of which one will do; ":3" is line 3 of `file`.
  local function expect_refused(result, expected, what, file)
    assert.equal(1, result.code, what .. ": " .. result.out .. result.err)
    assert.equal("", result.out, what)
    for _, text in ipairs(type(expected) == "table" and expected or { expected }) do
      local wanted = text:gsub("^:", (file or "") .. ":", 1)
      if result.err:find(wanted, 1, true) then
        return
      end
    end
    error(("%s: not what was expected of it: %s"):format(what, result.err:sub(1, 1000)))
  end

  -- Each { what, text, expected, ... }: one after the other.
  local function refuses(attacks)
    for index, attack in ipairs(attacks) do
      local name = ("quick%d.lua"):format(index)
      local result = run.run(words(write(name, attack[2])))
      expect_refused(result, attack[3], attack[1], name)
      assert.truthy(result.seconds < longest(), attack[1] .. ": " .. result.seconds .. " s")
    end
  end

  -- The same for what takes all of its time: some at once.
  local function ends(attacks)
    for first = 1, #attacks, side_by_side do
      local started = {}
      for index = first, math.min(first + side_by_side - 1, #attacks) do
        local path = write(("slow%d.lua"):format(index), attacks[index][2])
        started[index] = run.start(words(path), { dir = root })
      end
      for index, process in pairs(started) do
        local result = process:wait(20)
        expect_refused(result, attacks[index][3], attacks[index][1], ("slow%d.lua"):format(index))
        assert.truthy(result.seconds < longest(), attacks[index][1] .. ": " .. result.seconds .. " s")
      end
    end
  end

  it("that loops for ever is told where it was", function()
    ends {
      { "a loop", base .. "\nwhile true do end", ":3: the policy takes more than 2" },
      { "in pcall", "while true do\n  pcall(function() while true do end end)\nend",
        "the policy takes more than 2" },
      { "in pcall in pcall",
        "local function f() while true do pcall(f) end end\nf()", "the policy takes more than 2" },
      { "in an error handler", "xpcall(error, function() while true do end end)", ":1: the policy takes" },
      { "in __close",
        "do\n  local x <close> = setmetatable({}, { __close = function() while true do end end })\nend",
        ":2: the policy takes more than 2" },
      { "in __index, which the language reads",
        "local t = setmetatable({}, { __index = function() while true do end end })\n"
        .. "allow_inbound(t)\nlocal x = t.x", "the policy takes more than 2" },
      { "in a comparison",
        "table.sort({ 1, 2, 3 }, function() while true do end end)", ":1: the policy takes" },
      { "in a pattern", ('local s = ("a"):rep(30000)\ns:find((".-"):rep(20) .. "b")'), ":2: the policy takes" },
      { "in a pattern, in pcall",
        'while true do\n  pcall(string.find, ("a"):rep(30000), (".-"):rep(20) .. "b")\nend',
        "the policy takes more than 2" },
      { "in table.move", "table.move({}, 1, 1 << 60, 2, {})", ":1: the policy takes more than 2" },
      { "in gsub", 'local s = ("a"):rep(1 << 20)\nwhile true do s:gsub("a", "b") end', ":2: the policy takes" },
      { "in rules", 'for i = 1, 1 << 60 do\n  allow_inbound { tcp = 80, comment = "x" .. i }\nend',
        { ":2: the policy takes more than 2", "there are more than 2000000 rules" } },
      { "in chains", 'for i = 1, 1 << 60 do\n  chain("filter", "C" .. i)\nend',
        { ":2: the policy takes more than 2", "there are more than 200000 chains" } },
      { "in remarks", 'for i = 1, 1 << 60 do\n  print(i)\nend',
        { ":2: the policy takes more than 2", ":2: the policy has more to say than 10000 remarks" } },
      { "in gigabytes of remarks", 'for i = 1, 1 << 60 do\n  print(("x"):rep(1 << 20) .. i)\nend',
        { ":2: the policy takes more than 2", ":2: the policy has more to say than 10000 remarks" } },
      { "in memory", "local t = {}\nfor i = 1, 1 << 60 do t[i] = { i } end",
        { ": the policy takes more than 1024 MiB", ":2: the policy takes more than 2" } },
    }
  end)

  it("that is ended at once if it has a loop of its own limit", function()
    local path = write("soon.lua", "while true do end")
    local result = run.run { moongate.binary, "check", "--policy-seconds", "0.3", path }
    expect_refused(result, ":1: the policy takes more than 0.", "a loop", "soon.lua")
    assert.truthy(result.seconds < 2)
  end)

  it("that wants more memory, depth or words than there are, is refused", function()
    refuses {
      { "a long text",
        'local s = ("x"):rep(1 << 30)', ": the policy takes more than 1024 MiB of memory" },
      { "an endless one", 'local s = ("x"):rep(1 << 62)', ":1: " },
      { "a wide concat",
        'local t = {} for i = 1, 20 do t[i] = ("x"):rep(1 << 27) end local s = table.concat(t)',
        { "1024 MiB of memory", "takes more than 2" } },
      { "recursion", "local function f() return 1 + f() end\nf()", ":1: stack overflow" },
      { "recursion through pcall",
        "local function f() return pcall(f) end\nlocal ok, why = f()\nerror(why)", ":" },
      { "recursion through metamethods",
        "local t = {}\nsetmetatable(t, { __index = function(_, k) return t[k .. 1] end })\n"
        .. "local x = t.x", ":" },
      { "recursion in a pattern",
        'local s = ("a"):rep(300000)\nlocal x = s:match(("(.-)"):rep(30) .. ("a?"):rep(250000) .. "$")\n'
        .. 'error "it has survived"', ":" },
      { "recursion in syntax", "local x = " .. ("("):rep(100000) .. "1" .. (")"):rep(100000), ": C stack overflow" },
      { "a rule of many words",
        'chain("filter", "INPUT"):append(("-m comment --comment x "):rep(10000) .. "-j ACCEPT")',
        ":1: " },
      { "a long word",
        'chain("filter", "INPUT"):append { match = { { "comment", comment = ("x"):rep(1 << 22) } }, jump = "DROP" }',
        ":1: " },
      { "an error of megabytes", 'error(("x"):rep(1 << 22))', ":1: xxxx" },
      { "format", 'local x = ("%99999d"):format(1)', ":1: " },
    }
    assert.truthy(#run.run(words(root .. "/quick11.lua")).err < 4096)
  end)

  it("that reaches for what is outside finds nothing", function()
    local attacks = {}
    for name in ("load loadfile loadstring dofile require os io debug coroutine collectgarbage rawget rawset _G")
        :gmatch("%S+") do
      attacks[#attacks + 1] = { name, "local x = " .. name, ("`%s` is not part of the policy language"):format(name) }
    end
    for _, attack in ipairs {
      { "package", "local x = package.loaded", "unknown name `package`" },
      { "bytecode", string.dump(function() return 1 end), "attempt to load a binary chunk" },
      { "dump", 'local x = ("x").dump(print)', "attempt to call a nil value" },
      { "dump by its name", "local x = string.dump(print)", "attempt to call a nil value" },
      { "the metatable of texts", 'getmetatable("").__index = {}', "attempt to index a nil value" },
      { "the library of texts", "string.format = function() end", "string is read-only" },
      { "the library of tables", "table.insert = nil", "table is read-only" },
      { "a metatable for it", "setmetatable(string, {})", "cannot change a protected metatable" },
      { "a helper", "allow_inbound = function() end", "`allow_inbound` is a name of the policy language" },
      { "the environment", "_ENV = {}\nallow_inbound_ssh()", "attempt to call a nil value" },
      { "its metatable", "setmetatable(_ENV, {})", "cannot change a protected metatable" },
      { "a finalizer", "setmetatable({}, { __gc = function() while true do end end })", "have no place in a policy" },
      { "a finalizer by and by",
        "local m = {}\nlocal t = setmetatable({}, m)\nm.__gc = print\nsetmetatable(t, m)",
        "have no place in a policy" },
      { "the host's facts", "host.interfaces[1] = 1", "read-only" },
      { "a port that is none",
        "allow_inbound { tcp = setmetatable({ 'x' }, { __tostring = function() return '22' end }) }",
        "allow_inbound: tcp" },
      { "a file", 'addresses_from_file("/etc/shadow")', "leads out of the folders" },
      { "a file above", 'addresses_from_file("../../../etc/passwd")', "leads out of the folders" },
      { "a terminal in an error", 'error "\\27[2J\\r\\u{9b}31m"', ".lua:1: ?[2J???31m" },
      { "a terminal in a rule",
        'chain("filter", "INPUT"):append { comment = "\\27[2J", jump = "DROP" }', ".lua:1: " },
      { "a terminal in a match",
        'chain("filter", "INPUT"):append { match = { { "recent", set = true, name = "\\27[2J" } },'
        .. ' jump = "DROP" }', ".lua:1: " },
    } do
      attacks[#attacks + 1] = attack
    end
    refuses(attacks)
  end)

  it("that makes the terminal do things only makes question marks", function()
    local path = write("screen.lua", base .. 'print "\\27]0;mine\\7"')
    local result = run.run { moongate.binary, "check", "-v", path }
    assert.equal(0, result.code, result.err)
    assert.truthy(result.err:find("?]0;mine?", 1, true), result.err)
    assert.falsy(result.err:find("[\27\7]"))
  end)

  describe("that uses", function()
    local function use(expected, text)
      local path = write("own/policy.lua", base .. (text or 'use("bad")\n'))
      expect_refused(run.run(words(path)), expected, expected)
    end

    before_each(function()
      run.must { "rm", "-rf", root .. "/own" }
      write("outside.lua", "return function() end\n")
      write("own/policy.lua", "")
    end)

    it("a link out, or a name that leads out, does not get it", function()
      run.must { "ln", "-s", root .. "/outside.lua", root .. "/own/bad.lua" }
      use("is a symbolic link out of that folder")
      run.must { "ln", "-sfn", root, root .. "/own/bad" }
      use("is a symbolic link out of that folder", 'use("bad.outside")')
      for _, name in ipairs { "../outside", "..outside", "...outside", "/etc/passwd", "a/../../outside", "" } do
        use("policy.lua:2: use: ", ("use(%q)"):format(name))
      end
    end)

    it("a file that others can write, or own, does not get it", function()
      local path = write("own/bad.lua", "return function() end\n")
      for mode, words_of in pairs { ["664"] = "its group can write", ["646"] = "everybody can write",
                                    ["666"] = "everybody can write" } do
        run.must { "chmod", mode, path }
        use(words_of .. " " .. path .. ", so root does not trust it: chmod " ..
          ({ ["664"] = "g-w", ["646"] = "o-w", ["666"] = "go-w" })[mode] .. " " .. path)
      end
      run.must { "chmod", "644", path }
      run.must { "chown", "65533", path }
      use(path .. " belongs to user 65533, so root does not trust it: chown root " .. path)
      run.must { "chown", "0:65533", path }
      assert.equal(0, run.run(words(write("own/policy.lua", base .. 'use("bad")'))).code)
    end)

    it("what is no file, or no end of one, does not get it", function()
      local path = root .. "/own/bad.lua"
      run.must { "mkfifo", path }
      use(path .. " is not a regular file")
      run.must { "rm", path }
      run.must { "mknod", path, "c", "1", "5" }
      use(path .. " is not a regular file")
      run.must { "rm", path }
      run.must { "mkdir", path }
      use(path .. " is not a regular file")
      run.must { "rmdir", path }
      run.must { "truncate", "-s", "100G", path }
      use(path .. " is larger than 16 MiB")
      write("own/bad.lua", string.dump(function() end))
      use("attempt to load a binary chunk")
    end)

    it("a file that is swapped all the time gets the one that was judged", function()
      write("own/good", 'return function() print "good" end\n')
      run.must { "chmod", "666", write("own/evil", 'return function() print "evil" end\n') }
      local path = write("own/policy.lua", base .. 'use("bad")')
      local swapper = run.start({ "python3", "-c", [[
import os, sys
os.chdir(sys.argv[1])
while True:
    for name in "good", "evil":
        os.link(name, "new")
        os.rename("new", "bad.lua")
]], root .. "/own" }, { dir = root })
      run.wait_until("the first swap", 5, function()
        return run.read_file(root .. "/own/bad.lua")
      end)
      local seen = {}
      for _ = 1, 40 do
        local result = run.run { moongate.binary, "check", "-v", path }
        local how = result.code == 0 and result.err:find("note: good", 1, true) and "good"
          or result.code == 1 and result.err:find("can write", 1, true) and "refused" or result.err
        seen[how] = (seen[how] or 0) + 1
      end
      swapper:signal("KILL")
      assert.truthy(seen.good and seen.refused, "no race: try again")
      assert.equal(40, seen.good + seen.refused, table.concat({ next(seen) }, " "))
    end)
  end)

  it("touches no table, whatever command is given it", function()
    local lab <close> = setmetatable({ of = network.host() }, { __close = function(lab)
      lab.of:close()
    end })
    local program = moongate.new(lab.of)
    program:apply(program:policy(base, "base.lua"))
    local before = tables.save(lab.of.server, "ipv4") .. tables.save(lab.of.server, "ipv6")
    local path = program:policy(base .. "allow_inbound { tcp = 1 }\nwhile true do end", "loop.lua")
    for _, command in ipairs { { "apply", "--no-confirm", path }, { "plan", path }, { "export", "-4", path } } do
      local done = program:run(command[1], "--policy-seconds=0.2", table.unpack(command, 2))
      assert.equal(1, done.code, done.err)
      assert.truthy(done.err:find("loop.lua:3: the policy takes", 1, true), done.err)
    end
    assert.equal(before, tables.save(lab.of.server, "ipv4") .. tables.save(lab.of.server, "ipv6"))
  end)
end)
