-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Runs spec files side by side, each in a busted of its own: most of them wait
-- for the kernel more than they work. A program that `make specs` calls:
--
--   lua5.4 spec/support/side_by_side.lua FOLDER [OPTION] FILE-OR-FOLDER...
--
-- FOLDER is an empty one, for what the files say. JOBS in the environment says
-- how many run at once; 1 is one after the other. A file that passes is one
-- line; of any other all is shown that busted says of it. The last line is the
-- sum of all: "N passed, N failed, N skipped". Options go to each busted.
--
-- xargs(1) starts the files, and who is ended by ^C ends what it started.

local lfs = require "lfs"

-- One file: what it says goes to FOLDER/N, and how it went to stdout, in one
-- write, so that two that end together do not mix. $1: the folder, $2: "N PATH",
-- then the options. A process in the background has no ^C of its own in sh.
local worker = [[
folder=$1 number=${2%% *} path=${2#* }
shift 2
started=$(date +%s%N)
trap 'kill -KILL $pid; exit 130' HUP INT TERM
"$LUA" /usr/bin/busted "$@" "$path" >"$folder/$number" 2>&1 &
pid=$!
wait $pid
code=$?
echo "$number $code $((($(date +%s%N) - started) / 100000000))"
]]

local function is_folder(path)
  return lfs.attributes(path, "mode") == "directory"
end

local function collect(path, files)
  if not is_folder(path) then
    files[#files + 1] = path
    return
  end
  for name in lfs.dir(path) do
    local inner = path .. "/" .. name
    if name:find("_spec%.lua$") or name:sub(1, 1) ~= "." and is_folder(inner) then
      collect(inner, files)
    end
  end
end

-- What takes long begins first, so that none is left over at the end: what
-- needs a kernel before what does not, and the bigger before the smaller.
local function sort(files)
  local weight = {}
  for _, path in ipairs(files) do
    weight[path] = (lfs.attributes(path, "size") or 0) + (path:find("/unit/", 1, true) and 0 or 1 << 30)
  end
  table.sort(files, function(a, b)
    return weight[a] > weight[b] or weight[a] == weight[b] and a < b
  end)
end

local function quote(word)
  return "'" .. word:gsub("'", [['\'']]) .. "'"
end

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read("a")
end

local total = { passed = 0, failed = 0, skipped = 0 }

-- One file has ended: add it up and tell it.
local function tell(path, said, code, seconds)
  local before, passed, failed, skipped = said:match("^(.-)(%d+) passed, (%d+) failed, (%d+) skipped\n$")
  if not before then
    before, passed, failed, skipped = said, 0, 1, 0
  elseif code ~= 0 and failed == "0" then
    failed = 1
  end
  total.passed = total.passed + passed
  total.failed = total.failed + failed
  total.skipped = total.skipped + skipped
  if tonumber(failed) > 0 or tonumber(skipped) > 0 then
    io.write(before, before:find("\n$") and "" or "\n")
  end
  print(("%6.1f s  %s: %d passed, %d failed, %d skipped"):format(seconds, path, passed, failed, skipped))
  io.flush()
end

-- Run files, so many at once; returns whether each came to an end.
local function run_files(folder, files, options, jobs)
  local list = folder .. "/list"
  local file <close> = assert(io.open(list, "w"))
  for number, path in ipairs(files) do
    assert(file:write(number, " ", path, "\n"))
  end
  assert(file:close())
  local words = { "xargs", "-d", "\\n", "-P", tostring(jobs), "-I", "{}", "sh", "-c", worker, "worker", folder, "{}",
                  table.unpack(options) }
  for index, word in ipairs(words) do
    words[index] = quote(word)
  end
  local pipe <close> = assert(io.popen("exec " .. table.concat(words, " ") .. " <" .. quote(list)))
  local ended = 0
  for line in pipe:lines() do
    local number, code, tenths = line:match("^(%d+) (%d+) (%d+)$")
    tell(files[tonumber(number)], read(folder .. "/" .. number), tonumber(code), tenths / 10)
    ended = ended + 1
  end
  return ended == #files
end

local folder = assert(arg[1], "usage: side_by_side.lua FOLDER FILE...")
local jobs = math.tointeger(tonumber(os.getenv("JOBS"))) or 1
local files, options = {}, {}

for index = 2, #arg do
  if arg[index]:sub(1, 1) == "-" then
    options[#options + 1] = arg[index]
  else
    collect(arg[index], files)
  end
end
sort(files)
-- ^C is an error, of which nobody needs the trace
local uninterrupted, whole = pcall(run_files, folder, files, options, jobs)
print(("%d passed, %d failed, %d skipped"):format(total.passed, total.failed, total.skipped))
os.exit(uninterrupted and whole and total.failed == 0 and total.passed > 0)
