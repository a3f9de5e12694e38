-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- libmoongate as it is installed: programs of somebody else's are built
-- against it with pkg-config, shared and static, and run.

local extensions = require "spec.support.extensions"
local features = require "spec.support.features"
local installations = require "spec.support.installation"
local lfs = require "lfs"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"

local kernel_it = features.it(it, pending)
local kinds = { "shared", "static" }

-- A policy that jumps to every target in both families, `first` before `second`; and
-- what the texts must hold: { family =, name = }.
local function every_target(first, second)
  local lines, wanted = {}, {}
  -- tables are compiled in this order
  for name, family in pairs { raw = first, filter = second } do
    for _, target in ipairs(extensions.targets) do
      local form = target.forms[family][1]
      if form and target.needs ~= "a set" then
        local text = extensions.fill(extensions.words(target, form), family, math.min)
        lines[#lines + 1] = ("chain(%q, 'TARGETS', { family = %q }):append(%q)"):format(name, family,
          (target.p and "-p " .. target.p .. " " or "") .. text)
        wanted[#wanted + 1] = { family = family, name = target.name }
      end
    end
  end
  return table.concat(lines, "\n"), wanted
end

-- The library as a scripting language loads it: late, and for itself alone. A request
-- begins with the policy's path; the rest is zero.
local from_python = [[
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
request = ctypes.create_string_buffer(1024)
policy = ctypes.c_char_p(sys.argv[2].encode())
ctypes.memmove(request, ctypes.byref(policy), ctypes.sizeof(policy))
error = ctypes.create_string_buffer(8192)
engine = ctypes.c_void_p()
if library.mg_engine_open(request, ctypes.byref(engine), error) or library.mg_engine_check(engine, error):
    sys.exit(error.raw[4:].split(b"\0")[0].decode())
for family in 0, 1:
    text = ctypes.c_char_p()
    if library.mg_engine_export(engine, family, ctypes.byref(text), error):
        sys.exit(error.raw[4:].split(b"\0")[0].decode())
    print("# IPv%d" % (4 + 2 * family))
    print(text.value.decode(), end="")
library.mg_engine_close(engine)
]]

describe("libmoongate #integration", function()
  local installed, dir
  local example = {}

  setup(function()
    installed = installations.new()
    installed:unpack()
    dir = installed.root
    assert(lfs.mkdir(dir .. "/bin"))
    for _, kind in ipairs(kinds) do
      example[kind] = installed:compile(kind, "examples/check.c", dir .. "/bin/check-" .. kind)
    end
  end)

  teardown(function()
    installed:remove()
  end)

  local function run_example(kind, ...)
    return run.run({ example[kind], ... }, { env = installed:environment() })
  end

  local function policy(text)
    return run.write_file(dir .. "/policy.lua", text)
  end

  it("is there as an archive and as a shared library with its names", function()
    local lib = installed.prefix .. "/lib/"
    assert.equal("file", lfs.attributes(lib .. "libmoongate.a", "mode"))
    assert.equal("file", lfs.symlinkattributes(lib .. "libmoongate.so.0.1.0", "mode"))
    assert.equal("libmoongate.so.0.1.0", lfs.symlinkattributes(lib .. "libmoongate.so.0", "target"))
    assert.equal("libmoongate.so.0", lfs.symlinkattributes(lib .. "libmoongate.so", "target"))
    assert.truthy(run.must({ "readelf", "-d", lib .. "libmoongate.so" }):find("soname: [libmoongate.so.0]", 1, true))
    local version = run.must({ "pkg-config", "--modversion", lib .. "pkgconfig/moongate.pc" })
    assert.equal(run.must({ moongate.binary, "--version" }), "moongate " .. version)
  end)

  it("is linked as it is asked for", function()
    for _, kind in ipairs(kinds) do
      local needed = run.must { "readelf", "-d", example[kind] }
      assert.equal(kind == "shared", needed:find("[libmoongate.so.0]", 1, true) ~= nil)
    end
  end)

  it("is found by pkg-config before libxtables", function()
    local flags = run.must({ "pkg-config", "--static", "--libs", "moongate" },
      { env = { PKG_CONFIG_PATH = installed.prefix .. "/lib/pkgconfig" } })
    assert.truthy(flags:find("%-lmoongate .*%-lxtables"), flags)
  end)

  for _, kind in ipairs(kinds) do
    it("checks a policy for the example program, " .. kind, function()
      local done = run_example(kind, moongate.remote_server)
      assert.equal(0, done.code, done.err)
      local count = run.must({ moongate.binary, "check", moongate.remote_server }):match("(%d+ rules in %d+ chains)")
      local first, rest = done.out:match("^([^\n]*)\n(.*)$")
      assert.equal(("# %s: %s"):format(moongate.remote_server, count), first)
      local _, tables = rest:gsub("%*filter\n", "")
      assert.equal(2, tables)
    end)

    kernel_it("gives the example program what iptables-restore loads, " .. kind, function()
      local lab = network.host()
      local texts = run_example(kind, moongate.remote_server).out
      local ipv4, ipv6 = texts:match("# IPv4\n(.*)# IPv6\n(.*)$")
      lab.server:must({ "iptables-legacy-restore" }, { input = ipv4 })
      lab.server:must({ "ip6tables-legacy-restore" }, { input = ipv6 })
      local program = moongate.new(lab)
      local plan = program:run("plan", "--detailed-exitcode", moongate.remote_server)
      lab:close()
      assert.equal(0, plan.code, plan.out .. plan.err)
    end)

    it("tells the example program what is wrong, " .. kind, function()
      for text, why in pairs {
        ["allow_inbound_shh()"] = "policy.lua:1: unknown name `allow_inbound_shh`: did you mean `allow_inbound_ssh`?\n",
        ["chain('filter', 'INPUT'):append '-p tcp --dports 1 -j ACCEPT'"] =
          'policy.lua:1: append: unknown option "--dports": it belongs to "-m multiport", and stands behind it\n',
      } do
        local done = run_example(kind, policy(text))
        assert.same({ 1, "", why }, { done.code, done.out, done.err })
      end
      local done = run_example(kind, dir .. "/none.lua")
      assert.same({ 1, "", ("cannot read the policy %s/none.lua: No such file or directory\n"):format(dir) },
        { done.code, done.out, done.err })
      assert.equal(64, run_example(kind).code)
    end)

    it("gives the example program notes with their remedies, " .. kind, function()
      local done = run_example(kind, policy "default_deny()\nallow_loopback()\nallow_inbound_ssh()\n")
      assert.equal(0, done.code, done.err)
      assert.truthy(done.err:find("\n    allow_established()\n", 1, true), done.err)
    end)

    kernel_it("plans, applies, confirms and rolls back for a program, " .. kind, function()
      local binary = installed:compile(kind, "spec/integration/library_check.c", dir .. "/bin/library-" .. kind,
        { "-I.", "-D_GNU_SOURCE" })
      local lab = network.host()
      local env = installed:environment()
      env.XTABLES_LOCKFILE = lab.dir .. "/xtables.lock"
      assert(lfs.mkdir(lab.dir .. "/work"))
      local done = lab.server:run({ binary, lab.dir .. "/work" }, { env = env, limit = 60,
        unset = { "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "SUDO_USER" } })
      lab:close()
      assert.falsy(done.out:find("not ok", 1, true), done.out)
      assert.equal(0, done.code, done.out .. done.err)
      local _, cases = ("\n" .. done.out):gsub("\nok %d+ ", "")
      assert.truthy(cases > 20 and done.out:find(("\n1..%d\n"):format(cases), 1, true), done.out)
    end)
  end

  -- libxtables drops the targets of the other family; see core/netfilter/register.c
  for _, kind in ipairs { "shared", "static", "loaded by Python" } do
    for _, order in ipairs { { "ipv4", "ipv6" }, { "ipv6", "ipv4" } } do
      it(("has every target in both families, %s, %s first"):format(kind, order[1]), function()
        local text, wanted = every_target(table.unpack(order))
        local path = policy(text)
        local done
        if example[kind] then
          done = run_example(kind, path)
        elseif installations.is_sanitized then
          return -- ASan must be loaded first
        else
          done = run.run({ "python3", "-", installed.prefix .. "/lib/libmoongate.so.0", path }, { input = from_python })
        end
        assert.equal(0, done.code, done.err)
        local texts = {}
        texts.ipv4, texts.ipv6 = done.out:match("# IPv4\n(.*)# IPv6\n(.*)$")
        assert.truthy(#wanted > 60, #wanted)
        for _, want in ipairs(wanted) do
          assert.truthy(texts[want.family]:find("\n%-A TARGETS[^\n]* %-j " .. want.name .. "[ \n]"),
            want.family .. " " .. want.name)
        end
      end)
    end
  end

  it("says so where a program links libxtables first", function()
    local binary = installed:compile("shared", "examples/check.c", dir .. "/bin/wrong",
      { "-Wl,--no-as-needed", "-lxtables" })
    local done = run.run({ binary, moongate.remote_server }, { env = installed:environment() })
    assert.equal(7, done.code, done.out)
    assert.truthy(done.err:find("link -lmoongate first", 1, true), done.err)
  end)

  it("lets valgrind find nothing in the example program", function()
    if installations.is_sanitized then
      return -- ASan has looked already, and the two do not go together
    end
    for _, text in ipairs { run.read_file(moongate.remote_server), "allow_inbound { tcp = 0 }" } do
      local done = run.run({ "valgrind", "--quiet", "--leak-check=full", "--errors-for-leak-kinds=definite",
        "--error-exitcode=99", example.shared, policy(text) }, { env = installed:environment(), limit = 60 })
      assert.truthy(done.code < 2 and not done.err:find("^==") and not done.err:find("\n=="), done.err)
    end
  end)

  it("has a manual page whose example works", function()
    local page = run.read_file(installed.prefix .. "/share/man/man3/libmoongate.3")
    local text = page:match("does a policy make%?\n%.Bd[^\n]*\n(.-)%.Ed"):gsub("\\e", "\\")
    local binary = installed:compile("shared", run.write_file(dir .. "/page.c", text), dir .. "/bin/page")
    local out = run.must({ binary, moongate.remote_server }, { env = installed:environment() })
    assert.truthy(out:find("^%d+ rules\n$"), out)
    assert.equal(1, run.run({ binary }, { env = installed:environment() }).code)
  end)
end)
