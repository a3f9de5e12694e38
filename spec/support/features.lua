-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What this kernel and this host have for the integration specs. The only
-- place that skips a test: with CI=true in the environment a missing feature
-- is a failure, otherwise the test is pending with the reason. The check is made
-- when a test is registered, so that no set-up runs for one that is skipped.

local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local M = {}

local function program(name)
  return function()
    return run.run({ "sh", "-c", "command -v " .. name }).code == 0, name .. " is not installed"
  end
end

-- A rule that this kernel must take in a namespace of its own.
local function accepts(family, rule)
  return function()
    local lab = network.host()
    local text = ("*filter\n-A INPUT %s\nCOMMIT\n"):format(rule)
    local done = tables.try_restore(lab.server, family, text)
    lab:close()
    return done.code == 0, ("this kernel does not take %s (%s): %s"):format(rule, family, done.err)
  end
end

local checks = {
  namespaces = function()
    return run.run({ "unshare", "--net", "true" }).code == 0,
      "no right to make network namespaces (run as root)"
  end,
  legacy_ipv4 = accepts("ipv4", "-p tcp -m tcp --dport 22 -j ACCEPT"),
  legacy_ipv6 = accepts("ipv6", "-p tcp -m tcp --dport 22 -j ACCEPT"),
  conntrack = accepts("ipv4", "-m conntrack --ctstate NEW -j ACCEPT"),
  comment = accepts("ipv4", "-m comment --comment x -j ACCEPT"),
  nat = function()
    local lab = network.host()
    local done
    for _, family in ipairs(tables.families) do
      done = tables.try_restore(lab.server, family, "*nat\n-A POSTROUTING -o wan0 -j MASQUERADE\nCOMMIT\n")
      if done.code ~= 0 then
        break
      end
    end
    lab:close()
    return done.code == 0, "this kernel has no nat: " .. done.err
  end,
  tun = function()
    local done = run.run { "unshare", "--net", "sh", "-c", "ip tuntap add probe0 mode tun" }
    return done.code == 0, "no TUN device is to be had: " .. done.err
  end,
  sshd = program("/usr/sbin/sshd"),
  ssh = program("ssh"),
  systemd = program("systemd-analyze"),
  own_systemd = function()
    local try = "command -v dbus-daemon && command -v systemd-run && mount -t cgroup2 cgroup2 /mnt"
    local done = run.run { "unshare", "--mount", "--cgroup", "sh", "-c", try }
    return done.code == 0, "no systemd with a bus can be run in namespaces of its own: " .. done.err
  end,
  strace = function()
    return run.run({ "strace", "-o", "/dev/null", "true" }).code == 0, "strace cannot trace here"
  end,
  curl = program("curl"),
  tmux = program("tmux"),
  fail2ban = program("fail2ban-server"),
  nft = function()
    local lab = network.host()
    local done = lab.server:run { "iptables-nft", "-A", "INPUT", "-j", "ACCEPT" }
    lab:close()
    return done.code == 0, "no iptables-nft, or no nf_tables in this kernel: " .. done.err
  end,
  ping = program("ping"),
  python = program("python3"),
}

-- What every integration spec stands on.
local always = { "namespaces", "legacy_ipv4", "legacy_ipv6", "conntrack", "comment", "python", "ping" }

local known = {}

-- Why `name` cannot be had, or nil. A name with a family in front is a rule.
local function reason_against(name)
  if known[name] == nil then
    local family, rule = name:match("^(ipv[46]): (.*)$")
    local check = family and accepts(family, rule) or assert(checks[name], "no such feature: " .. name)
    local there, reason = check()
    known[name] = there and "" or reason
  end
  return known[name] ~= "" and known[name] or nil
end

-- The first reason against the basics and the given features, or nil.
local function first_reason(names)
  for _, list in ipairs { always, names } do
    for _, name in ipairs(list) do
      local reason = reason_against(name)
      if reason then
        return reason
      end
    end
  end
  return nil
end

--- Whether a feature is there, without judging.
function M.has(name)
  return reason_against(name) == nil
end

--- Whether the kernel takes a rule of a family, without judging.
function M.takes(family, rule)
  return reason_against(family .. ": " .. rule) == nil
end

--- busted's it() for tests that need the basics and what is named beyond them.
-- @param it busted's own, or what this returned before
-- @param pending busted's own
-- @param ... names of checks, or rules such as "ipv4: -m ttl --ttl-eq 4 -j DROP"
-- @usage local it = features.it(it, pending, "strace")
function M.it(it, pending, ...)
  local names = { ... }
  return function(title, body)
    local reason = first_reason(names)
    if not reason then
      return it(title, body)
    elseif os.getenv("CI") == "true" then
      return it(title, function()
        error("missing here, and CI must have it: " .. reason)
      end)
    end
    return pending(title .. " (" .. reason .. ")")
  end
end

return M
