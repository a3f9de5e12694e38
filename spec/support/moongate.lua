-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Runs the program under test inside a lab's server, with state, run folder and
-- xtables lock of the lab's own, so that nothing of the host is read or written.
-- MOONGATE in the environment names another binary than build/moongate.

local lfs = require "lfs"
local packets = require "spec.support.packets"
local run = require "spec.support.run"

local M = {}

M.binary = os.getenv("MOONGATE") or lfs.currentdir() .. "/build/moongate"

-- The policy that the specs with real packets are about.
M.remote_server = lfs.currentdir() .. "/policies/hosts/remote_server.lua"

local program = {}
program.__index = program

--- The program as it is to be run in `namespace` (default: the lab's server).
function M.new(lab, namespace)
  assert(lfs.attributes(M.binary, "mode") == "file", M.binary .. " is not there: build it first")
  local self = setmetatable({ lab = lab, namespace = namespace or lab.server }, program)
  self.state_dir = lab.dir .. "/state"
  self.lock_file = lab.dir .. "/xtables.lock"
  return self
end

--- Write a policy into the lab's folder; returns its path.
function program:policy(text, name)
  local path = self.lab.dir .. "/" .. (name or "policy.lua")
  run.write_file(path, text)
  run.must { "chmod", "644", path }
  return path
end

--- The words of a command line: words("apply", path, "--no-confirm").
function program:words(...)
  local words = { M.binary, ... }
  words[#words + 1] = "--state-dir"
  words[#words + 1] = self.state_dir
  return words
end

--- The same as one line for sh, with its environment; for ssh.
function program:line(...)
  return "env XTABLES_LOCKFILE=" .. run.quote(self.lock_file) .. " " .. run.line(self:words(...))
end

-- The environment: the lab's lock, and nothing of the terminal that runs the specs.
function program:options(more)
  local env = { XTABLES_LOCKFILE = self.lock_file, TERM = "dumb" }
  for name, value in pairs(more and more.env or {}) do
    env[name] = value
  end
  return {
    env = env,
    unset = { "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "SUDO_USER", "NO_COLOR" },
    nobody = more and more.nobody,
    limit = more and more.limit,
  }
end

--- Run it and wait: moongate:run("plan", path, "-v") -> { code=, out=, err= }.
function program:run(...)
  return self.namespace:run(self:words(...), self:options())
end

--- The same with options of run.run(): env, nobody, limit.
function program:run_with(options, ...)
  return self.namespace:run(self:words(...), self:options(options))
end

--- Run it where only exit code 0 will do; returns the result.
function program:must(...)
  local result = self:run(...)
  if result.code ~= 0 then
    error(("%s: exit code %d\n%s%s"):format(result.line, result.code, result.out, result.err), 2)
  end
  return result
end

--- Load a policy for good.
function program:apply(path, ...)
  return self:must("apply", path, "--no-confirm", ...)
end

--- Start it in the background; see run.start().
function program:start(...)
  return self.namespace:start(self:words(...), self:options())
end

--- Run it under strace; returns its result and the text of the trace.
-- @param expressions what to trace or to inject, such as { "trace=setsockopt" };
--   with alone = true the processes that it starts are left in peace
function program:traced(expressions, ...)
  local trace = self.lab.dir .. "/trace"
  local words = { "strace", "-o", trace }
  if not expressions.alone then
    words[#words + 1] = "-f"
  end
  for _, expression in ipairs(expressions) do
    words[#words + 1] = "-e"
    words[#words + 1] = expression
  end
  table.move(self:words(...), 1, select("#", ...) + 3, #words + 1, words)
  -- a build with ASan cannot look for leaks while it is traced
  local result = self.namespace:run(words, self:options { env = { ASAN_OPTIONS = "detect_leaks=0" } })
  return result, run.read_file(trace) or ""
end

local terminal = {}
terminal.__index = terminal

--- Close the terminal under the program, as sshd does when a connection is gone.
function terminal:hang_up()
  assert(self.pipe:write("hangup\n"))
  self.pipe:flush()
end

--- What has been written on the terminal, and at last "ended CODE".
function terminal:text()
  return run.read_file(self.log) or ""
end

function terminal:close()
  self.pipe:close()
end

--- Start it on a terminal of its own.
function program:on_terminal(...)
  return self:on_terminal_with({}, ...)
end

--- The same with variables in its environment.
function program:on_terminal_with(env, ...)
  local log = self.lab.dir .. "/terminal.log"
  os.remove(log) -- an earlier one's must not be taken for this one's
  local words = { "env", "-u", "SSH_CONNECTION", "-u", "SSH_CLIENT", "-u", "SSH_TTY", "-u", "NO_COLOR" }
  for name, value in pairs(self:options({ env = env }).env) do
    words[#words + 1] = name .. "=" .. value
  end
  for _, word in ipairs { "nsenter", "--net=/proc/" .. self.namespace.pid .. "/ns/net",
                          table.unpack(packets.script("terminal.py", table.unpack(self:words(...)))) } do
    words[#words + 1] = word
  end
  local line = ("exec %s >%s 2>&1"):format(run.line(words), run.quote(log))
  return setmetatable({ pipe = assert(io.popen(line, "w")), log = log }, terminal)
end

return M
