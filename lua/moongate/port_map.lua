-- SPDX-License-Identifier: GPL-2.0-or-later
--- Which port becomes which: outer ports, as a connection asks for them, and
-- the inner ports that they are translated to.
--
-- A mapping is { protocol, families, low, high, to_low, to_high, comment,
-- conntrack_helper }; without `to_low` the port stays as it is. A range goes to one port or, one to one,
-- to a range of the same size.
local exceptions = require "moongate.exceptions"
local lists = require "moongate.lists"
local ports = require "moongate.ports"
local rules = require "moongate.rules"
local schema = require "moongate.schema"

local M = {}

local tointeger = math.tointeger
local protocols = { "tcp", "udp", "sctp" }

-- Ports as a list of { low, high }, in the writer's order.
local function read_list(session, helper, path, value, protocol)
  local out = {}
  if exceptions.is(value) then
    session.fail(helper, path, "except is not for ports here: name the ports")
  end
  ports.add(session, helper, path, value, protocol, function(text)
    local low, high = text:match("^(%d+):?(%d*)$")
    low, high = tointeger(low), tointeger(high)
    out[#out + 1] = { low, high or low }
  end)
  return out
end

--- The text of one side of a mapping.
-- @param low its first port
-- @param high its last port
-- @param between what stands between them: ":" in a match, "-" in a target
-- @return the text
function M.text(low, high, between)
  return low == high and ("%d"):format(low) or ("%d%s%d"):format(low, between, high)
end

local function size(range)
  return range[2] - range[1] + 1
end

-- Pair outer ports with inner ones.
local function pair(session, helper, path, outer, inner)
  if inner and #inner ~= #outer and (#inner ~= 1 or size(inner[1]) ~= 1) then
    session.fail(helper, "to_port", ("has %d where %s has %d: give one port for all, or one for each")
      :format(#inner, path, #outer))
  end
  local out = {}
  for i, range in ipairs(outer) do
    local to = inner and (#inner == #outer and inner[i] or inner[1])
    if to and size(to) ~= 1 and size(to) ~= size(range) then
      session.fail(helper, "to_port", ("%s is %d ports, but %s in %s is %d: a range goes to one port, or one to one")
        :format(M.text(to[1], to[2], "-"), size(to), M.text(range[1], range[2], "-"), path, size(range)))
    end
    out[i] = { low = range[1], high = range[2], to_low = to and to[1], to_high = to and to[2] }
  end
  return out
end

local function add(session, helper, path, protocol, options, value, about, out)
  local outer = read_list(session, helper, path, value, protocol)
  if #outer == 0 then
    rules.note_empty(session, helper, path)
    return
  end
  local inner = options.to_port
  if inner ~= nil then
    inner = read_list(session, helper, "to_port", inner, protocol)
    if #inner == 0 then
      session.fail(helper, "to_port", "an empty list is no port")
    end
  end
  for _, mapping in ipairs(pair(session, helper, path, outer, inner)) do
    mapping.protocol, mapping.comment, mapping.families = protocol, about.text, about.families
    mapping.conntrack_helper = about.helper
    out[#out + 1] = mapping
  end
end

-- The services that are named, in the writer's order.
local function each_service(session, helper, options, visit)
  local path = options.service ~= nil and "service" or "[1]"
  lists.each(session, helper, path, options.service or options[1], function(leaf, at)
    if type(leaf) == "string" then
      local entry, name = session.services:find(helper, at, leaf)
      if entry.source_ports or entry.protocols then
        session.fail(helper, at, ("service `%s` is more than ports that could be translated"):format(name))
      end
      visit(entry, name)
    elseif type(leaf) ~= "table" or exceptions.is(leaf) then
      session.fail(helper, at, ("a service name is needed, not %s"):format(lists.shown(leaf)))
    end
  end)
end

local function read_services(session, helper, options, out)
  local count = 0
  each_service(session, helper, options, function(entry, name)
    local about = {
      text = entry.text or name, families = schema.families[entry.family or "both"], helper = entry.helper,
    }
    count = count + 1
    for _, protocol in ipairs(protocols) do
      if entry[protocol] then
        add(session, helper, name, protocol, options, entry[protocol], about, out)
      end
    end
  end)
  if count == 0 then
    rules.note_empty(session, helper, "service")
  end
end

local any_service = { families = 3 }

--- Read which ports become which.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param options `tcp`, `udp`, `sctp`, `service` or a first value; `to_port`
-- @return a sequence of mappings, empty if a list was
-- @raise if nothing says which ports, two things do, or they do not go together
function M.read(session, helper, options)
  local out, said = {}, options.service ~= nil or options[1] ~= nil
  if options.service ~= nil and options[1] ~= nil then
    session.fail(helper, "service", "the first value already says which ports are meant; make two calls")
  elseif said then
    read_services(session, helper, options, out)
  end
  for _, protocol in ipairs(protocols) do
    if options[protocol] ~= nil then
      if options.service ~= nil or options[1] ~= nil then
        session.fail(helper, protocol, "the service already says which ports are meant; make two calls")
      end
      add(session, helper, protocol, protocol, options, options[protocol], any_service, out)
      said = true
    end
  end
  if not said then
    session.fail(helper, nil, "nothing says which port: give tcp=, udp=, sctp= or a service")
  end
  return out
end

return M
