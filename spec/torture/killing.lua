-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Series of runs, each hit at another system call (killer.c): in labs of their
-- own, several side by side. As a part of `make test` a series takes a few places,
-- spread evenly from a seeded start; with MOONGATE_WHOLE=1 (`make torture`) every one.
-- MOONGATE_POINTS names a file that gets a line for each series: how many places.

local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local scenes = require "spec.torture.scenes"

local M = {}

M.whole = os.getenv("MOONGATE_WHOLE") == "1"
M.seed = tonumber(os.getenv("MOONGATE_SEED")) or os.time() % 1000000

-- How many labs a series has: a lane waits for a guard most of the time, or works.
local lanes = M.whole and 8 or 3

-- Seconds for one lane of the whole series.
local limit = 3600

local folder -- of what is compiled

-- Compile one of the files beside this one, once; returns the path of what was made.
local function compiled(name, ...)
  folder = folder or run.must({ "mktemp", "-d", "/tmp/moongate-killer.XXXXXX" }):gsub("\n", "")
  local path = folder .. "/" .. name
  if not run.read_file(path) then
    run.must({ "cc", "-std=gnu17", "-D_GNU_SOURCE", "-I.", "-O1", "-Wall", "-Wextra", "-Werror", "-o", path,
               "spec/torture/" .. name .. ".c", ... }, { limit = 60 })
    run.must { "chmod", "-R", "a+rX", folder }
  end
  return path
end

--- The tracer.
function M.binary()
  return compiled("killer", "-lutil")
end

--- What makes allocations fail; nil where the program has an allocator of its own (ASan).
function M.allocations()
  if moongate.binary:find("asan", 1, true) then
    return nil
  end
  return compiled("allocations", "-shared", "-fPIC", "-fno-builtin")
end

--- Remove what binary() and allocations() have made; for teardown().
function M.close()
  network.close_all()
  M.labs = nil
  if folder then
    run.run { "rm", "-rf", folder }
    folder = nil
  end
end

-- The labs, made when they are first wanted; at least `count` of them.
local function programs(count)
  M.labs = M.labs or {}
  while #M.labs < count do
    M.labs[#M.labs + 1] = moongate.new(network.host())
  end
  return M.labs
end

-- A build with ASan cannot look for leaks while it is traced.
local function options(program)
  local given = program:options { env = { ASAN_OPTIONS = "detect_leaks=0", LC_ALL = "C" } }
  given.limit = limit
  return given
end

-- The line for sh that makes the old policy the live one.
local function again(program, path, row)
  return run.line(program:words("apply", path, "--no-confirm", "-q", scenes.patient, row.force)) .. " 2>&1"
end

-- What is live, and what is confirmed: they have to agree.
local function look(program)
  return ("iptables-legacy-save && ip6tables-legacy-save && cat %s/confirmed/rules.v4 %s/confirmed/rules.v6")
    :format(program.state_dir, program.state_dir)
end

-- What a row says of itself for one lane: the policies are written, the command is made.
local function stage(row, program)
  local old = program:policy(row.old, "old.lua")
  local new = program:policy(row.new, "new.lua")
  return {
    again = again(program, old, row), look = look(program), words = row.command(program, new, old),
    before = row.before and row.before(program, new), next = row.next and row.next(program),
    interfere = row.interfere and row.interfere(program),
  }
end

--- The processes of a command, in the order of their forks, run undisturbed after
-- the old policy was made the live one: a list of { number=, name=, stops= }.
function M.processes(row)
  local program = programs(1)[1]
  local set = stage(row, program)
  program.namespace:must({ "sh", "-c", set.again }, options(program))
  if set.before then
    program.namespace:must({ "sh", "-c", set.before }, options(program))
  end
  local words = { M.binary(), row.fault or "map", "--", table.unpack(set.words) }
  local text = program.namespace:must(words, options(program))
  local list = {}

  for number, name, stops in text:gmatch("(%d+) (%S*) (%d+)\n") do
    list[#list + 1] = { number = tonumber(number), name = name, stops = tonumber(stops) }
  end
  assert(#list > 0, text)
  return list
end

-- The words of one lane: its places are first, first + step, ... up to last.
local function lane_words(row, process, program, places)
  local set = stage(row, program)
  local words = { M.binary(), "-t", process.number, "-f", places.first, "-s", places.step, "-l", places.last,
                  "-d", program.lab.dir, "-a", set.again, "-k", set.look, "-n", row.signal or 9,
                  "-b", row.also or 0, "-w", row.limit or 30 }
  for option, value in pairs { ["-p"] = set.before, ["-i"] = set.next, ["-h"] = set.interfere, ["-m"] = row.mark,
                               ["-c"] = row.fault, ["-x"] = row.err, ["-u"] = row.due, ["-A"] = row.preload } do
    table.move({ option, value }, 1, 2, #words + 1, words)
  end
  for option, wanted in pairs { ["-e"] = row.either, ["-y"] = row.lasting, ["-o"] = row.only_mark } do
    words[#words + 1] = wanted and option or nil
  end
  words[#words + 1] = "--"
  return table.move(set.words, 1, #set.words, #words + 1, words)
end

-- What falls to a lane. All that there is ends with the process; a sample before that.
local function places_of(lane, process, row, sample)
  local stride = row.every or 1
  if M.whole then
    return { first = 1 + (lane - 1) * stride, step = lanes * stride, last = 1000000 }
  end
  stride = math.max(1, process.stops // sample)
  return { first = 1 + M.seed % stride + (lane - 1) * stride, step = lanes * stride, last = process.stops }
end

local function note(row, points)
  local path = os.getenv("MOONGATE_POINTS")
  if path then
    local file <close> = assert(io.open(path, "a"))
    file:write((row.fault or row.preload or row.interfere) and "fault " or "kill ", points, "\n")
  end
end

--- Run a series on one of the processes.
-- @param row what is hit: old and new (texts of policies), command(program, new, old)
--   that returns its words, before(program, new) and next(program) that return
--   lines for sh, signal, also (bits of processes that are killed with it), either
--   (the new state is as good), limit (seconds until all is settled), every (only
--   each so manyth place when all is run), force (an option that the next apply
--   needs); fault, err and lasting: a class of calls that fail instead (fault.h);
--   interfere(program) and mark: what somebody else does instead, and what is to be
--   seen of it, only_mark: and of nothing else; preload: see allocations(); due:
--   seconds until the old state is back
-- @param process one of processes(); with preload its stops are allocations
-- @param sample how many places as a part of `make test`
-- @return { points=, new=, slowest= }; raises what went wrong
function M.series(row, process, sample)
  local started = {}
  for lane = 1, math.min(lanes, process.stops, not M.whole and sample or lanes) do
    local program = programs(lane)[lane]
    local words = lane_words(row, process, program, places_of(lane, process, row, sample))
    started[lane] = program.namespace:start(words, options(program))
  end
  local total = { points = 0, new = 0, slowest = 0 }
  for _, job in ipairs(started) do
    local done = job:wait(limit)
    local points, wrong, new, slowest = done.out:match("(%d+) points, (%d+) wrong, (%d+) new, slowest (%S+) s\n$")
    assert(wrong == "0", ("%s, process %d (%s): %s%s"):format(done.line, process.number, process.name, done.out,
      done.err))
    total.points = total.points + points
    total.new = total.new + new
    total.slowest = math.max(total.slowest, tonumber(slowest))
  end
  note(row, total.points)
  return total
end

-- Seconds that a roll-back may come late, and what a busy machine adds; and until
-- the last process has ended, where one was hit before anything was touched.
local late, busy, most = 1, 1, 12

--- The same on each process of a row in turn that has something to do.
-- @param row as above; deadline is how long the new state may live after the hit,
--   name a pattern for the processes that are meant
-- @param sample as above, for each process
function M.each_process(row, sample)
  local seen = 0
  row.due = row.deadline and row.deadline + late + busy
  for _, process in ipairs(M.processes(row)) do
    if process.name:find(row.name or "") and process.stops > (M.whole and 0 or row.few or 50) then
      local total = M.series(row, process, sample)
      assert(total.points > 0, "nothing was hit")
      assert(total.slowest < most, ("%s: settled after %.2f s"):format(process.name, total.slowest))
      seen = seen + 1
    end
  end
  assert(seen > 0, "no such process")
end

return M
