-- SPDX-License-Identifier: GPL-2.0-or-later
--- The calls of the language that may have made some rules: the likeliest first.
-- Whether one did is for moongate.import_trial to say.
local kernel_sets = require "moongate.kernel_sets"
local order = require "moongate.order"
local services = require "moongate.services"
local text = require "moongate.import_text"

local M = {}

local directions = { INPUT = "inbound", OUTPUT = "outbound", FORWARD = "forward" }

-- The port of a service that has just one.
local function first_port(value)
  local port = type(value) == "table" and value[1] or value
  return port and (tostring(port):gsub("-", ":"))
end

-- The ports of a service as a rule holds them.
local function all_ports(value)
  local texts = {}
  for i, port in ipairs(type(value) == "table" and value or { value }) do
    texts[i] = first_port(port)
  end
  return table.concat(texts, ",")
end

local function count(value)
  return type(value) == "table" and #value or value and 1 or 0
end

-- "tcp 22", "tcp 80,443" -> the services that write it first, those with most ports before
-- others; and "tcp 22" -> the one service that is just that, if it is one.
local by_port, named = {}, {}

local function add(key, name)
  by_port[key] = by_port[key] or {}
  table.insert(by_port[key], name)
end

for _, name in ipairs(order.keys(services)) do
  local service = services[name]
  if not service.helper then -- it would bring rules of its own in table raw
    local is_known = false -- by what it writes first
    for _, protocol in ipairs { "tcp", "udp", "sctp" } do
      local value = service[protocol]
      if value then
        if not is_known then
          add(protocol .. " " .. all_ports(value), name)
          is_known = true
        end
        if count(value) == 1 then
          local key = protocol .. " " .. first_port(value)
          named[key] = named[key] == nil and name or false
        end
      end
    end
    if not is_known and service.protocols then
      add(service.protocols[1] .. " ", name)
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

-- A list that would become a set of the kernel, and is one of rules.
local function is_long(addresses)
  local counts = { 0, 0 }
  for _, value in ipairs(addresses) do
    local family = value:find(":", 1, true) and 2 or 1
    counts[family] = counts[family] + 1
  end
  return kernel_sets.becomes_set(nil, math.max(counts[1], counts[2]))
end

-- from= and to=: the addresses of all rules that the call is to make.
local function add_addresses(options, rule, field, key, addresses)
  if addresses and #addresses > 0 then
    local shown = {}
    for i, value in ipairs(addresses) do
      shown[i] = text.address(value)
    end
    local source = text.list(shown)
    if is_long(addresses) then
      source = "addresses " .. source:gsub("^{", '{ as = "rules",', 1)
    end
    options[#options + 1] = { key, negatable(rule, field, source) }
  end
end

local default_state = { allow = "NEW" }
local translates = { masquerade = true, snat = true }

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
  if rule.to_source then
    options[#options + 1] = { "to_source", text.quoted(rule.to_source) }
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
  local names = by_port[(rule.protocol or "") .. " " .. (rule.to_ports or "")] or {}
  for _, name in ipairs(names) do
    local service = services[name]
    local clear = #names == 1 or rule.comment == (service.text or name)
      or size(name) > 1
    if clear and (service.source_ports == nil) == (rule.from_ports == nil) then
      local own = extended({}, options)
      if rule.comment ~= (service.text or name) then
        own[#own + 1] = { "comment", rule.comment and text.quoted(rule.comment) or "false" }
      end
      out[#out + 1] = { name = verb .. "_" .. name, options = own, count = size(name),
        like = not service.family and not service.source_ports and verb .. " of a service" or nil }
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
  return { name = verb, options = own, count = 1, like = verb }
end

local function kind_of_ports(value)
  return not value and "-" or value:find("[,:]") and "list" or "one"
end

--- What a call and the rule that it makes have in common with others that hold
-- other addresses, ports and comments: where one makes its rule, so do they.
-- @param call one of `candidates`
-- @param rule the rule, see moongate.import_rule
-- @return a text, or nil for a call that tells nothing about others
function M.pattern(call, rule)
  if call.count ~= 1 or not call.like then
    return nil
  end
  local negated = {}
  for _, field in ipairs { "source", "destination", "ins", "outs", "to_ports", "from_ports" } do
    negated[#negated + 1] = rule.negated[field] and "!" or rule[field] and "+" or "-"
  end
  return table.concat({ call.like, rule.protocol or "", rule.state or "", rule.reject or "",
    kind_of_ports(rule.to_ports), kind_of_ports(rule.from_ports), rule.comment and "c" or "",
    table.concat(negated) }, " ")
end

local clamp = "^(.-)%-p tcp %-m tcp %-%-tcp%-flags SYN,RST SYN %-j TCPMSS %-%-clamp%-mss%-to%-pmtu$"

--- Calls of helpers that are for one kind of rule.
-- @param table_name its table
-- @param chain its chain
-- @param rule_text the rule
-- @param families those that the call is for
-- @return a sequence of Lua sources
function M.special(table_name, chain, rule_text, families)
  local sides = table_name == "mangle" and chain == "FORWARD" and rule_text:match(clamp)
  local interface = sides and sides:match("^%-o (%S+) $")
  if not sides or sides ~= "" and not interface then
    return {}
  end
  local options = interface and { { "out", text.quoted(interface) } } or {}
  local one = families ~= 3 and { { "family", families == 1 and '"ipv4"' or '"ipv6"' } } or {}
  return { text.call("clamp_mss", options), text.call("clamp_mss", extended(one, options)) }
end

-- Ports that a service has, or that have a name: "tcp" -> port, or several as a rule holds them.
local special_ports = {}
for _, known in ipairs { by_port, named } do
  for key in next, known do
    local protocol, port = key:match("^(%S+) (%S+)$")
    if protocol then
      special_ports[protocol] = special_ports[protocol] or {}
      special_ports[protocol][port] = true
    end
  end
end

-- What a service is recognised by beside its port.
local service_comments = {}
for name, service in next, services do
  service_comments[service.text or name] = true
end

--- Ports to which there is more than their numbers: a service, or a name.
-- @param protocol of a rule
-- @return a set of ports, and of several as a rule holds them; not to be changed
function M.special_ports(protocol)
  return special_ports[protocol] or {}
end

--- Is a comment what a service would write?
-- @param comment a text
-- @return true or nil
function M.is_special_comment(comment)
  return service_comments[comment]
end

--- Ports as a policy lists them.
-- @param rule the rule, see moongate.import_rule
-- @param field "to_ports" or "from_ports"
-- @return Lua source
function M.ports(rule, field)
  return ports(rule, field, rule.protocol)
end

--- Calls that may have made rules in a built-in chain.
-- @param rule the first of them, see moongate.import_rule
-- @param chain its chain: of filter, or POSTROUTING of nat
-- @param sources the sources that they are for, an empty list for any
-- @param destinations likewise
-- @return a sequence of { name =, options = a sequence of { key, Lua source }, count = how many rules it makes for
--   each address, like = what it has in common with the helpers of other services, or nil }
function M.candidates(rule, chain, sources, destinations)
  local out = {}
  if translates[rule.action] then
    if chain == "POSTROUTING" and not rule.state then
      out[1] = generic_call(rule, rule.action, common(rule, chain, sources, destinations))
      out[2] = generic_call(rule, rule.action, extended(common(rule, chain, sources, destinations),
        { { "family", '"both"' } }))
    end
    return out
  elseif not directions[chain] then
    return out
  end
  local verb = rule.action .. "_" .. directions[chain]
  local options = common(rule, chain, sources, destinations)
  service_calls(out, rule, verb, options)
  out[#out + 1] = generic_call(rule, verb, options)
  return out
end

return M
