-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Private networks for the specs: a lone host, or a lab of three.
--
--   friend 10.137.0.2/24, 2001:db8:137::2/64 --- lan0  server
--   stranger 10.66.0.2/24, 2001:db8:66::2/64 --- wan0  server
--
-- The server has .1 and ::1 on both sides. Every namespace is held by a process
-- that ends when its pipe from this process closes, so nothing outlives a
-- failing or a killed test run. The host's own namespace is never written.

local lfs = require "lfs"
local run = require "spec.support.run"

local M = {}

-- The addresses, by who has them.
M.addresses = {
  friend = { ipv4 = "10.137.0.2", ipv6 = "2001:db8:137::2" },
  stranger = { ipv4 = "10.66.0.2", ipv6 = "2001:db8:66::2" },
  -- The server as the friend and as the stranger know it.
  server_for = {
    friend = { ipv4 = "10.137.0.1", ipv6 = "2001:db8:137::1" },
    stranger = { ipv4 = "10.66.0.1", ipv6 = "2001:db8:66::1" },
  },
}

local open_labs = {}

local namespace = {}
namespace.__index = namespace

--- Run a command in this namespace; see run.run().
function namespace:run(argv, options)
  options = setmetatable({ netns = self.pid }, { __index = options })
  return run.run(argv, options)
end

--- Run a command here that must succeed; returns its stdout.
function namespace:must(argv, options)
  options = setmetatable({ netns = self.pid }, { __index = options })
  return run.must(argv, options)
end

--- Start a command here in the background; see run.start().
function namespace:start(argv, options)
  options = setmetatable({ netns = self.pid, dir = self.lab.dir }, { __index = options })
  local process = run.start(argv, options)
  table.insert(self.lab.jobs, process)
  return process
end

-- Quiet: nothing but what a spec sends may move a counter.
local quiet = [[
for scope in all default; do
  for setting in accept_dad accept_ra router_solicitations autoconf; do
    echo 0 >/proc/sys/net/ipv6/conf/$scope/$setting
  done
done 2>/dev/null
ip link set lo up
]]

-- What holds a namespace: it waits for the end of its pipe. It gets that far only
-- when the test run was killed, since close() ends it first; then it ends what
-- else lives in the namespace and removes the lab's folder.
local holder = [[
echo $$ >%s/%s.pid
while read -r _; do :; done
mine=$(readlink /proc/$$/ns/net)
for entry in /proc/[0-9]*; do
  pid=${entry#/proc/}
  if [ "$pid" != $$ ] && [ "$(readlink "$entry/ns/net")" = "$mine" ]; then
    kill -KILL "$pid"
  fi
done 2>/dev/null
sleep 1
rm -rf --one-file-system %s
]]

local function new_namespace(lab, name)
  local pid_file = lab.dir .. "/" .. name .. ".pid"
  local inner = holder:format(lab.dir, name, lab.dir)
  local pipe = assert(io.popen("exec unshare --net sh -c " .. run.quote(inner), "w"))
  local self = setmetatable({ lab = lab, name = name, pipe = pipe }, namespace)
  self.pid = run.wait_until("namespace " .. name, 5, function()
    local text = run.read_file(pid_file)
    return text and text:match("^(%d+)\n")
  end)
  assert(self:inode() ~= lfs.symlinkattributes("/proc/self/ns/net", "target"),
    "the namespace is not private")
  self:must { "sh", "-c", quiet }
  lab.namespaces[#lab.namespaces + 1] = self
  return self
end

--- What names this namespace: "net:[4026532000]".
function namespace:inode()
  return lfs.symlinkattributes("/proc/" .. self.pid .. "/ns/net", "target")
end

-- Every process that lives in one of the lab's namespaces was started by the lab.
local function processes_of(lab)
  local wanted, found = {}, {}
  for _, space in ipairs(lab.namespaces) do
    local inode = space:inode()
    if inode then
      wanted[inode] = true
    end
  end
  for entry in lfs.dir("/proc") do
    if entry:match("^%d+$") then
      local inode = lfs.symlinkattributes("/proc/" .. entry .. "/ns/net", "target")
      if inode and wanted[inode] then
        found[#found + 1] = entry
      end
    end
  end
  return found
end

local lab_methods = {}
lab_methods.__index = lab_methods

--- End everything that runs in the lab and remove its folder. May be repeated.
function lab_methods:close()
  if self.closed then
    return
  end
  self.closed = true
  open_labs[self] = nil
  local pids = processes_of(self)
  if #pids > 0 then
    run.run { "kill", "-KILL", table.unpack(pids) }
  end
  for _, space in ipairs(self.namespaces) do
    space.pipe:close()
  end
  -- The shells that note how a job has ended still write into the folder.
  for _, job in ipairs(self.jobs) do
    pcall(job.wait, job, 2)
  end
  run.run { "rm", "-rf", "--one-file-system", self.dir }
end

local function new_lab()
  local dir = run.must({ "mktemp", "-d", "/tmp/moongate-lab.XXXXXX" }):gsub("\n", "")
  run.must { "chmod", "755", dir }
  local lab = setmetatable({ dir = dir, namespaces = {}, jobs = {} }, lab_methods)
  open_labs[lab] = true
  return lab
end

--- A lab with one namespace, `server`, that has nothing but its loopback.
function M.host()
  local lab = new_lab()
  lab.server = new_namespace(lab, "server")
  return lab
end

local function addresses_batch(device, ipv4, ipv6)
  return ("addr add %s/24 dev %s\naddr add %s/64 dev %s nodad\n"):format(ipv4, device, ipv6, device)
end

--- A lab with `server`, `friend` and `stranger`, all reachable.
function M.lab()
  local lab = new_lab()
  local server = new_namespace(lab, "server")
  lab.server = server
  local batch = {}
  for who, device in pairs { friend = "lan0", stranger = "wan0" } do
    local client = new_namespace(lab, who)
    lab[who] = client
    local near, far = M.addresses.server_for[who], M.addresses[who]
    batch[#batch + 1] = ("link add %s type veth peer name %s netns %s\n"):format(device, device, client.pid)
      .. ("link set %s up\n"):format(device) .. addresses_batch(device, near.ipv4, near.ipv6)
    client.batch = ("link set %s up\n"):format(device) .. addresses_batch(device, far.ipv4, far.ipv6)
  end
  server:must({ "ip", "-batch", "-" }, { input = table.concat(batch) })
  for _, client in ipairs { lab.friend, lab.stranger } do
    client:must({ "ip", "-batch", "-" }, { input = client.batch })
  end
  for who, ways in pairs(M.addresses.server_for) do
    for _, address in pairs(ways) do
      lab[who]:must { "ping", "-n", "-q", "-c", "1", "-W", "2", address }
    end
  end
  return lab
end

--- Close every lab that is still open; for after_each() and teardown().
function M.close_all()
  for lab in pairs(open_labs) do
    lab:close()
  end
end

return M
