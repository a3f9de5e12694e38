-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The real fail2ban in a lab's server: filters and actions as its package has
-- them, one jail that reads a log of the lab's own, and configuration, socket and
-- records in the lab's folder. The plain names of iptables lead to the legacy
-- programs there.

local lfs = require "lfs"
local run = require "spec.support.run"

local M = {}

local jail_file = [[
[DEFAULT]
ignoreip =
banaction = %s

[lab]
enabled = true
filter = lab
backend = polling
logpath = %s
port = %s
maxretry = 1
findtime = 600
bantime = 600
]]

-- Its log has no times: what comes is of now.
local filter_file = [[
[Definition]
failregex = ^refused <HOST>$
datepattern = {NONE}
]]

local server_file = [[
[Definition]
dbfile = None
allowipv6 = auto
]]

-- Programs that it calls, by the names that it calls them.
local programs = {
  iptables = "iptables-legacy", ip6tables = "ip6tables-legacy", ["iptables-save"] = "iptables-legacy-save",
}

local fail2ban = {}
fail2ban.__index = fail2ban

local function configure(dir, action, port)
  run.must { "cp", "-R", "/etc/fail2ban", dir }
  run.must { "rm", "-rf", dir .. "/jail.d" }
  run.write_file(dir .. "/jail.local", jail_file:format(action, dir .. "/lab.log", port))
  run.write_file(dir .. "/filter.d/lab.conf", filter_file)
  run.write_file(dir .. "/fail2ban.local", server_file)
  run.write_file(dir .. "/lab.log", "")
  assert(lfs.mkdir(dir .. "/bin"))
  for name, legacy in pairs(programs) do
    run.must { "ln", "-s", run.must({ "sh", "-c", "command -v " .. legacy }):match("%S+"), dir .. "/bin/" .. name }
  end
end

--- Start it, and wait until its jail is there.
-- @param lab whose server it guards
-- @param action what bans: "iptables-multiport", "iptables-ipset-proto6"
-- @param port that it is about
function M.start(lab, action, port)
  local self = setmetatable({ lab = lab, dir = lab.dir .. "/fail2ban" }, fail2ban)
  configure(self.dir, action, port)
  self.env = {
    PATH = self.dir .. "/bin:" .. os.getenv("PATH"), XTABLES_LOCKFILE = lab.dir .. "/xtables.lock",
  }
  self.process = lab.server:start({
    "fail2ban-server", "-f", "-x", "-c", self.dir, "-s", self.dir .. "/socket", "-p", self.dir .. "/pid",
    "--logtarget", self.dir .. "/log", "start",
  }, { env = self.env })
  run.wait_until("fail2ban", 20, function()
    assert(self.process:alive(), self.process:out() .. self.process:err())
    return self:client("status", "lab").code == 0
  end)
  return self
end

--- Ask the server something: client("status", "lab"); returns run.run()'s result.
function fail2ban:client(...)
  return self.lab.server:run({ "fail2ban-client", "-c", self.dir, "-s", self.dir .. "/socket", ... },
    { env = self.env })
end

--- Wait until the live rules of `family` name an address, or do so no more.
function fail2ban:wait_for(family, address, wanted)
  local save = family == "ipv4" and "iptables-legacy-save" or "ip6tables-legacy-save"
  run.wait_until(address .. (wanted and " to be" or " not to be") .. " banned", 20, function()
    local text = self.lab.server:must({ save }, { env = self.env })
      .. (self.lab.server:run { "ipset", "save" }).out
    return (text:find(" " .. address .. "[/ \n]") ~= nil) == wanted
  end)
end

--- Let its log say that an address was refused, and wait for the ban.
function fail2ban:ban(family, address)
  local log <close> = assert(io.open(self.dir .. "/lab.log", "a"))
  assert(log:write("refused ", address, "\n"))
  log:flush()
  self:wait_for(family, address, true)
end

--- Take a ban back by hand.
function fail2ban:unban(family, address)
  local result = self:client("set", "lab", "unbanip", address)
  assert(result.code == 0, result.out .. result.err)
  self:wait_for(family, address, false)
end

--- End it as an administrator does: it takes its rules away.
function fail2ban:stop()
  assert(self:client("stop").code == 0)
  self.process:wait()
end

return M
