-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Unit specs in C: a small program per subject, compiled against the library
-- that is under test, whose cases busted reports one by one. A program prints
-- "ok N - what" or "not ok N - what: why" for each case and "1..N" at its end,
-- and gets the path of an empty folder as its only argument.

local lfs = require "lfs"
local run = require "spec.support.run"

local M = {}

local build = os.getenv("MOONGATE_BUILD") or lfs.currentdir() .. "/build"

local packages = { "libmnl", "jansson", "xtables", "libipset", "libnetfilter_conntrack", "libmd", "libseccomp",
                   "libcap-ng", "lua5.4" }

-- Seconds that one program may take when nothing else is said, and its compilation.
local limit = 60

local function words_of(text)
  local words = {}
  for word in text:gmatch("%S+") do
    words[#words + 1] = word
  end
  return words
end

local function append(list, more)
  return table.move(more, 1, #more, #list + 1, list)
end

local function pkg_config(what)
  return words_of(run.must(append({ "pkg-config", what }, packages)))
end

--- Compile a program that may use what is inside the library, which only the
-- static one shows.
-- @param source path of its C file
-- @param binary where the program goes
-- @return as run.run
function M.compile(source, binary)
  local words = { "cc", "-std=gnu17", "-D_GNU_SOURCE", "-Iinclude", "-Icore", "-I.", "-O1", "-g", "-Wall",
                  "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Werror" }
  if build:find("asan", 1, true) then
    append(words, { "-fsanitize=address,undefined", "-fno-sanitize-recover=all" })
  end
  append(words, pkg_config("--cflags"))
  append(words, { "-Wl,--export-dynamic", "-o", binary, source, "-Wl,--whole-archive",
                  build .. "/libmoongate.a", "-Wl,--no-whole-archive" })
  append(words, pkg_config("--libs"))
  if build:find("coverage", 1, true) then
    words[#words + 1] = "-lgcov"
  end
  return run.run(words, { limit = limit })
end

-- The program's result; a program that does not compile counts as one that fails.
local function result_of(source, seconds)
  local dir = run.must({ "mktemp", "-d" }):match("%S+")
  local result = M.compile(source, dir .. "/check")
  if result.code == 0 then
    assert(lfs.mkdir(dir .. "/work"))
    local _
    _, result = pcall(run.run, { dir .. "/check", dir .. "/work" }, {
      limit = seconds or limit, unset = { "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "SUDO_USER" },
    })
    if type(result) ~= "table" then
      result = { code = -1, out = "", err = tostring(result) }
    end
  end
  run.run { "rm", "-rf", dir }
  return result
end

-- One line of the program's to one case of busted's; returns whether it is one.
local function report(line, it, pending)
  local number, what, why = line:match("^ok (%d+) %- (.-) # SKIP (.*)$")
  if number then
    pending(("%s (%s)"):format(what, why))
    return true
  end
  local verdict
  verdict, number, what = line:match("^(n?o?t? ?ok) (%d+) %- (.*)$")
  if number then
    it(verdict == "ok" and what or what:match("^(.-): ") or what, function()
      assert(verdict == "ok", what)
    end)
  end
  return number ~= nil
end

--- Compile and run a program, and make each of its lines a case of busted's.
-- To be called in describe(); `it` and `pending` are busted's own.
-- @param seconds that it may take, if that is not the usual
-- @usage c_program.cases("spec/unit/plan/guard_check.c", it, pending)
function M.cases(source, it, pending, seconds)
  local result = result_of(source, seconds)
  local count, failed = 0, false
  for line in result.out:gmatch("[^\n]+") do
    if report(line, it, pending) then
      count = count + 1
      failed = failed or line:find("^not ok") ~= nil
    end
  end
  it("comes to its end", function()
    local planned = tonumber(result.out:match("\n1%.%.(%d+)\n$"))
    local sound = failed and result.code == 1 or result.code == 0
    assert(sound and planned == count,
      ("%s: exit code %d after %d cases\n%s"):format(source, result.code, count, result.err))
  end)
end

return M
