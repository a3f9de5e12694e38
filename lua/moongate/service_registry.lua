-- SPDX-License-Identifier: GPL-2.0-or-later
--- The services of one evaluation: the catalogue, and what `service()` added.
local catalogue = require "moongate.services"
local lists = require "moongate.lists"
local nearest = require "moongate.nearest"
local order = require "moongate.order"
local ports = require "moongate.ports"
local protocols = require "moongate.protocols"
local schema = require "moongate.schema"

local M = {}
M.__index = M

local type = type
local port_protocols = { "tcp", "udp", "sctp" }

local definition = schema.helper("service", {
  tcp = "ports",
  udp = "ports",
  sctp = "ports",
  source_ports = "ports",
  protocols = "protocol",
  family = "family",
  helper = "string",
  comment = "comment",
}, { call = 'service("minecraft", %s)', shown_as = 'service("minecraft")', example = { tcp = 25565 } })

--- The services that a new evaluation starts with.
-- @param session the evaluation
-- @return a registry
function M.new(session)
  return setmetatable({ session = session, added = {}, cache = {} }, M)
end

--- A service by name.
-- @param name the name
-- @return its entry, or nil
function M:get(name)
  return self.added[name] or catalogue[name]
end

--- All names, sorted.
-- @return a sequence
function M:names()
  local names = order.keys(catalogue)
  for _, name in ipairs(order.keys(self.added)) do
    if not catalogue[name] then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

--- A service that must exist.
-- @param helper name for errors
-- @param path path of the name
-- @param name the name; `-` is taken for `_`
-- @return its entry and its name
-- @raise if there is none
function M:find(helper, path, name)
  local exact = name:gsub("-", "_")
  local entry = self:get(exact)
  if not entry then
    self.session.fail(helper, path, ("unknown service %s%s"):format(lists.shown(name),
      nearest.suggestion(exact, self:names())))
  end
  return entry, exact
end

-- Work the parts out; shared by all rules of the service.
local function build_parts(session, helper, name, entry)
  local parts = {}
  session.has_conntrack_helpers = session.has_conntrack_helpers or entry.helper ~= nil
  local families = schema.families[entry.family or "both"]
  local comment = entry.text or name
  local source = entry.source_ports
  for _, protocol in ipairs(port_protocols) do
    if entry[protocol] then
      local to = ports.read(session, helper, protocol, entry[protocol], protocol)
      local from = source and ports.read(session, helper, "source_ports", source, protocol)
      for _, args in ipairs(ports.arguments(protocol, from, to)) do
        parts[#parts + 1] = {
          args = args, families = families, tcp = protocol == "tcp", comment = comment, conntrack_helper = entry.helper,
        }
      end
    end
  end
  lists.each(session, helper, "protocols", entry.protocols or {}, function(leaf, path)
    if type(leaf) == "table" then
      return
    end
    local found, wrong = protocols.parts(leaf)
    if not found then
      session.fail(helper, path, wrong)
    end
    for _, part in ipairs(found) do
      part.families, part.comment = families & part.families, comment
      parts[#parts + 1] = part
    end
  end)
  return parts
end

--- The ways to match a service's packets.
-- @param helper name for errors
-- @param path path of the name
-- @param name the service's name
-- @return a sequence of parts, as in moongate.rules; shared, not to be changed
-- @raise if there is no such service
function M:parts(helper, path, name)
  local parts = self.cache[name]
  if not parts then
    local entry, exact = self:find(helper, path, name)
    parts = self.cache[exact] or build_parts(self.session, helper, exact, entry)
    self.cache[exact], self.cache[name] = parts, parts
  end
  return parts
end

local function copy(value)
  if type(value) ~= "table" then
    return value
  end
  local out = {}
  for key, item in next, value do
    out[key] = copy(item)
  end
  return out
end

-- One text for what a definition says; loaded with the first one.
local function fingerprint(definition_parts)
  return require("moongate.names").fingerprint(definition_parts)
end

-- A definition in the form of a catalogue entry.
local function entry_of(options)
  local entry = copy(options)
  entry.text, entry.comment = entry.comment, nil
  return entry
end

local function check_name(session, name)
  if type(name) ~= "string" or not name:find("^[%a][%w_]*$") then
    session.fail("service", nil, ("%s is no service name: letters, digits and _ only, so that allow_inbound_NAME works")
      :format(lists.shown(name)))
  end
end

--- Add a service; saying the same twice is fine.
-- @param name its name
-- @param options as in `definition`
-- @raise if it clashes with another definition, or says nothing
function M:add(name, options)
  local session = self.session
  check_name(session, name)
  local helper = ("service(%q)"):format(name)
  if type(options) ~= "table" then
    session.fail(helper, nil, 'takes a name and a table: service("minecraft", { tcp = 25565 })')
  end
  schema.check(session, helper, definition, options)
  local entry = entry_of(options)
  local wrong = entry.helper and require("moongate.conntrack_helpers").mistake(entry)
  if wrong then
    session.fail(helper, "helper", wrong)
  end
  local print_of = fingerprint { entry.tcp, entry.udp or false, entry.sctp or false, entry.source_ports or false,
    entry.protocols or false, entry.family or "both", entry.helper or false }
  local known = self:get(name)
  if known then
    local same = print_of == fingerprint { known.tcp, known.udp or false, known.sctp or false,
      known.source_ports or false, known.protocols or false, known.family or "both", known.helper or false }
      and (known.text == entry.text or not known.place and entry.text == nil)
    if not same then
      session.fail(helper, nil, "is already defined otherwise " .. (known.place and "at " .. known.place
        or "in the catalogue; give yours another name"))
    end
    return
  end
  local parts = build_parts(session, helper, name, entry)
  if #parts == 0 then
    session.fail(helper, nil, "says no port and no protocol")
  end
  entry.place = session.core.place() .. session.core.uses()
  self.added[name], self.cache[name] = entry, parts
end

--- Offer `service` to policies.
-- @param language table of names
-- @param session the evaluation under way
function M.install(language, session)
  language.service = function(name, options)
    session.services:add(name, options)
  end
end

return M
