-- SPDX-License-Identifier: GPL-2.0-or-later
--- Packets that no honest host sends.
local schema = require "moongate.schema"
local stages = require "moongate.stages"

local M = {}

local options = {
  drop_bad_tcp_flags = schema.helper("drop_bad_tcp_flags", {}),
  drop_invalid = schema.helper("drop_invalid", {}),
}

-- Which flags to look at, and which of them set is nonsense. From the exact to
-- the general: FIN,PSH,URG is also a FIN without ACK, and the counter that says
-- "Xmas scan" would stay at 0 behind the one that says so.
local nonsense = {
  { "ALL", "ALL" },
  { "ALL", "NONE" },
  { "ALL", "FIN,PSH,URG" },
  { "ALL", "SYN,FIN,PSH,URG" },
  { "ALL", "SYN,RST,ACK,FIN,URG" },
  { "FIN,RST", "FIN,RST" },
  { "SYN,FIN", "SYN,FIN" },
  { "SYN,RST", "SYN,RST" },
  { "ACK,FIN", "FIN" },
  { "ACK,PSH", "PSH" },
  { "ACK,URG", "URG" },
}

local flags_chain = "BAD_TCP_FLAGS"

-- A chain of its own, which only TCP enters: other packets pay one comparison.
local function drop_bad_tcp_flags(session, helper)
  local core, rank = session.core, stages.rank
  core.chain(3, "filter", flags_chain, helper)
  for _, flags in ipairs(nonsense) do
    core.append(3, "filter", flags_chain, rank.script, helper,
      { "-p", "tcp", "-m", "tcp", "--tcp-flags", flags[1], flags[2], "-j", "DROP" })
  end
  for _, chain in ipairs { "INPUT", "FORWARD" } do
    core.append(3, "filter", chain, rank.guard_flags, helper, { "-p", "tcp", "-j", flags_chain })
  end
end

-- Neighbour discovery passes: conntrack calls it UNTRACKED, not INVALID.
local function drop_invalid(session, helper)
  for _, chain in ipairs { "INPUT", "FORWARD" } do
    session.core.append(3, "filter", chain, stages.rank.guard_invalid, helper,
      { "-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP" })
  end
end

--- Offer the guards to policies; calling one twice is calling it once.
-- @param language table of names
-- @param session the evaluation under way
-- @usage drop_bad_tcp_flags()
-- @usage drop_invalid()
function M.install(language, session)
  language.drop_bad_tcp_flags = function(...)
    schema.take(session, "drop_bad_tcp_flags", options.drop_bad_tcp_flags, ...)
    if session.once("drop_bad_tcp_flags") then
      drop_bad_tcp_flags(session, "drop_bad_tcp_flags")
    end
  end
  language.drop_invalid = function(...)
    schema.take(session, "drop_invalid", options.drop_invalid, ...)
    if session.once("drop_invalid") then
      drop_invalid(session, "drop_invalid")
    end
  end
end

return M
