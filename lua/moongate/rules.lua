-- SPDX-License-Identifier: GPL-2.0-or-later
--- From one request to the rules that it takes: every combination of source,
-- destination, interface and protocol, in each family in which it can match.
--
-- A request is { table, chain, rank, helper, families, source, destination,
-- ins, outs, parts, state, comment, target, target_tcp, ending }. `parts` are
-- ways to match protocol and ports: { args, families, tcp, comment }. `ending` is
-- what `limit=` and `log=` ask for, see moongate.rule_endings. Zones in it are
-- taken apart by moongate.places, which adds `returns`: what the rule is not
-- for, by family, as argument lists.
local addresses = require "moongate.addresses"
local interfaces = require "moongate.interfaces"
local lists = require "moongate.lists"
local sides = require "moongate.rule_sides"

local M = {}

local concat = table.concat
local address_side, interface_side, families_of = sides.address, sides.interface, sides.families

-- What few rules need is loaded with the first of them.
local function shared_chains()
  return require "moongate.shared_chains"
end

local function rule_endings()
  return require "moongate.rule_endings"
end

-- The arguments of one rule, in the order in which iptables-save prints them.
local function arguments(rule, part, target, source, no_source, destination, no_destination, i, no_i, o, no_o)
  -- Room for all at once: growing a table costs more than filling it.
  local args = { nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil }
  local n = 0
  if source then
    if no_source then
      n = n + 1
      args[n] = "!"
    end
    args[n + 1], args[n + 2] = "-s", source
    n = n + 2
  end
  if destination then
    if no_destination then
      n = n + 1
      args[n] = "!"
    end
    args[n + 1], args[n + 2] = "-d", destination
    n = n + 2
  end
  if i then
    if no_i then
      n = n + 1
      args[n] = "!"
    end
    args[n + 1], args[n + 2] = "-i", i
    n = n + 2
  end
  if o then
    if no_o then
      n = n + 1
      args[n] = "!"
    end
    args[n + 1], args[n + 2] = "-o", o
    n = n + 2
  end
  local match = part.args
  for k = 1, #match do
    args[n + k] = match[k]
  end
  n = n + #match
  local state = rule.state
  if state then
    args[n + 1], args[n + 2], args[n + 3], args[n + 4] = "-m", "conntrack", "--ctstate", state
    n = n + 4
  end
  local comment = rule.comment
  if comment == nil then
    comment = part.comment
  end
  if comment then
    args[n + 1], args[n + 2], args[n + 3], args[n + 4] = "-m", "comment", "--comment", comment
    n = n + 4
  end
  for k = 1, #target do
    args[n + k] = target[k]
  end
  return args
end

-- The same where an address may be a look-up into a set of the kernel: a match,
-- behind those of the protocol.
local function with_look_ups(session)
  local kernel_sets = require "moongate.kernel_sets"
  return function(rule, part, target, source, no_source, destination, no_destination, ...)
    local matches = {}
    local function take(option, item, negated)
      if type(item) ~= "table" then
        return item
      end
      matches = lists.joined(matches, kernel_sets.arguments(session, rule.helper, option, item, negated))
      return false
    end
    source, destination = take("-s", source, no_source), take("-d", destination, no_destination)
    local more = { args = lists.joined(part.args, matches), comment = part.comment }
    return arguments(rule, more, target, source, no_source, destination, no_destination, ...)
  end
end

-- Whether another part of a request ends like this one in these families.
local function has_like(rule, families, part)
  for _, other in ipairs(rule.parts) do
    if other ~= part and families & other.families ~= 0
        and (not rule.target_tcp or (other.tcp or false) == (part.tcp or false)) then
      return true
    end
  end
  return false
end

-- How the rules of a part end that have more to them than a target.
local function endings_of(session, rule, families, target, excluded, several, identity)
  local endings = { target }
  if identity then
    endings = rule_endings().rules(session, rule, families, target, several, identity)
  end
  if excluded then
    endings = { shared_chains().exception(session, rule, families, excluded, endings, target, identity) }
  end
  return endings
end

-- Shorter lists are not worth a look.
local most_apart = 16

-- Is every one of a long list a text, as it is unless it stands for a set or for all addresses?
local function are_many_texts(list)
  if #list <= most_apart then
    return false
  end
  for i = 1, #list do
    if type(list[i]) ~= "string" then
      return false
    end
  end
  return true
end

-- All rules of one family, or of both at once where they are the same. For
-- one with an ending: its identity, and whether other rules have the same one.
-- Returns how many there were.
local function emit_families(session, rule, families, family, identity, is_one_of_several)
  local table_name, chain, rank, helper = rule.table, rule.chain, rule.rank, rule.helper
  local sources, no_source, source_rest = address_side(rule.source, family, session, helper)
  local destinations, no_destination, destination_rest = address_side(rule.destination, family, session, helper)
  if not sources or not destinations then
    return 0
  end
  local ins, no_in, in_rest = interface_side(rule.ins)
  local outs, no_out, out_rest = interface_side(rule.outs)
  local returns = rule.returns
  local excluded = sides.exclusions(source_rest, destination_rest, in_rest, out_rest, returns and #returns[family] > 0)
  local append, count = session.core.append, 0
  local parts = rule.parts
  local write = (rule.source and rule.source.sets or rule.destination and rule.destination.sets)
    and with_look_ups(session) or arguments
  local combinations = #sources * #destinations * #ins * #outs
  -- rules that differ in their source alone are written by the core, all at once
  local by_source = combinations == #sources and write == arguments and are_many_texts(sources)
  for p = 1, #parts do
    local part = parts[p]
    local here = families & part.families
    if here ~= 0 then
      local target, endings = part.tcp and rule.target_tcp or rule.target, nil
      if identity or excluded then
        local several = is_one_of_several or not excluded and (combinations > 1 or has_like(rule, here, part))
        endings = endings_of(session, rule, here, target, excluded, several, identity)
        target = endings[1]
      end
      local is_list = by_source and not (endings and endings[2])
      if is_list then
        append(here, table_name, chain, rank, helper, arguments(rule, part, target, sources[1], no_source,
          destinations[1], no_destination, ins[1], no_in, outs[1], no_out), no_source and 3 or 2, sources)
        count = count + #sources
      end
      for s = 1, is_list and 0 or #sources do
        for d = 1, #destinations do
          for i = 1, #ins do
            for o = 1, #outs do
              append(here, table_name, chain, rank, helper, write(rule, part, target, sources[s], no_source,
                destinations[d], no_destination, ins[i], no_in, outs[o], no_out))
              for e = 2, endings and #endings or 1 do
                append(here, table_name, chain, rank, helper, write(rule, part, endings[e], sources[s], no_source,
                  destinations[d], no_destination, ins[i], no_in, outs[o], no_out))
              end
              count = count + 1
            end
          end
        end
      end
    end
  end
  return count
end

-- Name a list that is empty, so that the rule is none; or nil.
local function empty_list(rule)
  local names = rule.names
  if rule.source and addresses.is_empty(rule.source) then
    return names and names.source or "from"
  elseif rule.destination and addresses.is_empty(rule.destination) then
    return names and names.destination or "to"
  elseif rule.ins and interfaces.is_empty(rule.ins) then
    return names and names.ins or "on"
  elseif rule.outs and interfaces.is_empty(rule.outs) then
    return names and names.outs or "out"
  end
end

local family_text = { [0] = "no family", "IPv4 only", "IPv6 only" }

--- The families that are left when several things say which they are for.
-- @param session the evaluation under way
-- @param helper name for the error
-- @param claims a sequence of { what it is, families }
-- @return 1 to 3
-- @raise if none is left, with who says what
function M.agree(session, helper, claims)
  local families, said = 3, {}
  for _, side in ipairs(claims) do
    families = families & side[2]
    if side[2] ~= 3 then
      said[#said + 1] = ("%s is %s"):format(side[1], family_text[side[2]])
    end
  end
  if families == 0 then
    session.fail(helper, nil, "no packet can match: " .. concat(said, ", "))
  end
  return families
end

-- No family is left in which the rule could match: say which parts disagree.
local function fail_nowhere(session, rule, from, to)
  local names, service = rule.names or {}, 0
  for _, part in ipairs(rule.parts) do
    service = service | part.families
  end
  M.agree(session, rule.helper, {
    { names.source or "from", from },
    { names.destination or "to", to },
    { names.what or "the service or protocol", service },
    { "the chain or family=", rule.families or 3 },
  })
end

--- Say that an empty list gave no rule.
-- @param session the evaluation under way
-- @param helper who asked for it
-- @param option the option that held the list
function M.note_empty(session, helper, option)
  session.core.note("warning", ("%s: %s is an empty list, so there is no rule"):format(helper, option),
    ("leave %s out to match any"):format(option))
end

--- Say so if a list of a request is empty, so that there is no rule.
-- @param session the evaluation under way
-- @param rule the request; not changed
-- @return true if there is none
function M.is_nothing(session, rule)
  local empty = empty_list(rule)
  if empty then
    M.note_empty(session, rule.helper, empty)
  end
  return empty ~= nil
end

-- The rules of a request without zones. Returns how many there were.
local function emit_plain(session, rule, identity, is_one_of_several)
  local families = rule.families or 3
  if not rule.source and not rule.destination and not rule.returns and not (identity and rule.ending.by_family) then
    return emit_families(session, rule, families, 1, identity, is_one_of_several)
  end
  return (families & 1 ~= 0 and emit_families(session, rule, 1, 1, identity, is_one_of_several) or 0)
    + (families & 2 ~= 0 and emit_families(session, rule, 2, 2, identity, is_one_of_several) or 0)
end

local function has_zone(rule)
  local source, destination, ins, outs = rule.source, rule.destination, rule.ins, rule.outs
  return source and source.zoned or destination and destination.zoned or ins and ins.zoned or outs and outs.zoned
end

--- The families in which a request's addresses and zones can match.
-- @param session the evaluation under way
-- @param rule the request, of which the parts do not matter; not changed
-- @return those that `from` and `on` leave, 0 to 3
-- @return those that `to` and `out` leave
-- @raise if two zones that both must hold have nothing in common
function M.families(session, rule)
  if has_zone(rule) then
    local _, from, to = require("moongate.places").without_zones(session, rule)
    return from, to
  end
  return families_of(rule.source), families_of(rule.destination)
end

--- Append the rules of a request.
-- @param session the evaluation under way
-- @param rule the request; not changed
-- @return how many rules were appended
-- @raise if there is no family in which it could match
function M.emit(session, rule)
  if M.is_nothing(session, rule) then
    return 0
  end
  local count, from, to = 0, nil, nil
  local identity = rule.ending and rule_endings().identity(rule)
  if has_zone(rule) then
    local plain
    plain, from, to = require("moongate.places").without_zones(session, rule)
    for _, one in ipairs(plain) do
      count = count + emit_plain(session, one, identity, #plain > 1)
    end
  else
    count = emit_plain(session, rule, identity)
  end
  if count == 0 and #rule.parts > 0 then
    fail_nowhere(session, rule, from or families_of(rule.source), to or families_of(rule.destination))
  end
  return count
end

return M
