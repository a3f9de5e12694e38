-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Things that listen, for the specs: any script that says when it is ready, echo
-- services on any ports, a web server, and a real sshd with keys of its own. All
-- live in a lab's namespace and end with the lab; each is waited for until it
-- answers.

local packets = require "spec.support.packets"
local run = require "spec.support.run"

local M = {}

-- No service outlives this, whatever becomes of the test run.
local life = "180"

local function timed(argv)
  return { "timeout", "-k", "1", life, table.unpack(argv) }
end

--- Start something whose first line is "ready", and wait for that.
-- @param namespace where it runs
-- @param what a name for it, for when it does not come up
-- @param argv its words; see packets.script()
-- @return the process
function M.start(namespace, what, argv)
  local process = namespace:start(timed(argv))
  run.wait_until(what, 5, function()
    assert(process:alive(), process:err())
    return process:out():find("^ready\n")
  end)
  return process
end

--- Echo on ports of both families: echo(namespace, { "tcp:22", "udp:53" }).
function M.echo(namespace, specs)
  return M.start(namespace, "echo service", packets.script("wire.py", "serve", table.unpack(specs)))
end

--- A web server on both families that serves one page.
function M.web(namespace, port, text)
  local dir = ("%s/web-%d"):format(namespace.lab.dir, port)
  run.must { "mkdir", dir }
  run.write_file(dir .. "/index.html", text)
  local process = namespace:start(timed(packets.script("web.py", dir, port)))
  run.wait_until("web server", 5, function()
    assert(process:alive(), process:err())
    return packets.state(namespace, "tcp", "::1", port) == "open"
  end)
  return process
end

local sshd_config = [[
Port %d
HostKey %s/host_key
PidFile none
AuthorizedKeysFile %s/client_key.pub
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
UseDNS no
PrintMotd no
LogLevel ERROR
]]

local ssh_server = {}
ssh_server.__index = ssh_server

--- The words that log in from another namespace and run a command line there.
-- @param options list of further words for ssh, such as "-tt"
function ssh_server:words(address, command, options)
  local words = {
    "ssh", "-F", "none", "-p", self.port, "-i", self.dir .. "/client_key",
    "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR",
    "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
    "-o", "ConnectTimeout=5",
  }
  table.move(options or {}, 1, #(options or {}), #words + 1, words)
  words[#words + 1] = "root@" .. address
  words[#words + 1] = command
  return words
end

--- Log in from a namespace and run a command line; see run.run().
function ssh_server:run(from, address, command, options)
  return from:run(self:words(address, command, options), { unset = { "SSH_AUTH_SOCK" } })
end

--- A real sshd that lets root in with a key made for it.
function M.sshd(namespace, port)
  local dir = namespace.lab.dir .. "/sshd"
  run.must { "mkdir", "-m", "700", dir }
  for _, name in ipairs { "host_key", "client_key" } do
    run.must { "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", dir .. "/" .. name }
  end
  run.write_file(dir .. "/config", sshd_config:format(port, dir, dir))
  run.must { "mkdir", "-p", "-m", "755", "/run/sshd" }
  local process = namespace:start { "/usr/sbin/sshd", "-D", "-e", "-f", dir .. "/config" }
  run.wait_until("sshd", 5, function()
    assert(process:alive(), process:err())
    return packets.state(namespace, "tcp", "127.0.0.1", port) == "open"
  end)
  return setmetatable({ dir = dir, port = port, process = process }, ssh_server)
end

return M
