-- SPDX-License-Identifier: GPL-2.0-or-later
--- What a policy may know of the host that it is for.
-- The core reads it from the machine, or from the file that `--facts` names:
--
--   host.name         "web3"
--   host.ipv6         whether the host has IPv6
--   host.interfaces   a list of { name=, up=, loopback=, leased=, leased6=, addresses= }
--   host.addresses    all its addresses: { "192.0.2.5/24", ... }
--   host.facts        facts of the administrator's own, from the file; else empty
--
-- All of it is read-only. A name that is not among these is a mistake of the
-- policy's; in `host.facts`, which every host may have or not, it is nil.
local nearest = require "moongate.nearest"
local order = require "moongate.order"
local readonly = require "moongate.readonly"

local M = {}

-- A view whose names are fixed.
local function strict(t, what, fail, remedy)
  return readonly.view(t, what, fail, function(name)
    local names = order.keys(t)
    local found = nearest.find(name, names)
    fail(("%s has no `%s`%s"):format(what, name, found and (": did you mean `%s`?"):format(found)
      or (" (it has %s)%s"):format(table.concat(names, ", "), remedy or "")))
  end)
end

local function interface_view(interface, what, fail)
  local copy = {}
  for key, value in next, interface do
    copy[key] = readonly.deep(value, what .. "." .. key, fail)
  end
  return strict(copy, what, fail)
end

--- Offer `host` to policies.
-- @param language table of names
-- @param session the evaluation under way
-- @usage if host.facts.role == "web" then allow_inbound_https() end
function M.install(language, session)
  local fail, known = session.core.fail, session.core.host or {}
  local interfaces = {}
  for i, interface in ipairs(known.interfaces or {}) do
    interfaces[i] = interface_view(interface, ("host.interfaces[%d]"):format(i), fail)
  end
  language.host = strict({
    name = known.name or "",
    ipv6 = known.ipv6 ~= false,
    interfaces = readonly.view(interfaces, "host.interfaces", fail),
    addresses = readonly.deep(known.addresses or {}, "host.addresses", fail),
    facts = readonly.deep(known.facts or {}, "host.facts", fail),
  }, "host", fail, "; facts of your own are in host.facts")
end

return M
