-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The programs that are measured, as functions that run one of them once and
-- return what it took: { microseconds =, kilobytes =, output = }. All of them
-- keep their files in the folder that was made for this run.

local commands = {}
commands.__index = commands

local function quote(word)
  return "'" .. tostring(word):gsub("'", [['\'']]) .. "'"
end

local function line(words)
  local quoted = {}
  for index, word in ipairs(words) do
    quoted[index] = quote(word)
  end
  return table.concat(quoted, " ")
end

local function read_file(path)
  local file <close> = assert(io.open(path))
  return file:read("a")
end

-- What a command prints; its failure is an error.
local function capture(words)
  local pipe = assert(io.popen(line(words)))
  local text = pipe:read("a")
  assert(pipe:close(), "failed: " .. line(words))
  return text
end

--- @param program the moongate to be measured
-- @param folder where everything that a run needs is kept
function commands.new(program, folder)
  return setmetatable({ program = program, folder = folder, states = 0 }, commands)
end

--- A second network namespace, for what must not lie beside the tables that
-- are measured: rules of nf_tables would filter beside them.
-- @return its file; it lasts as long as this process
function commands:namespace()
  if not self.other then
    local pid_file = self.folder .. "/namespace.pid"
    os.remove(pid_file) -- of the comparison before
    -- ends when its pipe does
    self.holder = assert(io.popen(("exec unshare -n sh -c 'echo $$ >%s; exec cat >/dev/null'"):format(pid_file), "w"))
    local pid
    repeat
      local file = io.open(pid_file)
      pid = file and file:read("n")
      if file then
        file:close()
      end
    until pid
    self.other = ("/proc/%d/ns/net"):format(pid)
  end
  return self.other
end

function commands:write(name, text)
  local path = self.folder .. "/" .. name
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
  return path
end

--- A state folder that no run has used; the one of a first apply.
function commands:new_state()
  self.states = self.states + 1
  return ("%s/state.%d"):format(self.folder, self.states)
end

-- Run words once; `where` is nil: here, true: an empty network namespace, or the
-- file of another one.
function commands:measure(words, where, expected)
  local output = self.folder .. "/output"
  local before = { self.folder .. "/measure" }
  if where == true then
    before[#before + 1] = "--fresh"
  elseif where then
    before[#before + 1] = "--in"
    before[#before + 1] = where
  end
  before[#before + 1] = output
  local text = capture { table.unpack(table.move(words, 1, #words, #before + 1, before)) }
  local code, microseconds, kilobytes = text:match("^(%d+) (%d+) (%d+)\n$")
  local result = { microseconds = tonumber(microseconds), kilobytes = tonumber(kilobytes), output = read_file(output) }
  if tonumber(code) ~= (expected or 0) then
    error(("%s: exit code %s\n%s"):format(line(words), code, result.output), 0)
  end
  return result
end

-- A figure of something else than what it says would be worth nothing.
local function must_say(result, pattern, wanted)
  if (result.output:find(pattern) ~= nil) ~= wanted then
    error("not what was to be measured:\n" .. result.output:sub(1, 2000), 0)
  end
  return result
end

--- moongate plan, where there is nothing to do, or (fresh) all is to be added.
function commands:plan(policy, state, fresh)
  local words = { self.program, "plan", "--detailed-exitcode", "--state-dir", state, policy }
  return self:measure(words, fresh, fresh and 2 or 0)
end

--- The words of moongate apply, for whoever runs them otherwise.
function commands:apply_words(policy, state)
  return { self.program, "apply", "--no-confirm", "--state-dir", state, policy }
end

--- moongate apply, where something is to be done.
function commands:apply(policy, state, fresh)
  return must_say(self:measure(self:apply_words(policy, state), fresh), "Nothing to do", false)
end

--- moongate apply, where the tables are already what the policy says.
function commands:apply_nothing(policy, state)
  return must_say(self:measure(self:apply_words(policy, state)), "Nothing to do", true)
end

local function saved(family)
  return family == "ipv4" and "iptables" or "ip6tables"
end

--- What iptables-legacy-save shows now, in a file for restore().
-- @return { ipv4 = path, ipv6 = path, rules = { ipv4 = count, ipv6 = count } }
function commands:save(name)
  local result = { rules = {} }
  for _, family in ipairs { "ipv4", "ipv6" } do
    local text = capture { saved(family) .. "-legacy-save", "-t", "filter" }
    result[family] = self:write(("%s.%s"):format(name, family), text)
    result.rules[family] = select(2, text:gsub("\n%-A ", ""))
  end
  return result
end

--- iptables-legacy-restore of what was saved; with both families also the
-- other one, one after the other as scripts do.
function commands:restore(tables, fresh, families)
  local sum = { microseconds = 0, kilobytes = 0 }
  for _, family in ipairs(families) do
    local result = self:measure({ saved(family) .. "-legacy-restore", tables[family] }, fresh)
    sum.microseconds = sum.microseconds + result.microseconds
    sum.kilobytes = math.max(sum.kilobytes, result.kilobytes)
  end
  return sum
end

--- iptables-nft-restore of what was saved, IPv4, in a namespace where no
-- others are: a fresh one, or the one where it was done before.
function commands:nft_restore(tables, fresh)
  return self:measure({ "iptables-nft-restore", tables.ipv4 }, fresh or self:namespace())
end

--- ferm, which hands its rules to iptables-legacy-restore.
function commands:ferm(path, fresh)
  return self:measure({ "ferm", path }, fresh)
end

--- moongate import of a file.
function commands:import(path)
  return self:measure({ self.program, "import", path }, true)
end

--- iptables-legacy-restore --test of a file.
function commands:test(path)
  return self:measure({ "iptables-legacy-restore", "--test", path }, true)
end

--- Two ends of a veth pair: one here, one in the second namespace.
-- @return { sender =, receiver = their addresses }
function commands:link()
  local other = self:namespace()
  local pid = other:match("^/proc/(%d+)/")
  local link = { sender = "192.0.2.2", receiver = "192.0.2.1" }
  for _, words in ipairs {
    { "ip", "link", "add", "bench0", "type", "veth", "peer", "name", "bench1", "netns", pid },
    { "ip", "address", "add", link.receiver .. "/30", "dev", "bench0" }, { "ip", "link", "set", "bench0", "up" },
    { "nsenter", "--net=" .. other, "ip", "address", "add", link.sender .. "/30", "dev", "bench1" },
    { "nsenter", "--net=" .. other, "ip", "link", "set", "bench1", "up" },
  } do
    capture(words)
  end
  return link
end

-- How many packets have come in by the link.
local function received()
  return tonumber((capture { "cat", "/proc/net/dev" }):match("bench0:%s*%d+%s+(%d+)"))
end

--- Send datagrams over the link.
-- @return what it took, and how many were received
function commands:flood(link, count)
  local before = received()
  local text = capture { "nsenter", "--net=" .. self:namespace(), self.folder .. "/flood", link.receiver, count }
  return { microseconds = tonumber(text), received = received() - before }
end

--- The kernel's own share: the table read and handed back as it is.
-- @return the two results, of the reading and of the replacing
function commands:floor(families, count)
  local sum = { read = 0, write = 0 }
  for _, family in ipairs(families) do
    local times = { read = {}, write = {} }
    for read, write in capture({ self.folder .. "/replace", family, count }):gmatch("(%S+) (%S+)\n") do
      table.insert(times.read, tonumber(read))
      table.insert(times.write, tonumber(write))
    end
    for kind, list in pairs(times) do
      table.sort(list)
      sum[kind] = sum[kind] + list[(#list + 1) // 2]
    end
  end
  return { microseconds = sum.read }, { microseconds = sum.write }
end

--- Reading and running the policy language's own files, as each evaluation does.
-- @param language their folder
function commands.load_language(language)
  local microseconds = tonumber(capture { "lua5.4", language .. "/../bench/load.lua", language })
  return { microseconds = microseconds }
end

--- How often a command writes to the kernel's tables, by strace.
-- @return the count, or nil where there is no strace
function commands:count_writes(words)
  local trace = self.folder .. "/trace"
  if not os.execute("command -v strace >/dev/null") then
    return nil
  end
  capture { "sh", "-c", 'trace=$1; shift; exec strace -f -qq -e trace=setsockopt -o "$trace" "$@" >/dev/null 2>&1',
    "sh", trace, table.unpack(words) }
  local _, count = read_file(trace):gsub("setsockopt%(%d+, SOL_IPV?6?, IP6?T_SO_SET_[%w_]+", "")
  return count
end

return commands
