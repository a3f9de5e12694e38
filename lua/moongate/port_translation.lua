-- SPDX-License-Identifier: GPL-2.0-or-later
--- What `forward_port` and `redirect_port` share: the rule in `nat` that
-- translates, and the accept in `filter` that goes with it.
--
-- The accept asks conntrack for two things at once, in two matches since a list
-- of states means any of them: the connection is NEW, and it was translated
-- from the outer port. Without that the inner port would be open to whoever can
-- reach it directly.
--
-- Only packets to this host's own addresses are translated unless `address=`
-- names others: on a router the outer port is also a port of every host behind
-- it.
--
-- A mapping that `stays` leads to the same port of this host. A packet that was
-- meant for it already is not changed, so conntrack does not call it translated.
--
-- A request is { helper, comment, families, mappings, originals, source, ins,
-- ending, from_host }: mappings as in moongate.port_map; originals are the
-- destinations that a packet may have had: { families, set, text = for
-- --ctorigdst, is_local }. A case is one mapping and one original with the
-- families that they leave: { mapping, original, families }.
local address_lists = require "moongate.address_lists"
local addresses = require "moongate.addresses"
local interfaces = require "moongate.interfaces"
local lists = require "moongate.lists"
local port_map = require "moongate.port_map"
local rules = require "moongate.rules"
local schema = require "moongate.schema"
local stages = require "moongate.stages"

local M = {}

local merged = lists.merged
local rank = stages.rank
local any_destination = { families = 3 }
local own_addresses = { families = 3, is_local = true }

local options = {
  service = "services",
  tcp = "ports",
  udp = "ports",
  sctp = "ports",
  to_port = "ports",
  from = "addresses",
  on = "interfaces",
  address = "addresses",
  from_host = "boolean",
  log = "log",
  limit = "limit",
  family = "family",
  comment = "comment",
}

--- Declare the options of a helper that translates ports.
-- @param helper its name
-- @param more the options that it alone has
-- @param details as for schema.helper
-- @return a schema
function M.schema(helper, more, details)
  return schema.helper(helper, merged(options, more), merged(details, { positional = "service" }))
end

-- The addresses that `address=` lists, one each.
local function read_originals(session, helper, value)
  local set = address_lists.known(session, helper, "address", addresses.read_plain(session, helper, "address", value))
  local out = {}
  local function add(family, text)
    out[#out + 1] = {
      families = family,
      text = text and text:gsub(family == 1 and "/32$" or "/128$", ""),
      set = text and addresses.read(session, helper, "address", text),
    }
  end
  if set.only then
    add(set.only, set[1])
    return out
  elseif not set.positive or addresses.has_exceptions(set) then
    session.fail(helper, "address", "takes no exceptions: name the addresses that lead elsewhere")
  end
  for family = 1, 2 do
    for _, text in ipairs(set.inc[family]) do
      add(family, text)
    end
  end
  return out
end

--- Read what both helpers ask for.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param given the checked options
-- @param anywhere whether a packet's destination matters not, without `address=`
-- @return a request; or nil if a list was empty, which has been said
-- @raise if a value is wrong
function M.read(session, helper, given, anywhere)
  local request = {
    helper = helper,
    comment = given.comment,
    families = schema.families[given.family or "both"],
    mappings = port_map.read(session, helper, given),
    originals = given.address ~= nil and read_originals(session, helper, given.address)
      or { anywhere and any_destination or own_addresses },
    source = given.from ~= nil and addresses.read(session, helper, "from", given.from),
    ins = given.on ~= nil and interfaces.read(session, helper, "on", given.on),
    from_host = given.from_host,
    ending = (given.log ~= nil or given.limit ~= nil)
      and require("moongate.rule_endings").read(session, helper, given) or nil,
  }
  if #request.originals == 0 then
    rules.note_empty(session, helper, "address")
  elseif not rules.is_nothing(session, request) and #request.mappings > 0 then
    return request
  end
end

-- Join lists of arguments.
local function join(...)
  local out = {}
  for _, list in ipairs { ... } do
    table.move(list, 1, #list, #out + 1, out)
  end
  return out
end

local function to_port(protocol, text)
  return { "-p", protocol, "-m", protocol, "--dport", text }
end

-- Protocol and ports of a packet before, and of one after the translation.
local function outer(mapping)
  return to_port(mapping.protocol, port_map.text(mapping.low, mapping.high, ":"))
end

local function inner(mapping, original)
  local args = { "-m", "conntrack" }
  if not mapping.stays then
    args[3], args[4] = "--ctstate", "DNAT"
  end
  if original.text then
    table.move({ "--ctorigdst", original.text }, 1, 2, #args + 1, args)
  end
  return join(to_port(mapping.protocol, port_map.text(mapping.to_low or mapping.low, mapping.to_high or mapping.high,
    ":")), args, { "--ctorigdstport", port_map.text(mapping.low, mapping.high, ":") })
end

-- A request for moongate.rules; its parts have comments of their own.
local function emit(session, request, families, parts, more)
  rules.emit(session, merged({
    rank = rank.script, helper = request.helper, families = families, comment = request.comment,
    source = false, destination = false, ins = false, outs = false, parts = parts,
  }, more))
end

-- Second connections of a service are translated, too, if its helper reads along.
local function assign_helper(session, request, mapping, families, args, more)
  local helpers = require "moongate.conntrack_helpers"
  local direction = more.chain == "OUTPUT" and "outbound" or "forward"
  local here = families & helpers.families(mapping.conntrack_helper, mapping.protocol, direction)
  if here ~= 0 then
    emit(session, request, here, { { args = args, families = 3, comment = mapping.comment } }, merged(more, {
      table = "raw", target = helpers.target(mapping.conntrack_helper, mapping.protocol),
    }))
  end
end

--- Append the rule of `nat` that translates, and what belongs before it in `raw`.
-- @param session the evaluation under way
-- @param request see above
-- @param case one of its cases
-- @param families where it goes
-- @param target the jump, as arguments
-- @param more what else there is to say: chain, source, destination, ins
function M.translate(session, request, case, families, target, more)
  local mapping, original = case.mapping, case.original
  local args = outer(mapping)
  if original.is_local then
    args = join(args, { "-m", "addrtype", "--dst-type", "LOCAL" })
  end
  local all = merged(more, { destination = original.set or more.destination })
  if mapping.conntrack_helper then
    assign_helper(session, request, mapping, families, args, all)
  end
  emit(session, request, families, { { args = args, families = 3, comment = mapping.comment } },
    merged(all, { table = "nat", target = target }))
end

-- What is translated already, as parts of rules.
local function inner_parts(cases)
  local parts = {}
  for i, case in ipairs(cases) do
    parts[i] = {
      args = inner(case.mapping, case.original), families = case.families, comment = case.mapping.comment,
    }
  end
  return parts
end

--- Append the accepts of what was translated. One limit holds for all of them.
-- @param session the evaluation under way
-- @param request see above
-- @param cases its cases
-- @param families where they go
-- @param more what else there is to say: chain, source, destination, ins
function M.accept(session, request, cases, families, more)
  emit(session, request, families, inner_parts(cases), merged(more, {
    table = "filter", rank = rank.allow, state = "NEW", target = { "-j", "ACCEPT" }, ending = request.ending,
  }))
end

--- Append the masquerade of what was translated, so that answers come back.
-- @param session the evaluation under way
-- @param request see above
-- @param cases its cases
-- @param families where it goes
-- @param more what else there is to say: source, destination
function M.masquerade(session, request, cases, families, more)
  emit(session, request, families, inner_parts(cases), merged(more, {
    table = "nat", chain = "POSTROUTING", target = { "-j", "MASQUERADE" },
  }))
end

--- The families in which packets can come from an end.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param source addresses, or false
-- @param ins interfaces, or false
-- @param name the option that says so
-- @return 0 to 3
function M.families(session, helper, source, ins, name)
  return (rules.families(session, {
    table = "nat", chain = "PREROUTING", helper = helper, source = source, ins = ins, names = { source = name },
  }))
end

-- The families of a whole request; an error that names who disagrees.
local function agreed(session, request, more)
  local service, original = 0, 0
  for _, mapping in ipairs(request.mappings) do
    service = service | mapping.families
  end
  for _, item in ipairs(request.originals) do
    original = original | item.families
  end
  return rules.agree(session, request.helper, {
    { "family=", request.families }, { "the service", service },
    { request.source and "from" or "on",
      M.families(session, request.helper, request.source, request.ins, "from") },
    { "address", original }, more,
  })
end

--- The cases of a request.
-- @param session the evaluation under way
-- @param request see above
-- @param more a side with families of its own: { option's name, families }, or nil
-- @return a sequence of cases
-- @raise if no family is left
function M.cases(session, request, more)
  local families, out = agreed(session, request, more), {}
  for _, mapping in ipairs(request.mappings) do
    for _, original in ipairs(request.originals) do
      local here = families & mapping.families & original.families
      if here ~= 0 then
        out[#out + 1] = { mapping = mapping, original = original, families = here }
      end
    end
  end
  return out
end

--- The cases of one family.
-- @param cases a sequence of cases
-- @param family 1 or 2
-- @return a sequence
function M.of_family(cases, family)
  local out = {}
  for _, case in ipairs(cases) do
    if case.families & family ~= 0 then
      out[#out + 1] = merged(case, { families = family })
    end
  end
  return out
end

return M
