-- SPDX-License-Identifier: GPL-2.0-or-later
--- The generic verbs: allow, drop and reject, each inbound, outbound and
-- forward; and the same for one service each, `allow_inbound_ssh`.
local addresses = require "moongate.addresses"
local interfaces = require "moongate.interfaces"
local rules = require "moongate.rules"
local schema = require "moongate.schema"
local stages = require "moongate.stages"
local states = require "moongate.states"
local traffic = require "moongate.traffic"

local M = {}

local next = next
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
  log = "log",
  limit = "limit",
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

-- What an options table may hold, by direction; a packet that comes in leaves
-- by no interface.
local schemas = {
  inbound = schema.new(without(generic, "out"), "service"),
  outbound = schema.new(generic, "service"),
  forward = schema.new(generic, "service"),
}
for action in next, actions do
  for direction, options in next, schemas do
    options.example = { tcp = 8443 }
    schema.register(action .. "_" .. direction, options)
  end
end

local of_service = without(generic, "service", "tcp", "udp", "sctp", "protocol")
local service_schemas = {
  inbound = schema.new(without(of_service, "out")),
  outbound = schema.new(of_service),
  forward = schema.new(of_service),
}

-- Options that there cannot be, and why.
local no_way_out = ": what comes in leaves by no interface; `on` is where it comes in"
local one_family = ': its addresses say so: from = "0.0.0.0/0" for IPv4, from = "::/0" for IPv6'
for direction, options in next, schemas do
  options.instead = { out = direction == "inbound" and no_way_out or nil, family = one_family }
end
for direction, options in next, service_schemas do
  options.instead = { out = direction == "inbound" and no_way_out or nil, family = one_family }
  for _, name in ipairs { "tcp", "udp", "sctp", "port", "ports", "dport", "protocol", "proto", "service" } do
    options.instead[name] = (": the service says which packets are meant; for others there are allow_%s, drop_%s ...")
      :format(direction, direction)
  end
end

local function parts_of(session, helper, options)
  local parts, is_all = traffic.parts(session, helper, options)
  if is_all and options.from == nil and options.to == nil and options.on == nil and options.out == nil
      and options.state == nil then
    session.fail(helper, nil, 'nothing says what is meant: give a service, ports or addresses, or protocol = "all"')
  end
  return parts
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

-- Loaded with the first rule that has one.
local function read_ending(session, helper, action, options, rule)
  local ending = require("moongate.rule_endings").read(session, helper, options)
  rule.ending = ending
  if action == actions.drop and ending and ending.limit and not ending.limit.above then
    session.core.note("warning", ("%s: limit: what is within the limit is dropped, and what is over it goes on")
      :format(helper), 'to drop what is over it: limit = { above = "..." }, or limit_new_connections')
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
  if options.limit ~= nil or options.log ~= nil then
    read_ending(session, helper, action, options, rule)
  end
  if emit(session, rule) > 0 and session.has_conntrack_helpers and action == actions.allow then
    require("moongate.conntrack_helpers").assign(session, rule, direction)
  end
end

-- The core takes over where an options table is as plain as in a long loop.
local function with_shortcut(session, helper, action, direction, verb, part)
  local target = part and part.tcp and action.target_tcp or action.target
  return session.core.verb_shortcut(verb, helper, directions[direction].chain, rank_allow, action.state, target,
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
  local action, options_schema = actions[action_name], schema.register(helper, service_schemas[direction])
  local function verb(...)
    local options = take(session, helper, options_schema, ...)
    run(session, helper, action, direction, options, traffic.of_service(session, helper, nil, service, options))
  end
  local parts = traffic.of_service(session, helper, nil, service, {})
  if #parts == 1 and parts[1].families == 3 and not (parts[1].conntrack_helper and action.state) then
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
