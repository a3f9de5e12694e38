-- SPDX-License-Identifier: GPL-2.0-or-later
--- Other source addresses on the way out: `masquerade` with the address of the
-- interface, `snat` with fixed ones. Both stand in POSTROUTING of `nat`, bring
-- no accept, and touch new connections only: conntrack does the rest.
--
-- `masquerade` is for IPv4: IPv6 has addresses for everybody and is forwarded
-- as it is. `family = "both"` or "ipv6", or addresses of IPv6 alone, say
-- otherwise.
local addresses = require "moongate.addresses"
local endpoints = require "moongate.endpoints"
local interfaces = require "moongate.interfaces"
local lists = require "moongate.lists"
local port_map = require "moongate.port_map"
local ports = require "moongate.ports"
local rules = require "moongate.rules"
local schema = require "moongate.schema"
local stages = require "moongate.stages"
local traffic = require "moongate.traffic"

local M = {}

local function declare(helper, more, details)
  local options = lists.merged({
    service = "services", tcp = "ports", udp = "ports", sctp = "ports", protocol = "protocol",
    source_ports = "ports", from = "addresses", to = "addresses", on = "interfaces", out = "interfaces",
    random = "boolean", random_fully = "boolean", family = "family", comment = "comment",
  }, more)
  details.positional = "service"
  return schema.helper(helper, options, details)
end

local masquerade_options = declare("masquerade", { ports = "ports" }, { example = { out = "wan0" } })
local snat_options = declare("snat", { to_source = "endpoint", persistent = "boolean" },
  { required = { "to_source" }, example = { to_source = "203.0.113.25", out = "wan0" } })

-- Protocols that have ports to choose from.
local has_ports = { tcp = true, udp = true, sctp = true }

-- The request for moongate.rules that both have in common.
local function read(session, helper, options)
  local path = options.out ~= nil and "out" or "on"
  if options.on ~= nil and options.out ~= nil then
    session.fail(helper, "on", "the same as out= here: give one of them")
  elseif options.on == nil and options.out == nil and options.from == nil and options.to == nil then
    session.fail(helper, "out", 'is missing: the interface where packets leave, like out = "wan0"')
  end
  return {
    table = "nat", chain = "POSTROUTING", rank = stages.rank.script, helper = helper,
    families = schema.families[options.family or "both"],
    source = options.from ~= nil and addresses.read(session, helper, "from", options.from),
    destination = options.to ~= nil and addresses.read(session, helper, "to", options.to),
    ins = false,
    outs = options[path] ~= nil and interfaces.read(session, helper, path, options[path]),
    names = { outs = path },
    parts = (traffic.parts(session, helper, options)),
    comment = options.comment,
  }
end

local function add_flags(target, options)
  for _, name in ipairs { "random", "random_fully", "persistent" } do
    if options[name] then
      target[#target + 1] = "--" .. name:gsub("_", "-")
    end
  end
  return target
end

local function protocol_of(part)
  return part.args[1] == "-p" and has_ports[part.args[2]]
end

-- The ports to masquerade with: one port or one range, as text.
local function read_masquerade_ports(session, helper, value)
  local found = ports.read(session, helper, "ports", value, "tcp")
  if found.negative or #found ~= 1 then
    session.fail(helper, "ports", 'takes one range, like "1024-65535"')
  end
  return (found[1][1]:gsub(":", "-"))
end

-- What has ports of its own to choose, and the rest, which has none.
local function with_ports(request)
  local chosen, rest = {}, {}
  for _, part in ipairs(request.parts) do
    if protocol_of(part) then
      chosen[#chosen + 1] = part
    else
      rest[#rest + 1] = part
      if #part.args == 0 then
        for _, protocol in ipairs { "tcp", "udp", "sctp" } do
          chosen[#chosen + 1] = { args = { "-p", protocol }, families = part.families, comment = part.comment }
        end
      end
    end
  end
  return chosen, rest
end

-- IPv4, unless the policy says otherwise.
local function masquerade_families(session, helper, options, request)
  if options.family then
    return request.families
  end
  local from, to = rules.families(session, request)
  local families = from & to
  if families == 3 and (request.source or request.destination) then
    session.core.note("info", ("%s: IPv4 only; IPv6 is forwarded with the addresses that it has"):format(helper),
      'family = "both" masquerades it, too')
  end
  return families & 1 ~= 0 and 1 or families ~= 0 and families or 3
end

local function emit(session, request, parts, target)
  if #parts > 0 then
    request.parts, request.target = parts, target
    rules.emit(session, request)
  end
end

-- The same where the target chooses ports, which only one protocol can mean.
local function emit_ports(session, request, parts, target)
  for _, part in ipairs(parts) do
    emit(session, request, { part }, table.move(target, 1, #target, 1, { protocol = part.args[2] }))
  end
end

local function masquerade(session, helper, options)
  local request = read(session, helper, options)
  request.families = masquerade_families(session, helper, options, request)
  if options.ports == nil then
    emit(session, request, request.parts, add_flags({ "-j", "MASQUERADE" }, options))
    return
  end
  local range = read_masquerade_ports(session, helper, options.ports)
  local chosen, rest = with_ports(request)
  if #chosen == 0 then
    session.fail(helper, "ports", "the protocol has no ports to choose from")
  end
  emit_ports(session, request, chosen, add_flags({ "-j", "MASQUERADE", "--to-ports", range }, options))
  emit(session, request, rest, add_flags({ "-j", "MASQUERADE" }, options))
end

-- The rules of one family.
local function emit_snat(session, request, endpoint, options)
  local function target(ports_text)
    return add_flags({ "-j", "SNAT", "--to-source", endpoints.text(endpoint, ports_text) }, options)
  end
  if not endpoint.low then
    emit(session, request, request.parts, target())
    return
  end
  local text = port_map.text(endpoint.low, endpoint.high, "-")
  for _, part in ipairs(request.parts) do
    if not protocol_of(part) then
      session.fail("snat", "to_source", ('port %s of which protocol? add protocol = "tcp" or a port'):format(text))
    end
  end
  emit_ports(session, request, request.parts, target(text))
end

local function snat(session, helper, options)
  local found = endpoints.read(session, helper, "to_source", options.to_source, true)
  local request = read(session, helper, options)
  local families = endpoints.families(found)
  if families == 0 then
    rules.note_empty(session, helper, "to_source")
    return
  elseif rules.is_nothing(session, request) then
    return
  end
  local from, to = rules.families(session, request)
  local possible = rules.agree(session, helper, {
    { "to_source", families }, { "family=", request.families }, { "from", from }, { "to", to },
  })
  for family = 1, 2 do
    if possible & family ~= 0 then
      request.families = family
      emit_snat(session, request, found[family], options)
    end
  end
end

--- Offer `masquerade` and `snat` to policies.
--
-- Options of both: `out` (or `on`), the interface where packets leave; `from`
-- and `to`; `tcp`, `udp`, `sctp`, `source_ports`, `protocol` or a service, as
-- the verbs take them; `random` and `random_fully`, which port is chosen;
-- `family` and `comment`.
--
-- `masquerade` takes `ports`, the range to choose from. `snat` takes
-- `to_source`, an address or a range ("203.0.113.5-203.0.113.9") for each family
-- at most, with or without ports; and `persistent`, the same one for a client.
-- @param language table of names
-- @param session the evaluation under way
-- @usage masquerade { out = "wan0", from = "10.0.0.0/24" }
-- @usage masquerade { out = "wan0", from = lan, to = except(branch_office) }
-- @usage snat { out = "wan0", from = "10.0.0.25", to_source = "203.0.113.25" }
function M.install(language, session)
  language.masquerade = function(...)
    masquerade(session, "masquerade", schema.take(session, "masquerade", masquerade_options, ...))
  end
  language.snat = function(...)
    snat(session, "snat", schema.take(session, "snat", snat_options, ...))
  end
end

return M
