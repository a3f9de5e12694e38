-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A policy with very many rules: nothing to do, one rule changed, all of them
-- new, beside the program that loads the same rules.

local policies = require "bench.policies"
local rounds = require "bench.rounds"

-- IPv6 has a handful of rules only. Moongate looks after both families in each
-- run; its peer is given no more than the family that has the rules.
local family = { "ipv4" }

-- How often the kernel's share is taken in a round.
local floor_count = 3

-- Two policies that differ in one rule in the middle, and the rules of each as
-- the peer reads them: each round goes from one to the other.
local function two_policies(commands, way, size, state)
  local pair = {}
  for index, changed in ipairs { size // 2, size // 2 + 1 } do
    local path = commands:write(("large%d.lua"):format(index), policies.large(way, size, changed))
    commands:apply(path, state)
    pair[index] = { path = path, tables = commands:save("large" .. index) }
  end
  return pair
end

local function compare(commands, way, size, count)
  local state = commands:new_state()
  local pair = two_policies(commands, way, size, state)

  local samples = rounds.run(count, function(round, record)
    -- in force is what the round before left
    local now, other = pair[round % 2 + 1], pair[(round + 1) % 2 + 1]
    record("plan again", commands:plan(now.path, state))
    record("restore again", commands:restore(now.tables, false, family))
    record("apply again", commands:apply_nothing(now.path, state))
    record("apply changed", commands:apply(other.path, state))
    record("restore changed", commands:restore(other.tables, false, family))
    record("apply first", commands:apply(now.path, commands:new_state(), true))
    record("restore first", commands:restore(now.tables, true, family))
    local read, write = commands:floor(family, floor_count)
    record("read", read)
    record("write", write)
  end)
  return samples, pair[1].tables.rules
end

return function(commands, options)
  local samples, rules = compare(commands, options.way, options.size, options.rounds)
  local by = { helper = "allow_inbound { from =, tcp =, comment = }", append = "chain():append { ... }" }
  local peer = "iptables-legacy-restore"
  -- the limit is asked for one size
  local limit = options.size == 10000 and 0.8 or nil
  return {
    title = ("A loop of %s: %d rules; %d rounds"):format(by[options.way], rules.ipv4 + rules.ipv6, options.rounds),
    samples = samples,
    rows = {
      { "moongate plan, nothing to do", case = "plan again", reference = "restore again", limit_ratio = limit },
      { "moongate apply --no-confirm, nothing to do", case = "apply again", reference = "restore again" },
      { peer .. ", the same again", case = "restore again", reference = "restore again" },
      { "moongate apply --no-confirm, one rule changed", case = "apply changed", reference = "restore changed" },
      { peer .. ", one rule changed", case = "restore changed", reference = "restore changed" },
      { "moongate apply --no-confirm, the first", case = "apply first", reference = "restore first" },
      { peer .. ", into empty tables", case = "restore first", reference = "restore first" },
      { "the kernel alone: reading the table", case = "read", reference = "restore again", rules = rules.ipv4 },
      { "the kernel alone: replacing the table", case = "write", reference = "restore again", rules = rules.ipv4 },
    },
  }
end
