-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The policy of an ordinary server, both families: first and again, beside the
-- two programs that load the same rules.

local rounds = require "bench.rounds"

local both = { "ipv4", "ipv6" }

-- How often the kernel's share is taken in a round; it is short.
local floor_count = 15

local function compare(commands, options)
  local policy, count = options.policy, options.rounds
  local state = commands:new_state()
  local writes = { first = commands:count_writes(commands:apply_words(policy, state)) }
  if not writes.first then
    commands:apply(policy, state)
  end
  writes.again = commands:count_writes(commands:apply_words(policy, state))
  local tables = commands:save("small")

  local samples = rounds.run(count, function(_, record)
    record("load", commands.load_language(options.language))
    record("plan first", commands:plan(policy, commands:new_state(), true))
    record("restore first", commands:restore(tables, true, both))
    record("apply first", commands:apply(policy, commands:new_state(), true))
    record("plan again", commands:plan(policy, state))
    record("restore again", commands:restore(tables, false, both))
    record("apply again", commands:apply_nothing(policy, state))
    local read, write = commands:floor(both, floor_count)
    record("read", read)
    record("write", write)
  end)
  return samples, tables.rules, writes
end

return function(commands, options)
  local samples, rules, writes = compare(commands, options)
  local total = rules.ipv4 + rules.ipv6
  local peer = "iptables-legacy-restore + ip6tables-legacy-restore"
  return {
    title = ("remote_server.lua: %d rules for IPv4, %d for IPv6; %d rounds"):format(rules.ipv4, rules.ipv6,
      options.rounds),
    samples = samples,
    rows = {
      { "loading the policy language", case = "load", reference = "restore first", limit = 5000 },
      { "moongate plan, all to add", case = "plan first", reference = "restore first", limit = 15000 },
      { "moongate apply --no-confirm, the first", case = "apply first", reference = "restore first", limit = 40000 },
      { peer .. ", into empty tables", case = "restore first", reference = "restore first" },
      { "moongate plan, nothing to do", case = "plan again", reference = "restore again", limit = 15000 },
      { "moongate apply --no-confirm, nothing to do", case = "apply again", reference = "restore again",
        limit = 40000 },
      { peer .. ", the same again", case = "restore again", reference = "restore again" },
      { "the kernel alone: reading both tables", case = "read", reference = "restore again", rules = total },
      { "the kernel alone: replacing both tables", case = "write", reference = "restore again", rules = total },
      { "writes to the kernel's tables, apply with nothing to do", count = writes.again, wanted = 0 },
      { "the same count for the first apply, trial included", count = writes.first },
    },
  }
end
