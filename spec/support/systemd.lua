-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A systemd with a system bus of its own, in pid, mount, control group and network
-- namespaces of its own: it is process 1 there, and knows only the units below.

local lfs = require "lfs"
local run = require "spec.support.run"

local M = {}

local bare = "[Unit]\nDefaultDependencies=no\n"

local units = {
  ["default.target"] = "[Unit]\nRequires=dbus.service\nAfter=dbus.service\nAllowIsolate=yes\n",
  ["dbus.socket"] = bare .. "[Socket]\nListenStream=/run/dbus/system_bus_socket\n",
  ["dbus.service"] = bare .. "Requires=dbus.socket\n[Service]\n"
    .. "ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --nosyslog\n",
  ["system.slice"] = bare,
  ["-.slice"] = bare,
  ["sysinit.target"] = bare,
  ["basic.target"] = bare,
  ["shutdown.target"] = bare,
}

local host = {}
host.__index = host

-- Process 1 of the namespaces, as it is known outside of them: the child of unshare.
local function find_first(unshare)
  local children = run.read_file(("/proc/%s/task/%s/children"):format(unshare, unshare))
  return children and children:match("%d+")
end

--- Boot one; nil where that cannot be had here (no control groups to mount, say).
-- @param lab whose folder it works in; what it runs is ended by close()
function M.boot(lab)
  local dir = lab.dir .. "/systemd"
  assert(lfs.mkdir(dir) and lfs.mkdir(dir .. "/units"))
  for name, text in pairs(units) do
    run.write_file(dir .. "/units/" .. name, text)
  end
  local process = run.start({ "unshare", "--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup", "--fork",
                              "--kill-child", "--mount-proc", "spec/support/systemd/boot", dir }, { dir = lab.dir })
  local self = setmetatable({ process = process }, host)
  local booted = pcall(run.wait_until, "systemd", 10, function()
    assert(process:alive())
    self.first = self.first or find_first(process.pid)
    return self.first and self:run({ "systemctl", "is-active", "dbus.service" }).out:find("^active")
  end)
  if not booted then
    self:close()
    return nil, process:err() .. process:out()
  end
  return self
end

--- Run a command inside; see run.run().
function host:run(argv, options)
  return run.run({ "nsenter", "-t", self.first, "-m", "-p", "-n", "-u", "-i", "-C", table.unpack(argv) }, options)
end

--- The same, where it must succeed; returns its stdout.
function host:must(argv, options)
  return run.must({ "nsenter", "-t", self.first, "-m", "-p", "-n", "-u", "-i", "-C", table.unpack(argv) }, options)
end

function host:close()
  self.process:signal("KILL")
  pcall(self.process.wait, self.process, 5)
end

return M
