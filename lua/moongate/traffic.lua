-- SPDX-License-Identifier: GPL-2.0-or-later
--- Which packets a call means, apart from addresses and interfaces: services,
-- ports and protocols as an options table says them, as parts of rules.
--
-- A part is { args, families, tcp, comment }, see moongate.rules.
local exceptions = require "moongate.exceptions"
local lists = require "moongate.lists"
local ports = require "moongate.ports"
local protocols = require "moongate.protocols"
local rules = require "moongate.rules"
local schema = require "moongate.schema"

local M = {}

local type, math_type = type, math.type

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
  session.has_conntrack_helpers = session.has_conntrack_helpers or entry.helper ~= nil
  for _, part in ipairs(parts) do
    part.families, part.comment, part.conntrack_helper = families, entry.text or name, entry.helper
  end
  return parts
end

--- The parts of a service or of several.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param path path of the value
-- @param value a service's name or a list of them
-- @param options the call's options: `source_ports` narrows the service
-- @return a sequence of parts; shared, not to be changed
-- @raise if there is no such service
function M.of_service(session, helper, path, value, options)
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

--- The parts that an options table asks for.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param options checked: `service` (or the first value), `tcp`, `udp`, `sctp`,
--   `protocol`, `source_ports`
-- @return a sequence of parts, shared and not to be changed; and true if the
--   options say nothing of the kind, so that it is one part which matches all
-- @raise if a value is wrong, or two options say what is meant
function M.parts(session, helper, options)
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
    return M.of_service(session, helper, options.service ~= nil and "service" or "[1]", service, options)
  elseif has_ports then
    if protocol ~= nil then
      fail_two(session, helper, has_ports, "protocol")
    end
    return port_parts(session, helper, options)
  elseif protocol ~= nil then
    return protocol_parts(session, helper, options)
  elseif options.source_ports ~= nil then
    session.fail(helper, "source_ports", 'of which protocol? add protocol = "udp" or a port')
  end
  return everything, true
end

return M
