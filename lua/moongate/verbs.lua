-- SPDX-License-Identifier: GPL-2.0-or-later
--- The generic verbs: allow, drop and reject, each inbound, outbound and
-- forward; and the same for one service each, `allow_inbound_ssh`.
local lists = require "moongate.lists"
local addresses = require "moongate.addresses"
local exceptions = require "moongate.exceptions"
local interfaces = require "moongate.interfaces"
local ports = require "moongate.ports"
local protocols = require "moongate.protocols"
local rules = require "moongate.rules"
local schema = require "moongate.schema"
local stages = require "moongate.stages"
local states = require "moongate.states"

local M = {}

local type, next, math_type = type, next, math.type
local rank_allow = stages.rank.allow
local emit, read_addresses, take = rules.emit, addresses.read, schema.take

-- Each accept takes new connections only. A drop or a reject means every
-- packet that comes so far.
local actions = {
  allow = { state = "NEW", target = { "-j", "ACCEPT" } },
  drop = { target = { "-j", "DROP" } },
  reject = { target = { "-j", "REJECT" }, target_tcp = { "-j", "REJECT", "--reject-with", "tcp-reset" } },
}

local directions = {
  inbound = { chain = "INPUT" },
  outbound = { chain = "OUTPUT" },
  forward = { chain = "FORWARD" },
}

local generic = {
  service = "services",
  tcp = "ports",
  udp = "ports",
  sctp = "ports",
  protocol = "protocol",
  source_ports = "ports",
  from = "addresses",
  to = "addresses",
  on = "interfaces",
  out = "interfaces",
  comment = "comment",
  stage = "stage",
  state = "states",
}

local function without(options, ...)
  local copy = {}
  for key, kind in next, options do
    copy[key] = kind
  end
  for _, key in ipairs { ... } do
    copy[key] = nil
  end
  return copy
end

-- What an option table may hold, by direction; a packet that comes in leaves
-- by no interface.
local schemas = {
  inbound = schema.new(without(generic, "out"), "service"),
  outbound = schema.new(generic, "service"),
  forward = schema.new(generic, "service"),
}

local of_service = without(generic, "service", "tcp", "udp", "sctp", "protocol")
local service_schemas = {
  inbound = schema.new(without(of_service, "out")),
  outbound = schema.new(of_service),
  forward = schema.new(of_service),
}

local port_protocols = { "tcp", "udp", "sctp" }

-- Ports, source ports and protocols as an options table says them.
local function port_parts(session, helper, options)
  local parts, source_ports = {}, options.source_ports
  for _, protocol in ipairs(port_protocols) do
    local value = options[protocol]
    if value ~= nil then
      local to = ports.read(session, helper, protocol, value, protocol)
      if #to == 0 and not to.negative then
        rules.note_empty(session, helper, protocol)
      end
      local from = source_ports ~= nil and ports.read(session, helper, "source_ports", source_ports, protocol)
      if from and #from == 0 and not from.negative then
        rules.note_empty(session, helper, "source_ports")
      end
      for _, args in ipairs(ports.arguments(protocol, from, to)) do
        parts[#parts + 1] = { args = args, families = 3, tcp = protocol == "tcp" }
      end
    end
  end
  return parts
end

-- A protocol that has ports, and packets from some of them.
local function protocol_source_ports(session, helper, options, leaf)
  local protocol = protocols.find(leaf)
  local name = protocol and protocol.arg
  if name ~= "tcp" and name ~= "udp" and name ~= "sctp" then
    session.fail(helper, "source_ports", ("protocol %s has no ports"):format(lists.shown(leaf)))
  end
  local parts = {}
  local from = ports.read(session, helper, "source_ports", options.source_ports, name)
  for i, args in ipairs(ports.arguments(name, from)) do
    parts[i] = { args = args, families = 3, tcp = name == "tcp" }
  end
  return parts
end

local function protocol_parts(session, helper, options)
  local parts = {}
  lists.each(session, helper, "protocol", options.protocol, function(leaf, path)
    if exceptions.is(leaf) then
      session.fail(helper, path, "except is not for protocols here; chain(...):append can say it")
    elseif type(leaf) == "table" then
      return
    end
    local found, wrong = protocols.parts(leaf)
    if not found then
      session.fail(helper, path, wrong)
    elseif options.source_ports ~= nil then
      found = protocol_source_ports(session, helper, options, leaf)
    end
    table.move(found, 1, #found, #parts + 1, parts)
  end)
  if #parts == 0 then
    rules.note_empty(session, helper, options.source_ports ~= nil and "protocol or source_ports" or "protocol")
  end
  return parts
end

-- Narrow a service's parts to source ports of the caller's.
local function with_source_ports(session, helper, name, entry, options)
  if entry.source_ports then
    session.fail(helper, "source_ports", ("service `%s` has its own"):format(name))
  elseif entry.protocols then
    session.fail(helper, "source_ports", ("service `%s` has protocols without ports"):format(name))
  end
  local parts = port_parts(session, helper, {
    tcp = entry.tcp, udp = entry.udp, sctp = entry.sctp, source_ports = options.source_ports,
  })
  local families = schema.families[entry.family or "both"]
  for _, part in ipairs(parts) do
    part.families, part.comment = families, entry.text or name
  end
  return parts
end

local function service_parts(session, helper, path, value, options)
  if type(value) == "string" and options.source_ports == nil then
    return session.services:parts(helper, path, value)
  end
  local parts = {}
  lists.each(session, helper, path, value, function(leaf, leaf_path)
    if type(leaf) == "table" and not exceptions.is(leaf) then
      return
    elseif type(leaf) ~= "string" then
      session.fail(helper, leaf_path, ("a service name is needed, not %s"):format(lists.shown(leaf)))
    end
    local own
    if options.source_ports == nil then
      own = session.services:parts(helper, leaf_path, leaf)
    else
      local entry, name = session.services:find(helper, leaf_path, leaf)
      own = with_source_ports(session, helper, name, entry, options)
    end
    table.move(own, 1, #own, #parts + 1, parts)
  end)
  if #parts == 0 then
    rules.note_empty(session, helper, path)
  end
  return parts
end

local everything = { { args = {}, families = 3 } }

local function fail_two(session, helper, one, other)
  session.fail(helper, other, ("%s already says which packets are meant; make two calls"):format(one))
end

-- Which packets an options table means, apart from addresses and interfaces.
local function parts_of(session, helper, options)
  local tcp, udp, service, protocol = options.tcp, options.udp, options.service, options.protocol
  if options[1] ~= nil then
    if service ~= nil then
      fail_two(session, helper, "the first value", "service")
    end
    service = options[1]
  end
  if service == nil and protocol == nil and options.sctp == nil and options.source_ports == nil then
    if tcp == nil and math_type(udp) == "integer" then
      return ports.single(session, helper, "udp", udp, "udp")
    elseif udp == nil and math_type(tcp) == "integer" then
      return ports.single(session, helper, "tcp", tcp, "tcp")
    end
  end
  local has_ports = tcp ~= nil and "tcp" or udp ~= nil and "udp" or options.sctp ~= nil and "sctp"
  if service ~= nil then
    if has_ports or protocol ~= nil then
      fail_two(session, helper, "the service", has_ports or "protocol")
    end
    return service_parts(session, helper, options.service ~= nil and "service" or "[1]", service, options)
  elseif has_ports then
    if protocol ~= nil then
      fail_two(session, helper, has_ports, "protocol")
    end
    return port_parts(session, helper, options)
  elseif protocol ~= nil then
    return protocol_parts(session, helper, options)
  elseif options.source_ports ~= nil then
    session.fail(helper, "source_ports", 'of which protocol? add protocol = "udp" or a port')
  elseif options.from == nil and options.to == nil and options.on == nil and options.out == nil
      and options.state == nil then
    session.fail(helper, nil, 'nothing says what is meant: give a service, ports or addresses, or protocol = "all"')
  end
  return everything
end

local function interface_options(session, helper, direction, options, rule)
  local on, out = options.on, options.out
  if direction == "outbound" then
    if on ~= nil and out ~= nil then
      session.fail(helper, "out", "the same as on= here: give one of them")
    end
    local path = on ~= nil and "on" or "out"
    rule.outs = interfaces.read(session, helper, path, options[path])
    rule.names = { outs = path }
    return
  end
  if on ~= nil then
    rule.ins = interfaces.read(session, helper, "on", on)
  end
  if out ~= nil then
    rule.outs = interfaces.read(session, helper, "out", out)
  end
end

-- Make the rules of one call. `parts` is given for a service's own helper.
local function run(session, helper, action, direction, options, parts)
  local from, to, state, stage = options.from, options.to, options.state, options.stage
  parts = parts or parts_of(session, helper, options)
  local rule = {
    table = "filter",
    chain = directions[direction].chain,
    rank = rank_allow,
    helper = helper,
    families = 3,
    source = from ~= nil and read_addresses(session, helper, "from", from),
    destination = to ~= nil and read_addresses(session, helper, "to", to),
    ins = false,
    outs = false,
    parts = parts,
    state = action.state,
    comment = options.comment,
    target = action.target,
    target_tcp = action.target_tcp,
  }
  if stage then
    rule.rank = stages.of(stage)
  end
  if state ~= nil then
    rule.state = states.read(session, helper, "state", state)
  end
  if options.on ~= nil or options.out ~= nil then
    interface_options(session, helper, direction, options, rule)
  end
  emit(session, rule)
end

-- The core takes over where an options table is as plain as in a long loop.
local function with_shortcut(session, helper, action, direction, verb, part)
  local target = part and part.tcp and action.target_tcp or action.target
  return session.core.common_verb(verb, helper, directions[direction].chain, rank_allow, action.state, target,
    action.target_tcp, part and part.args, part and part.comment)
end

local function new_verb(session, action_name, direction)
  local helper = action_name .. "_" .. direction
  local action, options_schema = actions[action_name], schemas[direction]
  return with_shortcut(session, helper, action, direction, function(...)
    run(session, helper, action, direction, take(session, helper, options_schema, ...))
  end)
end

--- The helper of one service, made when a policy first names it.
-- @param session the evaluation under way
-- @param action_name "allow", "drop" or "reject"
-- @param direction "inbound", "outbound" or "forward"
-- @param service name of a service that exists
-- @return a function of options
function M.for_service(session, action_name, direction, service)
  local helper = action_name .. "_" .. direction .. "_" .. service
  local action, options_schema = actions[action_name], service_schemas[direction]
  local function verb(...)
    local options = take(session, helper, options_schema, ...)
    run(session, helper, action, direction, options, service_parts(session, helper, nil, service, options))
  end
  local parts = service_parts(session, helper, nil, service, {})
  if #parts == 1 and parts[1].families == 3 then
    return with_shortcut(session, helper, action, direction, verb, parts[1])
  end
  return verb
end

--- Offer the nine verbs to policies.
-- @param language table of names
-- @param session the evaluation under way
-- @usage allow_inbound { tcp = 8443, from = office, comment = "mineos webui" }
-- @usage reject_forward { "smtp", on = "guests0" }
function M.install(language, session)
  for action in next, actions do
    for direction in next, directions do
      language[action .. "_" .. direction] = new_verb(session, action, direction)
    end
  end
end

return M
