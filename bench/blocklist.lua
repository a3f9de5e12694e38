-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A long list of addresses from a file, as a set of the kernel: applied beside
-- ipset restore of the same list, and what it costs a packet beside rules.

local policies = require "bench.policies"
local rounds = require "bench.rounds"

local M = {}

-- Packets a sample, and how many may be lost on the way to the rules.
local packets, most_lost = 200000, 0.01

--- Apply from a file, and ipset restore of the same.
function M.load(commands, options)
  local list = policies.addresses(options.size)
  commands:write("blocklist.txt", table.concat(list, "\n") .. "\n")
  local policy = commands:write("blocklist.lua", policies.blocklist)
  local lines = { ("create bench hash:ip family inet hashsize 1024 maxelem %d"):format(options.size) }
  for i, address in ipairs(list) do
    lines[i + 1] = "add bench " .. address
  end
  local set = commands:write("blocklist.ipset", table.concat(lines, "\n") .. "\n")
  local samples = rounds.run(options.rounds, function(_, record)
    record("apply", commands:apply(policy, commands:new_state(), true))
    record("restore", commands:measure({ "ipset", "restore", "-file", set }, true))
  end)
  return { title = ("A blocklist of %d addresses from a file; %d rounds"):format(options.size, options.rounds),
    samples = samples,
    rows = {
      { "moongate apply --no-confirm, the first", case = "apply", reference = "restore", limit_ratio = 1.2 },
      { "ipset restore of the same list", case = "restore", reference = "restore" },
    } }
end

--- What the packets of somebody who is not on the list cost.
function M.packets(commands, options)
  commands:write("blocklist.txt", table.concat(policies.addresses(options.size), "\n") .. "\n")
  local link, cases, state = commands:link(), policies.packet_cases(options.size), commands:new_state()
  for _, case in ipairs(cases) do
    case.path = commands:write(case.name .. ".lua", case.policy(link.sender))
  end
  local samples = rounds.run(options.rounds, function(_, record)
    for _, case in ipairs(cases) do
      commands:apply(case.path, state)
      local result = commands:flood(link, packets)
      assert(result.received >= packets * (1 - most_lost), "packets were lost before they came to the rules")
      record(case.name, result)
    end
  end)
  local rows = {}
  for i, case in ipairs(cases) do
    rows[i] = { case.text, case = case.name, reference = "first", rules = packets, unit = "a packet" }
  end
  return { title = ("Packets through veth to INPUT, %d a sample; %d rounds"):format(packets, options.rounds),
    samples = samples, rows = rows }
end

return M
