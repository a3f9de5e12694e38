-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What is written about moongate.netfilter: each function has a comment for ldoc
-- with an example, and the rockspec is about what the Makefile builds.

local features = require "spec.support.features"
local lfs = require "lfs"
local netfilter = require "spec.support.netfilter"
local run = require "spec.support.run"

local kernel_it = features.it(it, pending)

local function all_sources()
  local parts = {}
  for name in lfs.dir("core/binding") do
    if name:find("%.c$") then
      parts[#parts + 1] = run.read_file("core/binding/" .. name)
    end
  end
  return table.concat(parts)
end

-- The names of all functions, as ldoc has them: "open", "table:chains".
local list_functions = [[
local netfilter = require "moongate.netfilter"
local opened = assert(netfilter.open("ipv4"))
for prefix, from in pairs {
  [""] = netfilter, ["table:"] = getmetatable(opened).__index,
  ["rule:"] = getmetatable(opened:build("INPUT", "-j ACCEPT")).__index,
} do
  for name in pairs(from) do
    print(prefix .. name)
  end
end
]]

describe("moongate.netfilter", function()
  kernel_it("has a comment with an example for each function", function()
    local source, count = all_sources(), 0
    for name in netfilter.must(list_functions):gmatch("%S+") do
      local comment
      for candidate in source:gmatch("/%*%*%*(.-)%*/") do
        if (candidate .. "\n"):find("\n@function " .. name .. "\n", 1, true) then
          comment = candidate
        end
      end
      assert.truthy(comment, name .. " has no comment")
      assert.truthy(comment:find("\n@usage\n[^\n]"), name .. " has no example")
      assert.truthy(comment:find("\n@treturn"), name .. " says not what it returns")
      count = count + 1
    end
    assert.truthy(count >= 33, count .. " functions")
  end)

  it("has a rockspec for what is built", function()
    local version = run.read_file("include/moongate.h"):match('#define MG_VERSION "([^"]+)"')
    local path = ("packaging/moongate-%s-1.rockspec"):format(version)
    local rock = {}
    assert(loadfile(path, "t", rock))()
    assert.same({ "moongate", version .. "-1" }, { rock.package, rock.version })
    local target = rock.build.install.lib["moongate.netfilter"]
    assert.same(rock.build.build_target, target)
    local plan = run.must({ "make", "--dry-run", "--always-make", "BUILD=build", target },
      { unset = { "MAKEFLAGS", "MAKEOVERRIDES" } })
    assert.truthy(plan:find("-o " .. target, 1, true), plan)
  end)
end)
