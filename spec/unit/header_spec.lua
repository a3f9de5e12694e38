-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- include/moongate.h, the whole public API: it compiles alone, and the header,
-- the libraries and the manual page name the same functions.

local lfs = require "lfs"
local order = require "moongate.order"
local run = require "spec.support.run"

local header = "include/moongate.h"
local build = os.getenv("MOONGATE_BUILD") or lfs.currentdir() .. "/build"

-- What the plugins have to find, see core/netfilter/register.c.
local interposed = { "xtables_register_target", "xtables_register_targets" }

-- The functions that the header declares, each with whether something is said about it:
-- right above it, or above the others that stand with it.
local function declared()
  local text = run.read_file(header)
  local found = {}
  -- a paragraph begins with its comment, if it has one
  for paragraph in (text .. "\n"):gmatch("(.-)\n\n") do
    local code = paragraph:gsub("/%*.-%*/", "")
    if not code:find("{", 1, true) then
      for name in code:gmatch("[%s%*](mg_[%w_]+)%s*%(") do
        found[name] = paragraph:find("^%s*/%*%*.-%*/%s*[%w_]") ~= nil
      end
    end
  end
  return found
end

describe("moongate.h", function()
  it("compiles alone as C17 and as C++", function()
    for _, words in ipairs {
      { "cc", "-std=c17", "-x", "c", "-Wstrict-prototypes" },
      { "g++", "-std=c++11", "-x", "c++" },
    } do
      table.move({ "-fsyntax-only", "-Wall", "-Wextra", "-pedantic", "-Werror", "-" }, 1, 6, #words + 1, words)
      local done = run.run(words, { input = ('#include "%s/%s"\n'):format(lfs.currentdir(), header) })
      assert.same({ 0, "" }, { done.code, done.err })
    end
  end)

  it("says something about each function", function()
    local count = 0
    for name, is_documented in pairs(declared()) do
      assert.truthy(is_documented, name)
      count = count + 1
    end
    assert.truthy(count > 25, "only " .. count .. " functions found")
  end)

  it("declares what a program of somebody else's is tested with", function()
    local code = run.read_file("examples/check.c") .. run.read_file("spec/integration/library_check.c")
      .. run.read_file("spec/support/library_stage.h") .. run.read_file("spec/support/library_history.h")
    for name in pairs(declared()) do
      assert.truthy(code:find("%f[%w_]" .. name .. "%("), name .. ": spec/integration/library_check.c")
    end
  end)

  it("declares what the shared library exports, and no more", function()
    local wanted, exported = {}, {}
    for name in pairs(declared()) do
      wanted[name] = true
    end
    for _, name in ipairs(interposed) do
      wanted[name] = true
    end
    for name in run.must({ "nm", "-D", "--defined-only", build .. "/libmoongate.so" }):gmatch("%x+ %u ([%w_]+)") do
      -- an instrumented library brings the sanitizer's own
      if not name:find("^__[au]b?san") and not name:find("^__odr_asan") then
        exported[name] = true
      end
    end
    assert.same(order.keys(wanted), order.keys(exported))
  end)

  it("is all that the program and the examples use", function()
    local names = declared()
    local objects = (os.getenv("MOONGATE_BUILD") or "build"):match("[^/]+$") .. "/obj/cli"
    local used = 0
    for name in run.must({ "sh", "-c", "nm -u -A " .. objects .. "/*.o" }):gmatch(" U (mg_[%w_]+)") do
      assert.truthy(names[name] ~= nil, name)
      used = used + 1
    end
    assert.truthy(used > 20, "only " .. used .. " uses found")
    for name in lfs.dir("examples") do
      if name:find("%.c$") then
        local text = run.read_file("examples/" .. name)
        assert.truthy(text:find("#include <moongate.h>", 1, true), name)
        assert.falsy(text:find('#include "', 1, true), name)
      end
    end
  end)

  it("declares what the archive defines", function()
    local defined = {}
    for name in run.must({ "nm", "--defined-only", build .. "/libmoongate.a" }):gmatch("%x+ T ([%w_]+)") do
      defined[name] = true
    end
    for name in pairs(declared()) do
      assert.truthy(defined[name], name)
    end
  end)

  it("is what the manual page lists", function()
    local listed, wanted = {}, {}
    local page = run.read_file("packaging/libmoongate.3"):match("%.Sh SYNOPSIS(.-)%.Sh DESCRIPTION")
    for name in page:gmatch("\n%.F[no] (mg_[%w_]+)") do
      listed[name] = true
    end
    for name in pairs(declared()) do
      wanted[name] = true
    end
    assert.same(order.keys(wanted), order.keys(listed), "packaging/libmoongate.3, Sh SYNOPSIS")
  end)

  it("is what the manual page lists, arguments and all", function()
    local function squeezed(text)
      return (text:gsub("%s+", ""))
    end
    local code = squeezed((run.read_file(header):gsub("/%*.-%*/", "")))
    local page = run.read_file("packaging/libmoongate.3"):match("%.Sh SYNOPSIS(.-)%.Sh DESCRIPTION")
    -- each function as one line, like those that are short enough for it
    page = page:gsub("\n%.Fo (%S+)(.-)\n%.Fc", function(name, arguments)
      return "\n.Fn " .. name .. arguments:gsub("\n%.Fa", "")
    end)
    local count = 0
    for kind, name, arguments in page:gmatch('\n%.Ft ([^\n]+)\n%.Fn (%S+)([^\n]*)') do
      local list = {}
      for argument in arguments:gmatch('"([^"]*)"') do
        list[#list + 1] = argument
      end
      local prototype = ("%s %s(%s);"):format(kind:gsub('"', ""), name, table.concat(list, ","))
      assert.truthy(code:find(squeezed(prototype), 1, true), prototype)
      count = count + 1
    end
    assert.equal(#order.keys(declared()), count)
  end)
end)
