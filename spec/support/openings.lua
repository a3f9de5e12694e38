-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Which of many ports answer in a lab, on every way and in both families: so
-- that a spec can say what a policy opens, and that it opens nothing else.

local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local services = require "spec.support.services"
local tables = require "spec.support.tables"

local M = {}

--- What listens on the server, and outside for what the server asks.
M.ports = {
  "tcp:22", "tcp:25", "tcp:53", "tcp:80", "tcp:110", "tcp:143", "tcp:443", "tcp:465", "tcp:587", "tcp:853", "tcp:993",
  "tcp:995", "tcp:2222", "tcp:3306", "tcp:4190", "tcp:4460", "tcp:5432", "tcp:5433", "tcp:8080", "tcp:9100",
  "udp:53", "udp:123", "udp:443", "udp:853", "udp:5432",
}

-- The ways by name: who asks whom.
local ways = {
  friend = { from = "friend", to = network.addresses.server_for.friend },
  stranger = { from = "stranger", to = network.addresses.server_for.stranger },
  out = { from = "server", to = network.addresses.stranger },
  out_friend = { from = "server", to = network.addresses.friend },
}

-- Begin to ask for all ports at the addresses of both families; returns a
-- function that waits and says what is open.
local function begin(namespace, to)
  local targets, labels = {}, {}
  for family, address in pairs(to) do
    for _, port in ipairs(M.ports) do
      local target = ("%s,%s,%s"):format(port:match("^%a+"), address, port:match("%d+$"))
      targets[#targets + 1], labels[target] = target, family .. " " .. port
    end
  end
  local finish = packets.begin_probe(namespace, targets, 0.5)
  return function()
    local open = {}
    for target, state in pairs(finish()) do
      open[labels[target]] = state == "open" or nil
    end
    return open
  end
end

--- Ask on every way at the same time, so that silence is waited for once.
-- @return table from way ("friend" and "stranger" in, "out" to the stranger,
--   "out_friend" to the friend) to a set of "ipv4 tcp:22"
function M.ask(lab)
  local finish, open = {}, {}
  for name, way in pairs(ways) do
    finish[name] = begin(lab[way.from], way.to)
  end
  for name in pairs(ways) do
    open[name] = finish[name]()
  end
  return open
end

--- What a spec expects on a way, in the form of ask().
-- @param lists lists of ports by way, `friend_ipv4` for one family alone; no
--   list means that nothing is open
function M.expected(lists, way)
  local open = {}
  for _, family in ipairs(tables.families) do
    for _, list in ipairs { lists[way] or {}, lists[way .. "_" .. family] or {} } do
      for _, port in ipairs(list) do
        open[family .. " " .. port] = true
      end
    end
  end
  return open
end

--- Let all ports answer everywhere; raises unless they do, while no policy is
-- there: silence afterwards is the policy's doing.
function M.serve(lab)
  for _, name in ipairs { "server", "friend", "stranger" } do
    services.echo(lab[name], M.ports)
  end
  run.wait_until("all ports to answer", 5, function()
    for _, open in pairs(M.ask(lab)) do
      for _, family in ipairs(tables.families) do
        for _, port in ipairs(M.ports) do
          if not open[family .. " " .. port] then
            return false
          end
        end
      end
    end
    return true
  end)
end

return M
