-- SPDX-License-Identifier: GPL-2.0-or-later
--- `clamp_mss`: the largest segment that forwarded TCP connections agree on.
--
-- Behind a narrow link (PPPoE, a tunnel) a connection hangs where somebody
-- filters the ICMP errors that path MTU discovery needs. A SYN names the size
-- that its sender can take; it is lowered to what fits the link, in both
-- directions, since a rule in FORWARD sees the SYN and its answer. What this
-- host sends itself is right already: the kernel knows its own links.
local addresses = require "moongate.addresses"
local interfaces = require "moongate.interfaces"
local lists = require "moongate.lists"
local rules = require "moongate.rules"
local schema = require "moongate.schema"
local stages = require "moongate.stages"

local M = {}

local helper = "clamp_mss"
local options_schema = schema.helper(helper, {
  mss = "mss", on = "interfaces", out = "interfaces", from = "addresses", to = "addresses",
  family = "family", comment = "comment",
})

-- What Linux takes at least (TCP_MIN_MSS), and what an IPv4 packet holds.
local smallest, largest = 88, 65495

local function target_of(session, mss)
  if mss == nil or mss == "pmtu" then
    return { "-j", "TCPMSS", "--clamp-mss-to-pmtu" }
  end
  local bytes = math.tointeger(mss)
  if not bytes then
    session.fail(helper, "mss", ('"pmtu" or a number of bytes is needed, not %s'):format(lists.shown(mss)))
  elseif bytes < smallest or bytes > largest then
    session.fail(helper, "mss", ("%d is out of range (%d to %d)"):format(bytes, smallest, largest))
  end
  return { "-j", "TCPMSS", "--set-mss", ("%d"):format(bytes) }
end

--- Offer `clamp_mss` to policies.
--
-- Options: `mss`, "pmtu" (the default: what the way to either end can carry) or
-- a number of bytes; `on`, `out`, `from`, `to`, which connections (all that are
-- forwarded if not given; one interface means one direction); `family` and
-- `comment`.
-- @param language table of names
-- @param session the evaluation under way
-- @usage clamp_mss()
-- @usage clamp_mss { out = "ppp0", mss = 1400 }
function M.install(language, session)
  language.clamp_mss = function(...)
    local options = schema.take(session, helper, options_schema, ...)
    local function read(reader, name)
      return options[name] ~= nil and reader(session, helper, name, options[name])
    end
    rules.emit(session, {
      table = "mangle", chain = "FORWARD", rank = stages.rank.script, helper = helper,
      families = schema.families[options.family or "both"],
      source = read(addresses.read, "from"), destination = read(addresses.read, "to"),
      ins = read(interfaces.read, "on"), outs = read(interfaces.read, "out"),
      parts = { { args = { "-p", "tcp", "-m", "tcp", "--tcp-flags", "SYN,RST", "SYN" }, families = 3 } },
      comment = options.comment, target = target_of(session, options.mss),
    })
  end
end

return M
