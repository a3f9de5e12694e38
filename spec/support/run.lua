-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Runs commands for the specs: in a network namespace if wanted, with stdout,
-- stderr and the exit code kept apart, and never for longer than a limit.
--
-- Only io.popen() is used, never os.execute(): a child of popen() does not
-- inherit the pipes of earlier ones, and a namespace lives as long as its pipe
-- is held by this process alone (see network.lua).

local socket = require "socket"

local M = {}

-- Seconds that a command may take when nothing else is said.
M.default_limit = 20

--- Quote a word for sh.
function M.quote(word)
  return "'" .. tostring(word):gsub("'", [['\'']]) .. "'"
end

--- Join a list of words into one line for sh.
function M.line(argv)
  local words = {}
  for index, word in ipairs(argv) do
    words[index] = M.quote(word)
  end
  return table.concat(words, " ")
end

--- The whole content of a file, or nil.
function M.read_file(path)
  local file = io.open(path, "r")
  if not file then
    return nil
  end
  local text = file:read("a")
  file:close()
  return text
end

function M.write_file(path, text)
  local file = assert(io.open(path, "w"))
  assert(file:write(text))
  assert(file:close())
  return path
end

-- What stands before the command itself: variables, namespace, user.
local function prefix(options)
  local words = { "env", "--default-signal=INT,QUIT,HUP,PIPE" }
  for _, name in ipairs(options.unset or {}) do
    words[#words + 1] = "--unset=" .. name
  end
  local names = {}
  for name in pairs(options.env or {}) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    words[#words + 1] = name .. "=" .. options.env[name]
  end
  if options.netns then
    words[#words + 1] = "nsenter"
    words[#words + 1] = "--net=/proc/" .. options.netns .. "/ns/net"
  end
  if options.nobody then
    for _, word in ipairs { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                            "--bounding-set=-all", "--inh-caps=-all" } do
      words[#words + 1] = word
    end
  end
  return words
end

local function full_line(argv, options)
  local words = prefix(options)
  table.move(argv, 1, #argv, #words + 1, words)
  return M.line(words)
end

--- Run a command and wait for it.
-- @param argv list of words
-- @param options netns (a process id that lives in it), env, unset, nobody,
--   input (text), limit (seconds)
-- @return { code=, out=, err=, seconds=, line= }; raises when the limit passes
function M.run(argv, options)
  options = options or {}
  local out_path, err_path, in_path = os.tmpname(), os.tmpname(), "/dev/null"
  if options.input then
    in_path = M.write_file(os.tmpname(), options.input)
  end
  local limit = options.limit or M.default_limit
  local line = ("timeout -k 1 %s %s <%s >%s 2>%s"):format(
    limit, full_line(argv, options), in_path, out_path, err_path)
  local started = socket.gettime()
  local _, how, code = assert(io.popen(line, "r")):close()
  local result = {
    code = how == "exit" and code or 128 + code,
    out = M.read_file(out_path),
    err = M.read_file(err_path),
    seconds = socket.gettime() - started,
    line = table.concat(argv, " "),
  }
  os.remove(out_path)
  os.remove(err_path)
  if options.input then
    os.remove(in_path)
  end
  -- timeout(1) says 124, or is itself ended by the KILL that it sends.
  if (result.code == 124 or result.code == 137) and result.seconds >= limit then
    error(("%s: not done after %s s; it said: %s%s"):format(
      result.line, limit, result.out, result.err), 2)
  end
  return result
end

--- Run a command that must succeed; returns its stdout.
function M.must(argv, options)
  local result = M.run(argv, options)
  if result.code ~= 0 then
    error(("%s: exit code %d: %s%s"):format(result.line, result.code, result.out, result.err), 2)
  end
  return result.out
end

--- Call check() until it gives something true; raises after the deadline.
function M.wait_until(what, seconds, check)
  local deadline = socket.gettime() + seconds
  while true do
    local value = check()
    if value then
      return value
    end
    if socket.gettime() > deadline then
      error(("%s: not within %s s"):format(what, seconds), 2)
    end
    socket.sleep(0.01)
  end
end

--- Seconds, to measure with.
M.now = socket.gettime

local process = {}
process.__index = process

--- Is it still running?
function process:alive()
  return M.read_file(self.base .. ".rc") == nil
end

function process:out()
  return M.read_file(self.base .. ".out") or ""
end

function process:err()
  return M.read_file(self.base .. ".err") or ""
end

--- Send a signal ("HUP", "KILL") to the process, if it is still there.
function process:signal(name)
  if self:alive() then
    M.run { "kill", "-s", name, self.pid }
  end
end

--- Wait for the end; returns the same as run(); raises after the deadline.
function process:wait(seconds)
  local code = M.wait_until(self.line .. ": its end", seconds or M.default_limit,
    function()
      return tonumber(M.read_file(self.base .. ".rc"))
    end)
  return {
    code = code, out = self:out(), err = self:err(), line = self.line,
    seconds = M.now() - self.started,
  }
end

--- Start a command in the background. Its files lie in the folder options.dir,
-- whose owner removes them. The pid is the command's own, not a shell's.
function M.start(argv, options)
  local base = options.dir .. "/job-" .. tostring(M.now()):gsub("%D", "")
  local inner = ("echo $$ >%s.pid; exec %s"):format(base, full_line(argv, options))
  local line = ("{ sh -c %s </dev/null >%s.out 2>%s.err; echo $? >%s.new; mv %s.new %s.rc; }"
    .. " </dev/null >/dev/null 2>&1 &"):format(M.quote(inner), base, base, base, base, base)
  assert(io.popen(line, "r")):close()
  local pid = M.wait_until(argv[1] .. ": its start", 5, function()
    local text = M.read_file(base .. ".pid")
    return text and text:match("^(%d+)\n")
  end)
  return setmetatable({
    base = base, pid = pid, line = table.concat(argv, " "), started = M.now(),
  }, process)
end

return M
