-- SPDX-License-Identifier: GPL-2.0-or-later
--- The primitives: `chain(table, name)`, and `append` on what it returns.
local addresses = require "moongate.addresses"
local lists = require "moongate.lists"
local nearest = require "moongate.nearest"
local rule_options = require "moongate.rule_options"
local rule_text = require "moongate.rule_text"
local rules = require "moongate.rules"
local schema = require "moongate.schema"
local scope = require "moongate.rule_scope"
local stages = require "moongate.stages"

local M = {}

local type, setmetatable, error = type, setmetatable, error

local built_in = {
  filter = { "INPUT", "FORWARD", "OUTPUT" },
  nat = { "PREROUTING", "INPUT", "OUTPUT", "POSTROUTING" },
  mangle = { "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING" },
  raw = { "PREROUTING", "OUTPUT" },
  security = { "INPUT", "FORWARD", "OUTPUT" },
}
local table_names = { "filter", "mangle", "nat", "raw", "security" }

local is_built_in = {}
for table_name, names in next, built_in do
  is_built_in[table_name] = {}
  for _, name in ipairs(names) do
    is_built_in[table_name][name] = true
  end
end

-- Names that mean something else after -j.
local reserved = { ACCEPT = true, DROP = true, RETURN = true, QUEUE = true }

-- XT_EXTENSION_MAXNAMELEN, less the NUL.
local longest = 28

local no_address = { {} }

local chain_options = schema.helper("chain", { family = "family", policy = "string" },
  { call = 'chain("filter", "INPUT", %s)' })

-- chain object -> { table, name, families, rank }
local chains = setmetatable({}, { __mode = "k" })

local function check_name(session, table_name, name)
  local function fail(what)
    session.fail("chain", nil, what)
  end
  if type(table_name) ~= "string" or not built_in[table_name] then
    fail(("%s is no table%s (one of %s)"):format(lists.shown(table_name),
      nearest.suggestion(tostring(table_name), table_names), table.concat(table_names, ", ")))
  elseif type(name) ~= "string" then
    fail(("a chain's name is needed, not %s"):format(lists.shown(name)))
  elseif name == "" or #name > longest then
    fail(("chain name %s has %d bytes, but 1 to %d fit"):format(lists.shown(name), #name, longest))
  elseif name:find("^[-!]") then
    fail(("chain name %s begins with %s"):format(lists.shown(name), name:sub(1, 1)))
  elseif name:find("[%s%c]") then
    fail(("chain name %s has white space in it"):format(lists.shown(name)))
  elseif reserved[name] then
    fail(("chain name %s means a verdict"):format(lists.shown(name)))
  end
end

-- One item of a list, as a list of arguments; a set of the kernel's is of one family.
local function item_side(session, helper, flag, item, family, negated)
  if type(item) == "table" then
    local args = require("moongate.kernel_sets").arguments(session, helper, flag, item, negated)
    args.family = family
    return args
  end
  return negated and { "!", flag, item } or { flag, item or addresses.whole[family] }
end

-- What a list holds in each family that the rule is for.
local function items_of(session, helper, set, side, families)
  if not set.sets then
    return set[side]
  end
  local out = { {}, {} }
  for family = 1, 2 do
    if families & family ~= 0 then
      out[family] = require("moongate.kernel_sets").items(session, helper, set, side, family)
    end
  end
  return out
end

-- The addresses that one option asks for, as lists of arguments.
local function address_sides(session, helper, options, key, flag, families)
  local set, out = addresses.read_plain(session, helper, key, options[key]), {}
  if set.only then
    return { { flag, set[1] or addresses.whole[set.only] } }
  end
  local negated = not set.positive
  local excluded = items_of(session, helper, set, "exc", families)
  local from = negated and excluded or items_of(session, helper, set, "inc", families)
  local most = negated and 1 or 0
  if #excluded[1] > most or #excluded[2] > most or set.all[1] or set.all[2] then
    session.fail(helper, key, "one rule excludes one network; make a chain with RETURN for several")
  end
  for family = 1, 2 do
    for _, item in ipairs(from[family]) do
      out[#out + 1] = item_side(session, helper, flag, item, family, negated)
    end
  end
  if #out == 0 and negated then
    return { {} }
  elseif #out == 0 and not addresses.is_empty(set) then
    session.fail(helper, key, "has nothing of the family that the chain (or family=) is for")
  elseif #out == 0 then
    rules.note_empty(session, helper, key)
  end
  return out
end

-- What iptables makes of a rule in a family that its protocol or its networks
-- of all addresses are not of.
local function in_family(session, helper, args, family)
  local out = table.move(args, 1, #args, 1, {})
  for i = 1, #out - 1 do
    if (out[i] == "-s" or out[i] == "-d") and scope.any[out[i + 1]] then
      out[i + 1] = addresses.whole[family]
    end
  end
  if ((scope.families(session.core, out)) or 0) & family == 0 then
    session.core.note("warning", ("%s: no %s packet has this protocol: the rule matches nothing"):format(helper,
      family == 1 and "IPv4" or "IPv6"), "leave the rule out")
  end
  return out
end

-- Add a rule to those found, or remember why it cannot be. Who asks for one
-- family gets what iptables takes there, as from the dump of an old firewall.
local function judge(session, helper, args, left, families, found, wrong)
  if left & families ~= 0 then
    found[#found + 1] = { args, left & families }
    return wrong
  end
  local _, why = scope.families(session.core, args)
  if families ~= 3 and ((scope.families(session.core, args, true)) or 0) & families ~= 0 then
    found[#found + 1] = { in_family(session, helper, args, families), families }
    return wrong
  end
  return wrong or why or "the rule and the chain (or family=) have no family in common"
end

-- The family of a side: that of one address, given as text; nil for a list.
local function simple_side(session, helper, options, key)
  local value = options[key]
  if value == nil then
    return 3
  end
  local set = type(value) == "string" and addresses.read(session, helper, key, value)
  if set and set.only then
    return set.only, set[1] or addresses.whole[set.only]
  end
end

-- A rule with at most one address a side, as loops make it: written at once.
local function structured_simple(session, helper, options, families, from, source, to, destination)
  local args, found = {}, {}
  if source then
    args[1], args[2] = "-s", source
  end
  if destination then
    local n = #args
    args[n + 1], args[n + 2] = "-d", destination
  end
  local left = rule_options.add(session, helper, options, chains, args) & from & to
  return found, judge(session, helper, args, left, families, found)
end

local function structured_lists(session, helper, options, families)
  local sources = options.source ~= nil and address_sides(session, helper, options, "source", "-s", families)
    or no_address
  local destinations = options.destination ~= nil
    and address_sides(session, helper, options, "destination", "-d", families) or no_address
  local found, wrong = {}, nil
  for _, source in ipairs(sources) do
    for _, destination in ipairs(destinations) do
      local args = {}
      table.move(source, 1, #source, 1, args)
      table.move(destination, 1, #destination, #args + 1, args)
      rule_options.add(session, helper, options, chains, args)
      local left = (scope.families(session.core, args) or 0) & (source.family or 3) & (destination.family or 3)
      wrong = judge(session, helper, args, left, families, found, wrong)
    end
  end
  return found, wrong
end

-- The rules of an `append`, as argument lists with their families.
local function structured(session, helper, chain, options)
  local families = chain.families & schema.families[options.family or "both"]
  if families == 0 then
    session.fail(helper, "family", "the chain is for the other family only")
  end
  local found, wrong
  local from, source = simple_side(session, helper, options, "source")
  local to, destination = simple_side(session, helper, options, "destination")
  if from and to then
    found, wrong = structured_simple(session, helper, options, families, from, source, to, destination)
  else
    found, wrong = structured_lists(session, helper, options, families)
  end
  if #found == 0 and wrong then
    session.fail(helper, nil, wrong)
  end
  return found
end

local function textual(session, helper, chain, text)
  local found, wrong = {}, nil
  local variants, families = rule_text.read(session, helper, text)
  for _, args in ipairs(variants) do
    wrong = judge(session, helper, args, scope.families(session.core, args) or 0, families & chain.families, found,
      wrong)
  end
  if #found == 0 then
    session.fail(helper, nil, wrong)
  end
  return found
end

-- Keep in mind what the rule jumps to with -g, which is a chain or nothing.
local function remember_jump(session, chain, rule)
  local args = rule[1]
  local count = #args
  if args[count - 1] == "-g" or args[count - 1] == "--goto" then
    session.jumps[#session.jumps + 1] = {
      table = chain.table, name = args[count], families = rule[2], place = session.core.place(),
      uses = session.core.uses(),
    }
  end
end

local function append(session, chain, value)
  local helper, rank, found = "append", chain.rank, nil
  if type(value) == "string" then
    found = textual(session, helper, chain, value)
  elseif type(value) == "table" then
    schema.check(session, helper, rule_options.schema, value)
    if value.stage then
      if not chain.staged then
        session.fail(helper, "stage", "stages exist in filter's built-in chains only; here the script's order holds")
      end
      rank = stages.of(value.stage)
    end
    found = structured(session, helper, chain, value)
  else
    session.fail(helper, nil, ("takes a table or a string in iptables' syntax, not %s"):format(lists.shown(value)))
  end
  for _, rule in ipairs(found) do
    remember_jump(session, chain, rule)
    session.core.append(rule[2], chain.table, chain.name, rank, helper, rule[1])
  end
end

local function new_object(session, chain)
  local methods = { name = chain.name }
  local object = setmetatable({}, {
    __name = "chain",
    __metatable = false,
    __index = function(_, key)
      if methods[key] == nil then
        session.fail("chain", nil, ("has no `%s`%s"):format(tostring(key),
          nearest.suggestion(tostring(key), { "append", "name" })))
      end
      return methods[key]
    end,
    __newindex = function()
      error("a chain is read-only: append rules with c:append", 2)
    end,
    __tostring = function()
      return chain.table .. " " .. chain.name
    end,
  })
  chains[object] = chain
  -- The core takes over where a rule is as plain as in a long loop.
  methods.append = session.core.append_shortcut(function(self, ...)
    local count, value = select("#", ...), ...
    if chains[self] ~= chain then
      session.fail("append", nil, "is called with a colon: c:append { ... }")
    elseif count ~= 1 then
      session.fail("append", nil, "takes one rule")
    end
    append(session, chain, value)
    return self
  end, object, chain.families, chain.table, chain.name, chain.rank, rule_options.plain)
  return object
end

local function set_policy(session, table_name, name, families, policy)
  if not is_built_in[table_name][name] then
    session.fail("chain", "policy", ("%s is not a built-in chain of %s; end it with a rule instead")
      :format(name, table_name))
  elseif policy ~= "ACCEPT" and policy ~= "DROP" then
    session.fail("chain", "policy", ('%s is no policy%s ("ACCEPT" or "DROP")'):format(lists.shown(policy),
      nearest.suggestion(policy, { "ACCEPT", "DROP" })))
  elseif table_name == "nat" and policy == "DROP" then
    session.fail("chain", "policy", "nat sees a connection's first packet only, and is no place to drop: filter is")
  end
  session.set_policy(families, table_name, name, policy, "chain")
end

-- A user chain belongs to who made it: two modules that do not know of each
-- other would mix their rules in it.
local function claim(session, families, table_name, name)
  for family = 1, 2 do
    local other = families & family ~= 0
      and session.claim(("chain %d %s %s"):format(family, table_name, name), session.use)
    if other then
      session.fail("chain", nil, ("%s of %s is already made at %s: name one of them otherwise, or hand the chain on")
        :format(name, table_name, other))
    end
  end
end

--- Whether a value is a chain, as `chain` returns it.
-- @param value any value
-- @return boolean
function M.is(value)
  return chains[value] ~= nil
end

--- Offer `chain` to policies.
-- @param language table of names
-- @param session the evaluation under way
-- @usage local c = chain("filter", "SSH_GUARD")
-- c:append "-m limit --limit 5/minute -j ACCEPT"
function M.install(language, session)
  language.chain = function(table_name, name, options, ...)
    check_name(session, table_name, name)
    if options ~= nil and type(options) ~= "table" or select("#", ...) > 0 then
      session.fail("chain", nil,
        'takes a table, a name and options: chain("mangle", "PREROUTING", { family = "ipv4" })')
    end
    options = options or {}
    schema.check(session, "chain", chain_options, options)
    local families = schema.families[options.family or "both"]
    if not is_built_in[table_name][name] then
      claim(session, families, table_name, name)
    end
    session.core.chain(families, table_name, name, "chain")
    if options.policy then
      set_policy(session, table_name, name, families, options.policy)
    end
    for family = 1, 2 do
      if families & family ~= 0 then
        session.chains[family .. table_name .. " " .. name] = name
      end
    end
    local staged = table_name == "filter" and is_built_in.filter[name] or false
    return new_object(session, {
      table = table_name, name = name, families = families, staged = staged,
      rank = staged and stages.rank.allow or stages.rank.script,
    })
  end
end

--- Check that every `go_to` leads to a chain of its own table.
-- @param session the evaluation that has ended
-- @raise at the first one that does not
function M.finish(session)
  for _, jump in ipairs(session.jumps) do
    for family = 1, 2 do
      if jump.families & family ~= 0 and not session.chains[family .. jump.table .. " " .. jump.name]
          and not (session.kept_chains and require("moongate.keep").has_chain(session, jump.name)) then
        local names = {}
        for key, name in next, session.chains do
          if key:find(family .. jump.table .. " ", 1, true) == 1 then
            names[#names + 1] = name
          end
        end
        error(("%s: append: go_to: no chain %s in %s%s%s"):format(jump.place, lists.shown(jump.name), jump.table,
          nearest.suggestion(jump.name, names), jump.uses), 0)
      end
    end
  end
end

return M
