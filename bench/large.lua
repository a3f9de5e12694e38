-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A policy that is a loop: nothing to do, one rule changed, all of them new,
-- beside the programs that load the same rules.

local policies = require "bench.policies"
local rounds = require "bench.rounds"

-- IPv6 has a handful of rules only. Moongate looks after both families in each
-- run; its peers are given no more than the family that has the rules.
local family = { "ipv4" }

-- How often the kernel's share is taken in a round.
local floor_count = 3

-- What is asked for, as ratios to iptables-legacy-restore in the same rounds.
local limits = {
  helper = {
    [10000] = { plan = 0.8 },
    [100000] = { plan = 0.6, first = 1.1, changed = 0.9, peak = 1.5 },
  },
  append = {
    [10000] = { plan = 0.8 },
    [100000] = { plan = 0.5, peak = 1.5 },
  },
}

-- Two policies that differ in one rule in the middle, and the rules of each as
-- the peers read them: each round goes from one to the other.
local function two_policies(commands, way, size, state)
  local pair = {}
  for index, changed in ipairs { size // 2, size // 2 + 1 } do
    local path = commands:write(("large%d.lua"):format(index), policies.large(way, size, changed))
    commands:apply(path, state)
    pair[index] = { path = path, tables = commands:save("large" .. index) }
  end
  return pair
end

local function measure_moongate(commands, now, other, state, record)
  record("plan again", commands:plan(now.path, state))
  record("restore again", commands:restore(now.tables, false, family))
  record("apply again", commands:apply_nothing(now.path, state))
  record("apply changed", commands:apply(other.path, state))
  record("restore changed", commands:restore(other.tables, false, family))
  record("apply first", commands:apply(now.path, commands:new_state(), true))
  record("restore first", commands:restore(now.tables, true, family))
end

-- Only where they are asked for: the peers do the same whatever the loop is.
local function measure_peers(commands, now, ferm, record)
  record("nft first", commands:nft_restore(now.tables, true))
  record("nft again", commands:nft_restore(now.tables))
  record("ferm first", commands:ferm(ferm, true))
end

local function compare(commands, options)
  local state = commands:new_state()
  local pair = two_policies(commands, options.way, options.size, state)
  local ferm = options.peers and commands:write("large.ferm", policies.ferm(options.size))
  if options.peers then
    commands:nft_restore(pair[1].tables) -- so that "again" is again from the start
  end

  local samples = rounds.run(options.rounds, function(round, record)
    -- in force is what the round before left
    local now, other = pair[round % 2 + 1], pair[(round + 1) % 2 + 1]
    measure_moongate(commands, now, other, state, record)
    if options.peers then
      measure_peers(commands, now, ferm, record)
    end
    local read, write = commands:floor(family, floor_count)
    record("read", read)
    record("write", write)
  end)
  return samples, pair[1].tables.rules
end

local function rows_of(rules, limit, peers)
  local legacy = "iptables-legacy-restore"
  local rows = {
    { "moongate plan, nothing to do", case = "plan again", reference = "restore again", limit_ratio = limit.plan,
      limit_peak = limit.peak },
    { "moongate apply --no-confirm, nothing to do", case = "apply again", reference = "restore again" },
    { legacy .. ", the same again", case = "restore again", reference = "restore again" },
    { "moongate apply --no-confirm, one rule changed", case = "apply changed", reference = "restore changed",
      limit_ratio = limit.changed, limit_peak = limit.peak },
    { legacy .. ", one rule changed", case = "restore changed", reference = "restore changed" },
    { "moongate apply --no-confirm, the first", case = "apply first", reference = "restore first",
      limit_ratio = limit.first, limit_peak = limit.peak },
    { legacy .. ", into empty tables", case = "restore first", reference = "restore first" },
    { "the kernel alone: reading the table", case = "read", reference = "restore again", rules = rules.ipv4 },
    { "the kernel alone: replacing the table", case = "write", reference = "restore again", rules = rules.ipv4 },
  }
  if peers then
    table.insert(rows, 4, { "iptables-nft-restore, the same again", case = "nft again", reference = "restore again" })
    table.insert(rows, 9, { "iptables-nft-restore, into empty tables", case = "nft first",
      reference = "restore first" })
    table.insert(rows, 10, { "ferm, into empty tables", case = "ferm first", reference = "restore first" })
  end
  return rows
end

return function(commands, options)
  local samples, rules = compare(commands, options)
  local by = { helper = "allow_inbound { from =, tcp =, comment = }", append = "chain():append { ... }" }
  return {
    title = ("A loop of %s: %d rules; %d rounds"):format(by[options.way], rules.ipv4 + rules.ipv6, options.rounds),
    samples = samples,
    rows = rows_of(rules, limits[options.way][options.size] or {}, options.peers),
  }
end
