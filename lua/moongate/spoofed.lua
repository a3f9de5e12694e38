-- SPDX-License-Identifier: GPL-2.0-or-later
--- `drop_spoofed`: sources that cannot come from where they come in (RFC 2827,
-- RFC 3704), in INPUT and FORWARD, after INVALID.
--
-- What counts as spoofed:
--   drop_spoofed()                        on every interface but lo, what nobody's
--       source is, and sources in a network that the host itself has on another
--       interface
--   drop_spoofed { on = "wan0" }          the same, for what comes in by wan0
--   drop_spoofed { on = "lan0", networks = N }
--       N live behind lan0: no other source comes in by lan0, and N come in by no
--       other interface
--   drop_spoofed { on = "wan0", networks = except(N) }
--       everything but N lives behind wan0: N do not come in there
--   drop_spoofed { on = except "lan0", networks = N }
--       N come in by lan0 alone
-- A zone with networks as `on` says both, as `on` and `networks` do. Networks are
-- judged in the families that they are of.
--
-- Networks of which the host has an address on another interface, while `on` has
-- its addresses in others, do not live behind `on`: they are what does not come in
-- there. Else a narrower network of the host's on another interface lives there,
-- as in routing.
--
-- Always genuine on a link: IPv6 link-local sources, and the unspecified address of
-- a host that asks for its first one.
local address_lists = require "moongate.address_lists"
local addresses = require "moongate.addresses"
local connected = require "moongate.connected"
local interfaces = require "moongate.interfaces"
local lists = require "moongate.lists"
local networks = require "moongate.networks"
local schema = require "moongate.schema"
local spoofed_chains = require "moongate.spoofed_chains"

local M = {}

local helper = "drop_spoofed"
local options_schema = schema.helper(helper, { on = "interfaces", networks = "addresses", log = "log" },
  { example = { on = "lan0", networks = "10.0.0.0/24" } })

local function is_whole(set)
  for family = 1, 2 do
    for _, network in ipairs(set.inc[family]) do
      if not network then
        return true
      end
    end
  end
  return false
end

-- What the host's own addresses say of a set: `here`, a network that it shares
-- with an interface of `links`; `elsewhere`, one that it shares with another;
-- `same`, one of those that it lists itself; `left_out`, one of `links` that it does not
-- share, each as { network =, interface = }; and `narrower`, by family, those
-- of other interfaces that lie within it. The whole of a family says nothing.
local function homes(session, links, set)
  local found = { narrower = { {}, {} } }
  for family = is_whole(set) and 3 or 1, 2 do
    local inc, exc = set.inc[family], set.exc[family]
    for _, entry in ipairs(#inc > 0 and connected.networks(session, family, true) or {}) do
      local network = { entry.network }
      local shared = #networks.touching(network, inc) > 0 and #networks.outside(network, exc) > 0
      for _, name in ipairs(entry.interfaces) do
        local home = { network = entry.network, interface = name }
        local is_here = connected.is_in(name, links)
        found.here = found.here or is_here and shared and home or nil
        found.left_out = is_here and not shared and home or found.left_out
        found.elsewhere = found.elsewhere or not is_here and shared and home or nil
        if not is_here and shared and #networks.outside(network, inc) == 0 then
          table.insert(found.narrower[family], entry.network)
          found.same = found.same or lists.has(inc, entry.network) and home or nil
        end
      end
    end
  end
  return found
end

-- Networks that live behind `links`: nothing else does, and they do nowhere else.
-- As in routing, a narrower one of the host's own on another interface lives there.
local function emit_home(session, option, links, set, log)
  local found = homes(session, links, set)
  local same = found.same
  if set.positive and same then
    session.fail(helper, option, ("this host has %s on %s: add %s to on, or, if it may not come in by `on`, "
      .. "write networks = except { ... }"):format(same.network, same.interface, same.interface))
  end
  local home = { positive = set.positive, inc = set.inc, exc = { {}, {} }, all = set.all, as = set.as,
    exc_as = set.exc_as, label = set.label, named = set.named }
  for family = 1, 2 do
    local exc = table.move(set.exc[family], 1, #set.exc[family], 1, home.exc[family])
    table.move(found.narrower[family], 1, #found.narrower[family], #exc + 1, exc)
  end
  addresses.with_sets(home)
  spoofed_chains.emit(session, helper, links.negative and spoofed_chains.without_loopback(links) or links,
    spoofed_chains.all_but(session, helper, home), log)
  if home.positive and not is_whole(home) then
    local listed = spoofed_chains.listed(session, helper, home)
    spoofed_chains.emit(session, helper, spoofed_chains.others(links), listed, log)
  end
end

-- `on` and `networks`, as an options table gives them.
local function emit_named(session, links, set, log)
  local fail = session.fail
  if links.negative and not set.positive then
    fail(helper, "networks", "except(...) for both on and networks: say which networks live where")
  elseif links.negative then
    local listed = spoofed_chains.listed(session, helper, set)
    spoofed_chains.emit(session, helper, spoofed_chains.without_loopback(links), listed, log)
    return
  end
  local found = homes(session, links, set)
  local elsewhere, left_out = found.elsewhere, found.left_out
  if elsewhere and left_out and not found.here then
    session.core.note("info", ("%s: this host has %s on %s, so it may not come in by %s"):format(helper,
      elsewhere.network, elsewhere.interface, table.concat(links, ", ")))
    spoofed_chains.emit(session, helper, links, spoofed_chains.listed(session, helper, set), log)
  elseif set.positive and left_out and not found.here then
    fail(helper, "networks", ("%s itself has %s, which is not among them: add it if they live behind %s; "
      .. "if they may not come in there, write networks = except { ... }"):format(left_out.interface,
      left_out.network, left_out.interface))
  else
    emit_home(session, "networks", links, set, log)
  end
end

local function check_links(session, links)
  for _, name in ipairs(links) do
    if name == "lo" and not links.negative then
      session.fail(helper, "on", "lo is this host talking to itself: nothing is spoofed there")
    end
  end
end

local function emit_strangers(session, links, log)
  links = links.negative and spoofed_chains.without_loopback(links) or links
  spoofed_chains.emit(session, helper, links, spoofed_chains.strangers(session, links), log)
end

-- `on` without networks: a zone may have its own, plain interfaces have none.
local function emit_on(session, found, log)
  for _, zone in ipairs(found.zones or {}) do
    if found.negative then
      session.fail(helper, "on", ("except(%s): give its interfaces, as except(ZONE.interfaces)"):format(zone.shown))
    elseif not zone.links then
      session.fail(helper, "on", ("%s has no interfaces, so nothing says where its networks come in")
        :format(zone.shown))
    end
    check_links(session, zone.links)
    if zone.nets then
      emit_home(session, "on", zone.links, zone.nets, log)
    else
      emit_strangers(session, zone.links, log)
    end
  end
  if #found > 0 or found.negative then
    emit_strangers(session, table.move(found, 1, #found, 1, { negative = found.negative }), log)
  end
end

local function note_empty(session, option)
  session.core.note("warning", ("%s: %s is an empty list, so there is no rule"):format(helper, option),
    ("leave %s out"):format(option))
end

local function read_networks(session, value, found)
  if not found then
    session.fail(helper, "networks", "behind which interface? add on =")
  elseif found.zoned then
    session.fail(helper, "networks", ("%s says itself which networks live there: leave networks out, or give on = "
      .. "ZONE.interfaces"):format(found.zones[1].shown))
  end
  local _, set = addresses.value(session, helper, "networks", value)
  return address_lists.known(session, helper, "networks", set)
end

--- Offer `drop_spoofed` to policies.
-- Options: `on` (interfaces, or zones), `networks` (addresses: those that live
-- behind `on`), `log`. Without `networks` the networks of the host's own addresses
-- count, as they are when the policy is evaluated.
-- @param language table of names
-- @param session the evaluation under way
-- @usage drop_spoofed { on = "wan0", log = true }
-- @usage drop_spoofed { on = "lan0", networks = { "10.0.0.0/24", "2001:db8:1::/64" } }
-- @usage drop_spoofed { on = lan }
function M.install(language, session)
  language[helper] = function(...)
    local options = schema.take(session, helper, options_schema, ...)
    local log = options.log and require("moongate.logging").read(session, helper, "log", options.log)
    local found = options.on ~= nil and interfaces.read(session, helper, "on", options.on)
    local set = options.networks ~= nil and read_networks(session, options.networks, found)
    if set and addresses.is_empty(set) then
      note_empty(session, "networks")
    elseif not found then
      spoofed_chains.emit(session, helper, spoofed_chains.without_loopback(nil),
        spoofed_chains.strangers_anywhere(session), log)
    elseif interfaces.is_empty(found) then
      note_empty(session, "on")
    elseif set then
      check_links(session, found)
      emit_named(session, found, set, log)
    else
      check_links(session, found)
      emit_on(session, found, log)
    end
  end
end

return M
