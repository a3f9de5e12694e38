-- SPDX-License-Identifier: GPL-2.0-or-later
--- Ports that lead to another host: `forward_port`.
-- DNAT in PREROUTING, and the accept in FORWARD; see moongate.port_translation.
local addresses = require "moongate.addresses"
local endpoints = require "moongate.endpoints"
local exceptions = require "moongate.exceptions"
local lists = require "moongate.lists"
local port_map = require "moongate.port_map"
local rules = require "moongate.rules"
local schema = require "moongate.schema"
local translation = require "moongate.port_translation"

local M = {}

local helper = "forward_port"
local options_schema = translation.schema(helper, { to = "endpoint", reflect = "addresses" },
  { required = { "to" }, example = { tcp = 8080, to = "10.0.0.5:80" } })

-- This host's services on the loopback stay its own: an answer from elsewhere
-- to 127.0.0.1 would be refused anyway.
local loopback = exceptions.new { "127.0.0.0/8", "::1" }

-- Forwarding to one of this host's own addresses never reaches FORWARD.
local function note_own_address(session, found)
  for _, own in ipairs(session.core.host and session.core.host.addresses or {}) do
    for family = 1, 2 do
      if found[family] and found[family].text == own:match("^[^/]+") then
        session.core.note("warning", ("%s: to: %s is an address of this host, so nothing is forwarded")
          :format(helper, found[family].text), "redirect_port leads to another port of this host")
      end
    end
  end
end

-- The port that the new destination names, as text, or nil.
local function port_of(session, options, found)
  local text
  for family = 1, 2 do
    local endpoint = found[family]
    local own = endpoint and (endpoint.low and port_map.text(endpoint.low, endpoint.high, "-") or "")
    if own and text and own ~= text then
      session.fail(helper, "to", "its two addresses name different ports: make one call for each")
    end
    text = own or text
  end
  if text and text ~= "" and options.to_port ~= nil then
    session.fail(helper, "to_port", ("to already says port %s"):format(text))
  end
  return text ~= "" and text or nil
end

-- The target of one mapping; a range that shifts is written with its base.
local function dnat(endpoint, mapping)
  local ports
  if mapping.to_low and mapping.to_low == mapping.to_high then
    ports = ("%d"):format(mapping.to_low)
  elseif mapping.to_low and mapping.to_low ~= mapping.low then
    ports = ("%d-%d/%d"):format(mapping.to_low, mapping.to_high, mapping.low)
  end
  return { "-j", "DNAT", "--to-destination", endpoints.text(endpoint, ports), protocol = ports and mapping.protocol }
end

local function translate(session, request, cases, family, endpoint, more)
  for _, case in ipairs(cases) do
    translation.translate(session, request, case, family, dnat(endpoint, case.mapping), more)
  end
end

-- Clients on the target's side reach it by the outer address only if its
-- answers come back this way: so this host's address stands for theirs.
local function reflect(session, request, cases, family, endpoint, clients)
  local names = { source = "reflect" }
  if request.ins or request.source then
    translate(session, request, cases, family, endpoint, { chain = "PREROUTING", source = clients, names = names })
    translation.accept(session, request, cases, family,
      { chain = "FORWARD", source = clients, destination = endpoint.set, names = names })
  end
  translation.masquerade(session, request, cases, family,
    { source = clients, destination = endpoint.set, names = names })
end

-- All rules of one family.
local function forward(session, request, cases, family, endpoint, clients)
  translate(session, request, cases, family, endpoint,
    { chain = "PREROUTING", source = request.source, ins = request.ins })
  translation.accept(session, request, cases, family,
    { chain = "FORWARD", source = request.source, ins = request.ins, destination = endpoint.set })
  if clients and translation.families(session, helper, clients, false, "reflect") & family ~= 0 then
    reflect(session, request, cases, family, endpoint, clients)
  end
  if request.from_host then
    translate(session, request, cases, family, endpoint,
      { chain = "OUTPUT", destination = addresses.read(session, helper, "from_host", loopback) })
    translation.accept(session, request, cases, family, { chain = "OUTPUT", destination = endpoint.set })
  end
end

local function forward_port(session, options)
  local found = endpoints.read(session, helper, "to", options.to)
  local port = port_of(session, options, found)
  note_own_address(session, found)
  local request = translation.read(session, helper, port and lists.merged(options, { to_port = port })
    or options)
  local clients = options.reflect ~= nil and addresses.read(session, helper, "reflect", options.reflect)
  if not request then
    return
  elseif endpoints.families(found) == 0 then
    rules.note_empty(session, helper, "to")
    return
  elseif clients and addresses.is_empty(clients) then
    rules.note_empty(session, helper, "reflect")
    clients = false
  end
  local cases = translation.cases(session, request, { "to", endpoints.families(found) })
  for family = 1, 2 do
    local here = translation.of_family(cases, family)
    if #here > 0 then
      forward(session, request, here, family, found[family], clients)
    end
  end
end

--- Offer `forward_port` to policies.
--
-- Options: `to`, the new destination, an address of each family at most, with
-- or without a port ("10.0.0.5:80", "[2001:db8::5]:80"); `tcp`, `udp`, `sctp`
-- or a service, the outer ports; `to_port`, the inner ones (the same if not
-- given; a range goes to one port, or one to one); `on` and `from`, whose
-- connections; `address`, the original destination (this host's own addresses
-- if not given); `reflect`, networks on the inner side whose clients use the
-- outer address, too; `from_host`, connections of this host itself as well;
-- `log` and `limit`, as for the verbs; `family` and `comment`.
-- @param language table of names
-- @param session the evaluation under way
-- @usage forward_port { tcp = 8080, on = "wan0", to = "10.0.0.5:80" }
-- @usage forward_port { "https", on = "wan0", to = "10.0.0.5", reflect = "10.0.0.0/24" }
function M.install(language, session)
  language.forward_port = function(...)
    forward_port(session, schema.take(session, helper, options_schema, ...))
  end
end

return M
