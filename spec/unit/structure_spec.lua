-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The folders' law: who may include whom, where Lua and the kernel may be
-- known, and how long a file may get.

local lfs = require "lfs"

-- What the files of a folder may include beside their own folder's headers.
local may_include = {
  ruleset = {},
  netfilter = { "ruleset" },
  plan = { "ruleset", "netfilter" },
  analysis = { "ruleset" },
  confine = {},
  policy = { "ruleset", "confine" },
  probe = { "ruleset", "netfilter" },
  engine = { "ruleset", "netfilter", "plan", "analysis", "policy", "probe" },
  binding = { "ruleset", "netfilter", "plan", "analysis" },
  cli = {},
}

-- System headers that belong to some folders only.
local only_in = {
  ["lua.h"] = { "policy", "binding" },
  ["lauxlib.h"] = { "policy", "binding" },
  ["lualib.h"] = { "policy", "binding" },
  ["xtables.h"] = { "netfilter" },
  ["linux/netfilter/x_tables.h"] = { "netfilter" },
  ["linux/netfilter/nf_tables.h"] = { "netfilter" },
  ["libmnl/libmnl.h"] = { "netfilter", "probe" },
  ["libnetfilter_conntrack/libnetfilter_conntrack.h"] = { "netfilter" },
  ["libipset/session.h"] = { "netfilter" },
  ["libipset/ipset.h"] = { "netfilter" },
  ["seccomp.h"] = { "confine" },
  ["cap-ng.h"] = { "confine" },
  ["linux/landlock.h"] = { "confine" },
  ["setjmp.h"] = { "netfilter" },
}

local longest_file = 500
-- There is one public header, and each function is described there.
local longer_files = { ["include/moongate.h"] = 900 }

local function contains(list, wanted)
  for _, item in ipairs(list) do
    if item == wanted then
      return true
    end
  end
  return false
end

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read("a")
end

-- Every source file below a folder: calls visit(path, folder's name).
local function each_file(root, visit)
  for name in lfs.dir(root) do
    local path = root .. "/" .. name
    if name:sub(1, 1) ~= "." then
      if lfs.attributes(path, "mode") == "directory" then
        each_file(path, visit)
      elseif name:find("%.[ch]$") or name:find("%.lua$") then
        visit(path, root:match("[^/]+$"))
      end
    end
  end
end

describe("the source tree", function()
  it("includes only what each folder may include", function()
    local seen = 0
    each_file("core", function(path, folder)
      local allowed = assert(may_include[folder], "no law for core/" .. folder)
      for header in read(path):gmatch('#include "([^"]+)"') do
        local other = header:match("^([^/]+)/")
        seen = seen + 1
        assert.truthy(not other or other == folder or contains(allowed, other), path .. " includes " .. header)
      end
    end)
    assert.truthy(seen > 100, "only " .. seen .. " includes found")
  end)

  it("knows Lua, libxtables and the kernel's tables where they belong", function()
    each_file("core", function(path, folder)
      for header in read(path):gmatch("#include <([^>]+)>") do
        local places = only_in[header]
        assert.truthy(not places or contains(places, folder), path .. " includes " .. header)
      end
    end)
  end)

  it("shows no type of the kernel, xtables or Lua in the public header", function()
    for header in read("include/moongate.h"):gmatch("#include <([^>]+)>") do
      assert.truthy(contains({ "stdbool.h", "stddef.h", "stdint.h" }, header), header)
    end
  end)

  it("neither prints nor exits in the library", function()
    each_file("core", function(path, folder)
      if folder ~= "cli" and folder ~= "netfilter" then
        local text = read(path):gsub("/%*.-%*/", "")
        for call in text:gmatch("[^%w_]([%a_]+)%s*%(") do
          assert.falsy(contains({ "printf", "puts", "putchar", "exit", "abort", "perror" }, call), path .. ": " .. call)
        end
      end
    end)
  end)

  it("has files that a reader can take in, each with its licence", function()
    for _, root in ipairs { "core", "include", "examples", "lua", "policies", "spec" } do
      each_file(root, function(path)
        local text = read(path)
        local _, lines = text:gsub("\n", "")
        assert.truthy(lines <= (longer_files[path] or longest_file), path .. " has " .. lines .. " lines")
        assert.truthy(text:sub(1, 120):find("SPDX-License-Identifier: GPL-2.0-or-later", 1, true), path)
        assert.falsy(path:find("/util") or path:find("/misc"), path)
      end)
    end
  end)
end)
