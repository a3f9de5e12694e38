-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- `make install` of what is under test, into a folder of its own. What was
-- built is copied first: for another PREFIX some of it is made anew, and the
-- programs that the other specs run must stay as they are.

local lfs = require "lfs"
local run = require "spec.support.run"

local M = {}

-- The folder of the checkout that was built; its name is that of the copy under test.
local built = (os.getenv("MOONGATE_BUILD") or "build"):match("[^/]+$")

M.is_sanitized = built:find("asan", 1, true) ~= nil

local installation = {}
installation.__index = installation

--- Run make as for the installation: installation:make("uninstall").
function installation:make(target, ...)
  return run.must({ "make", "--no-print-directory", target, "BUILD=" .. self.root .. "/" .. built,
    "DESTDIR=" .. self.stage, "PREFIX=" .. self.prefix, ... }, { limit = 300, unset = { "PKG_CONFIG_PATH" } })
end

--- Put the staged files where they were built for, as a package does.
function installation:unpack()
  run.must { "cp", "-a", self.stage .. self.prefix, self.prefix }
end

--- Compile a program against what was unpacked; raises where that fails.
-- @param kind "shared", or "static" for the archive
-- @param words further words for the compiler
function installation:compile(kind, source, binary, words)
  local flags = run.must({ "pkg-config", "--cflags", "--libs",
    table.unpack(kind == "static" and { "--static", "--define-variable=library=:libmoongate.a", "moongate" }
      or { "moongate" }) }, { env = { PKG_CONFIG_PATH = self.prefix .. "/lib/pkgconfig" } })
  local line = { "cc", "-std=c17", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O1", "-g", "-o", binary, source }
  if M.is_sanitized then
    line[#line + 1] = "-fsanitize=address,undefined"
  end
  table.move(words or {}, 1, #(words or {}), #line + 1, line)
  for word in flags:gmatch("%S+") do
    line[#line + 1] = word
  end
  run.must(line, { limit = 60 })
  return binary
end

--- The environment in which a program with the shared library finds it.
function installation:environment()
  -- what the plugins keep when an error leaves them is no leak of ours
  return { LD_LIBRARY_PATH = self.prefix .. "/lib", ASAN_OPTIONS = M.is_sanitized and "detect_leaks=0" or nil }
end

--- Every file and link below a folder, sorted.
function M.files(folder)
  local list = {}
  for path in run.must({ "find", folder, "!", "-type", "d", "-printf", "%P\n" }):gmatch("[^\n]+") do
    list[#list + 1] = path
  end
  table.sort(list)
  return list
end

function installation:remove()
  run.must { "rm", "-rf", "--one-file-system", self.root }
end

--- Install into a stage below a folder of its own.
-- @param prefix where it will be unpacked, or nil for a place below that folder
-- @return { root =, stage =, prefix = } with the methods above
function M.new(prefix)
  local root = run.must({ "mktemp", "-d", "/tmp/moongate-install.XXXXXX" }):gsub("\n", "")
  run.must { "chmod", "755", root }
  local self = setmetatable({ root = root, stage = root .. "/stage", prefix = prefix or root .. "/prefix" },
    installation)
  assert(lfs.attributes(built, "mode") == "directory", built .. " is not there: build it first")
  run.must { "cp", "-a", built, root .. "/" .. built }
  self:make("install")
  return self
end

return M
