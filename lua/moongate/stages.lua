-- SPDX-License-Identifier: GPL-2.0-or-later
--- Stages: where in a built-in chain of `filter` a rule goes.
-- Mirrors `enum mg_rank` in core/ruleset/ruleset.h; keep the two together.
local M = {}

--- Rank of each place, as the core knows it.
M.rank = {
  first = 0,
  established = 10,
  loopback = 20,
  -- Neighbour discovery types that conntrack does not know and calls INVALID:
  -- they must be accepted before the guards.
  before_guard = 29,
  guard_flags = 30,
  guard_invalid = 31,
  guard_spoofed = 32,
  guard_block = 33,
  guard_limit = 34,
  allow = 40,
  last = 50,
  -- Behind what an operator puts last: that can still keep noise from the log.
  last_log = 51,
  last_reject = 52,
  script = 40,
}

-- What a policy may write as `stage = "..."`. An operator's own guards stand
-- with the blocklists: after nonsense, INVALID and spoofed sources.
local named = {
  first = M.rank.first,
  established = M.rank.established,
  loopback = M.rank.loopback,
  guard = M.rank.guard_block,
  allow = M.rank.allow,
  last = M.rank.last,
}

--- Names of the stages, in the order of the chain.
M.names = { "first", "established", "loopback", "guard", "allow", "last" }

--- The rank of a stage that a policy named.
-- @param name stage name
-- @return the rank, or nil if there is no such stage
function M.of(name)
  return named[name]
end

return M
