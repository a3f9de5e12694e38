-- SPDX-License-Identifier: GPL-2.0-or-later
--- How many new connections may come: `limit_new_connections`.
--
-- A guard: it drops NEW connections over the limit and lets the others go on to
-- the services, so it opens nothing. `rate` counts how often connections begin,
-- `connections` how many there are at the same time.
local addresses = require "moongate.addresses"
local interfaces = require "moongate.interfaces"
local limits = require "moongate.limits"
local logging = require "moongate.logging"
local rule_endings = require "moongate.rule_endings"
local rules = require "moongate.rules"
local schema = require "moongate.schema"
local stages = require "moongate.stages"
local traffic = require "moongate.traffic"

local M = {}

local helper = "limit_new_connections"
local options_schema = schema.helper(helper, {
  rate = "rate", burst = "count", per = "per", ipv4_prefix = "count", ipv6_prefix = "count",
  connections = "count",
  service = "services", tcp = "ports", udp = "ports", sctp = "ports", protocol = "protocol", source_ports = "ports",
  from = "addresses", to = "addresses", on = "interfaces", out = "interfaces",
  forward = "boolean", reject = "boolean", log = "log", comment = "comment",
}, { positional = "service", example = { tcp = 22, rate = "10/minute" } })

local drop = { target = { "-j", "DROP" } }
local reject = { target = { "-j", "REJECT" }, target_tcp = { "-j", "REJECT", "--reject-with", "tcp-reset" } }

-- The limit on how often connections begin.
local function read_rate(session, options)
  return limits.read(session, helper, nil, {
    above = options.rate, burst = options.burst, per = options.per == nil and "source" or options.per,
    ipv4_prefix = options.ipv4_prefix, ipv6_prefix = options.ipv6_prefix,
  })
end

-- Options that mean nothing without the one that they belong to.
local function check_together(session, options)
  local fail = session.fail
  if options.rate == nil and options.connections == nil then
    fail(helper, nil, '`rate` is missing: a rate like "10/minute" is needed (or connections = 20)')
  elseif options.rate == nil and options.burst ~= nil then
    fail(helper, "burst", "belongs to a rate, but none is given")
  end
  if options.out ~= nil and not options.forward then
    fail(helper, "out", "a packet for this host leaves by no interface: it needs forward = true")
  end
end

-- Emit the rules of one limit in the chains that are meant.
local function emit(session, options, request, ending)
  local action = options.reject and reject or drop
  local chains = options.out ~= nil and { "FORWARD" } or options.forward and { "INPUT", "FORWARD" } or { "INPUT" }
  for _, chain in ipairs(chains) do
    rules.emit(session, {
      table = "filter", chain = chain, rank = stages.rank.guard_limit, helper = helper,
      source = request.source, destination = request.destination, ins = request.ins, outs = request.outs,
      parts = request.parts, state = "NEW", comment = options.comment,
      target = action.target, target_tcp = action.target_tcp, ending = ending,
    })
  end
end

--- Offer `limit_new_connections` to policies.
--
-- Options: `rate` ("10/minute") and `burst`; `per` ("source", the default,
-- "destination", or a list with ports); `ipv4_prefix`, `ipv6_prefix` (how much
-- of an address is one source: 32 and 64); `connections` (how many at the same
-- time); what is counted: `service`, `tcp`, `udp`, `sctp`, `protocol`,
-- `source_ports`, all together without them; `from`, `to`, `on`, `out`;
-- `forward` (also what this host forwards); `reject` (answer instead of
-- silence), `log`, `comment`. It stands after the other guards, in INPUT.
-- @param language table of names
-- @param session the evaluation under way
-- @usage limit_new_connections { "ssh", rate = "6/minute", burst = 10, from = except(office) }
-- @usage limit_new_connections { tcp = { 80, 443 }, connections = 50, log = true }
function M.install(language, session)
  language[helper] = function(...)
    local options = schema.take(session, helper, options_schema, ...)
    check_together(session, options)
    local request = {
      source = options.from ~= nil and addresses.read(session, helper, "from", options.from),
      destination = options.to ~= nil and addresses.read(session, helper, "to", options.to),
      ins = options.on ~= nil and interfaces.read(session, helper, "on", options.on),
      outs = options.out ~= nil and interfaces.read(session, helper, "out", options.out),
      parts = traffic.parts(session, helper, options),
    }
    local log = options.log ~= nil and logging.read(session, helper, "log", options.log) or nil
    local found = {}
    if options.rate ~= nil then
      found[1] = read_rate(session, options)
    end
    if options.connections ~= nil then
      found[#found + 1] = limits.read_connections(session, helper, options)
    end
    for _, limit in ipairs(found) do
      emit(session, options, request, rule_endings.new(limit, log))
    end
  end
end

return M
