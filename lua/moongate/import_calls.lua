-- SPDX-License-Identifier: GPL-2.0-or-later
--- The calls of the language that may have made some rules: the likeliest first.
-- Whether one did is for moongate.import_trial to say.
local order = require "moongate.order"
local services = require "moongate.services"
local text = require "moongate.import_text"

local M = {}

local directions = { INPUT = "inbound", OUTPUT = "outbound", FORWARD = "forward" }

local function first_port(value)
  local port = type(value) == "table" and value[1] or value
  return port and (tostring(port):gsub("-", ":"))
end

local function count(value)
  return type(value) == "table" and #value or value and 1 or 0
end

-- "tcp 22" -> the services that begin with it, those with most ports first;
-- and "tcp 22" -> the one service that is just that, if it is one.
local by_port, named = {}, {}

local function add(key, name)
  by_port[key] = by_port[key] or {}
  table.insert(by_port[key], name)
end

for _, name in ipairs(order.keys(services)) do
  local service = services[name]
  if not service.helper then -- it would bring rules of its own in table raw
    for _, protocol in ipairs { "tcp", "udp", "sctp" } do
      local value = service[protocol]
      if value then
        add(protocol .. " " .. (count(value) == 1 and first_port(value) or "list"), name)
        if count(value) == 1 then
          local key = protocol .. " " .. first_port(value)
          named[key] = named[key] == nil and name or false
        end
      end
    end
    for _, protocol in ipairs(service.protocols or {}) do
      add(protocol .. " ", name)
    end
  end
end

local function size(name)
  local service = services[name]
  return count(service.tcp) + count(service.udp) + count(service.sctp) + count(service.protocols)
end

for _, names in next, by_port do
  table.sort(names, function(a, b)
    if size(a) ~= size(b) then
      return size(a) > size(b)
    end
    return a < b
  end)
end

-- "10.0.0.1/32" is a host.
local function address(value)
  return (value:gsub("^([%d.]+)/32$", "%1"):gsub("^([%x:]+)/128$", "%1"))
end

local function negatable(rule, field, source)
  return rule.negated[field] and ("except(%s)"):format(source) or source
end

-- "80,443,8000:8010" as a list: numbers, names and ranges.
local function ports(rule, field, protocol)
  local values = {}
  for port in rule[field]:gmatch("[^,]+") do
    local name = named[protocol .. " " .. port]
    values[#values + 1] = name or math.tointeger(port) or (port:gsub(":", "-"))
  end
  return negatable(rule, field, text.list(values))
end

-- from= and to=: the addresses of all rules that the call is to make.
local function add_addresses(options, rule, field, key, addresses)
  if addresses and #addresses > 0 then
    local shown = {}
    for i, value in ipairs(addresses) do
      shown[i] = address(value)
    end
    options[#options + 1] = { key, negatable(rule, field, text.list(shown)) }
  end
end

local default_state = { allow = "NEW" }

local function states(value)
  local values = {}
  for state in value:gmatch("[^,]+") do
    values[#values + 1] = state
  end
  return text.list(values)
end

-- What all calls for a rule have in common.
local function common(rule, chain, sources, destinations)
  local options = {}
  add_addresses(options, rule, "source", "from", sources)
  add_addresses(options, rule, "destination", "to", destinations)
  if rule.ins then
    options[#options + 1] = { "on", negatable(rule, "ins", text.quoted(rule.ins)) }
  end
  if rule.outs then
    options[#options + 1] = { chain == "OUTPUT" and "on" or "out", negatable(rule, "outs", text.quoted(rule.outs)) }
  end
  if rule.state ~= default_state[rule.action] then
    options[#options + 1] = { "state", rule.state and states(rule.state) or '"any"' }
  end
  return options
end

local function extended(first, second)
  return table.move(second, 1, #second, #first + 1, first)
end

-- Calls of services' own helpers.
local function service_calls(out, rule, verb, options)
  if rule.negated.from_ports or rule.negated.to_ports then
    return
  end
  local ports_text = rule.to_ports and not rule.to_ports:find(",", 1, true) and rule.to_ports
    or rule.to_ports and "list" or ""
  for _, name in ipairs(by_port[(rule.protocol or "") .. " " .. ports_text] or {}) do
    local service = services[name]
    local clear = #by_port[rule.protocol .. " " .. ports_text] == 1 or rule.comment == (service.text or name)
      or size(name) > 1
    if clear and (service.source_ports == nil) == (rule.from_ports == nil) then
      local own = extended({}, options)
      if rule.comment ~= (service.text or name) then
        own[#own + 1] = { "comment", rule.comment and text.quoted(rule.comment) or "false" }
      end
      out[#out + 1] = { text.call(verb .. "_" .. name, own), size(name) }
    end
  end
end

-- The generic verb.
local function generic_call(rule, verb, options)
  local own = {}
  if rule.to_ports then
    own[1] = { rule.protocol, ports(rule, "to_ports", rule.protocol) }
  elseif rule.protocol then
    own[1] = { "protocol", text.quoted(rule.protocol) }
  elseif #options == 0 then
    own[1] = { "protocol", '"all"' }
  end
  if rule.from_ports then
    own[#own + 1] = { "source_ports", ports(rule, "from_ports", rule.protocol) }
  end
  extended(own, options)
  if rule.comment then
    own[#own + 1] = { "comment", text.quoted(rule.comment) }
  end
  return { text.call(verb, own), 1 }
end

--- Calls that may have made rules in a built-in chain of filter.
-- @param rule the first of them, see moongate.import_rule
-- @param chain its chain
-- @param sources the sources that they are for, an empty list for any
-- @param destinations likewise
-- @return a sequence of { Lua source, how many rules it makes for each address }
function M.candidates(rule, chain, sources, destinations)
  local verb = rule.action .. "_" .. directions[chain]
  local options = common(rule, chain, sources, destinations)
  local out = {}
  service_calls(out, rule, verb, options)
  out[#out + 1] = generic_call(rule, verb, options)
  return out
end

return M
