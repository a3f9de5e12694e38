-- SPDX-License-Identifier: GPL-2.0-or-later
--- Checks one options table against what a helper declares.
-- Option kinds are declared once; a check of good options costs a table look-up
-- per option. Bad ones are looked for again in sorted order, so that of two
-- mistakes always the same one is reported.
--
-- A helper that policies call declares its options with `helper`, under its own
-- name: so that what holds for all helpers can be tested on each of them.
local nearest = require "moongate.nearest"
local order = require "moongate.order"
local stages = require "moongate.stages"
local shown = require("moongate.lists").shown

local M = {}

local type, next, select, math_type = type, next, select, math.type

-- A kind of option: the Lua types that it takes, what to call it, and a
-- further check which returns what is wrong.
local kinds = {
  addresses = { string = true, table = true, what = "an address, a list of addresses or except(...)" },
  endpoint = { string = true, table = true, what = "an address with or without a port, or one for each family" },
  ports = { number = true, string = true, table = true, what = "a port, a range or a list of ports" },
  interfaces = { string = true, table = true, what = "an interface name or a list of them" },
  protocol = { string = true, number = true, table = true, what = "a protocol's name or number" },
  services = { string = true, table = true, what = "a service name or a list of them" },
  states = { string = true, table = true, what = "a conntrack state or a list of them" },
  value = { string = true, number = true, table = true, what = "a value" },
  number = { number = true, what = "a number" },
  table = { table = true, what = "a table" },
  action = { ["function"] = true, what = "a function" },
  list = { table = true, what = "a list" },
  boolean = { boolean = true, what = "true or false" },
  string = { string = true, what = "a string" },
  count = { number = true, what = "a whole number" },
  rate = { string = true, what = 'a rate like "5/minute"' },
  per = { string = true, table = true, what = '"source", "destination" or a list of what a limit is per' },
  limit = { string = true, table = true, what = 'a rate like "5/minute" or { rate =, burst =, per = }' },
  directions = { string = true, table = true, what = '"inbound", "outbound", "forward" or a list of them' },
  level = { string = true, number = true, what = "a log level" },
  log = {
    boolean = true, string = true, table = true,
    what = "true, a prefix or { prefix =, level =, limit =, group = }",
  },
  mss = { string = true, number = true, what = '"pmtu" or a number of bytes' },
  target = { string = true, table = true, what = "a target's name, { name, option = value } or a chain" },
}

-- The last comment that was found good: loops say the same again and again.
local good_comment

kinds.comment = {
  string = true,
  boolean = true,
  what = "a string, or false for none",
  check = function(value)
    if value == good_comment or not value then
      return nil
    elseif value == true then
      return "true given, but a string is needed, or false for none"
    end
    local wrong = M.bad_text(value, 255)
    good_comment = not wrong and value or good_comment
    return wrong
  end,
}

kinds.limit_or_none = {
  string = true,
  table = true,
  boolean = true,
  what = kinds.limit.what .. ", or false for none",
  check = function(value)
    return value == true and "true given, but a rate is needed, or false for none" or nil
  end,
}

kinds.stage = {
  string = true,
  what = "the name of a stage",
  check = function(value)
    if not stages.of(value) then
      return ("%s is no stage%s (one of %s)"):format(shown(value), nearest.suggestion(value, stages.names),
        table.concat(stages.names, ", "))
    end
  end,
}

local family_names = { "ipv4", "ipv6", "both" }

kinds.family = {
  string = true,
  what = '"ipv4", "ipv6" or "both"',
  check = function(value)
    if not M.families[value] then
      return ('%s is no family%s ("ipv4", "ipv6" or "both")'):format(shown(value),
        nearest.suggestion(value, family_names))
    end
  end,
}

kinds.port = {
  number = true,
  what = "a port",
  check = function(value)
    if not math.tointeger(value) or value < 1 or value > 65535 then
      return ("port %s is out of range (1 to 65535)"):format(value)
    end
  end,
}

kinds.chain = {
  table = true,
  what = "a chain",
  check = function(value)
    if not require("moongate.chains").is(value) then
      return "a chain is needed, as chain(...) returns it"
    end
  end,
}

kinds.any = {
  string = true, number = true, boolean = true, table = true, ["function"] = true, what = "a value",
}

--- Whether there is a kind of option of that name.
-- @param name the name
-- @return boolean
function M.is_kind(name)
  return kinds[name] ~= nil
end

--- The names of all kinds, sorted.
-- @return a sequence
function M.kind_names()
  return order.keys(kinds)
end

--- Families as the core counts them.
M.families = { ipv4 = 1, ipv6 = 2, both = 3 }

--- What is wrong with a text that goes into a rule.
-- @param text the text
-- @param limit how many bytes fit
-- @return what is wrong, or nil
function M.bad_text(text, limit)
  if #text > limit then
    return ("%d bytes given, but at most %d fit"):format(#text, limit)
  elseif text:find("[%c]") then
    return "has a line break or another control character"
  elseif text == "" then
    return "is empty"
  end
end

--- What each helper takes: its name -> its schema.
M.schemas = {}

--- Declare the options of a table that is no helper's own: one within another.
-- @param options option name -> kind, as a string
-- @param positional name of the option that may be given first without its
--   name, or nil
-- @return a schema: { checks =, names =, positional = }
-- @usage local options = schema.new({ from = "addresses", forward = "boolean" })
function M.new(options, positional)
  local checks, names = {}, {}
  for name, kind in next, options do
    checks[name] = kinds[kind]
    names[#names + 1] = name
  end
  table.sort(names)
  return { checks = checks, names = names, first = positional, positional = positional and kinds[options[positional]] }
end

--- Let it be known what a helper takes.
-- @param name the helper's name in policies
-- @param schema made by `new`; several helpers may share one
-- @return the schema
function M.register(name, schema)
  M.schemas[name] = schema
  return schema
end

--- Declare the options of a helper.
-- @param name the helper's name in policies
-- @param options option name -> kind, as a string
-- @param details nil, or a table of: `positional` (name of the option that may
--   be given first without its name), `list` (true if as many values as one likes
--   may stand for it), `required` (names of options that cannot
--   be left out), `example` (options of a good call, which need not be given if
--   there are none), `call` (Lua text of a call, `%s` standing for the options,
--   if it is not just name and options), `shown_as` (what errors call the
--   helper, if not by its name)
-- @return a schema
-- @usage local options = schema.helper("snat", { to_source = "addresses", out = "interfaces" },
--   { required = { "to_source" }, example = { to_source = "192.0.2.1" } })
function M.helper(name, options, details)
  details = details or {}
  local schema = M.new(options, details.positional)
  schema.required, schema.example = details.required, details.example
  schema.call, schema.shown_as, schema.list = details.call, details.shown_as, details.list
  return M.register(name, schema)
end

-- Whether a key is that of a value which may stand without a name.
local function is_nameless(schema, key)
  return schema.positional and (key == 1 or schema.list and math_type(key) == "integer" and key > 1)
end

-- What is wrong with one option, or nil.
local function mistake(schema, key, value)
  if is_nameless(schema, key) then
    if schema.positional[type(value)] then
      return nil
    end
    return ("[%d]"):format(key), ("%s is needed, not %s"):format(schema.positional.what, shown(value))
  end
  local kind = schema.checks[key]
  if not kind then
    if type(key) ~= "string" then
      return nil, ("takes options by name, but %s stands without one"):format(shown(value))
    end
    return nil, ("unknown option `%s`%s"):format(key, nearest.suggestion(key, schema.names))
  elseif not kind[type(value)] then
    return key, ("%s is needed, not %s"):format(kind.what, shown(value))
  end
  local wrong = kind.check and kind.check(value)
  if wrong then
    return key, wrong
  end
end

--- Where something stands in an options table that may stand in another.
-- @param path where the table stands, or nil if it is the helper's own
-- @param key what in it, as a path, or nil
-- @return the path of both
-- @usage schema.below("log", "prefix") --> "log.prefix"
function M.below(path, key)
  if not path or not key then
    return path or key
  end
  return key:find("^%[") and path .. key or path .. "." .. key
end

local function report(session, helper, schema, options, path)
  local keys, wrong = order.keys(options)
  if not keys then
    session.fail(helper, path, wrong)
  end
  for _, key in ipairs(keys) do
    local where, what = mistake(schema, key, options[key])
    if what then
      session.fail(helper, M.below(path, where), what)
    end
  end
end

local function check_required(session, helper, schema, options, path)
  for _, name in ipairs(schema.required) do
    if options[name] == nil and not (schema.first == name and options[1] ~= nil) then
      session.fail(helper, path, ("`%s` is missing: %s is needed"):format(name, schema.checks[name].what))
    end
  end
end

--- Check an options table.
-- @param session the evaluation under way
-- @param helper name for the error
-- @param schema made by `new` or `helper`
-- @param options the table; not changed
-- @param path where the table stands, if it is an option's value
-- @raise at the first mistake in sorted order, as `helper: option: what`
function M.check(session, helper, schema, options, path)
  local checks = schema.checks
  for key, value in next, options do
    local kind = checks[key]
    if not kind then
      if not is_nameless(schema, key) or not schema.positional[type(value)] then
        report(session, helper, schema, options, path)
      end
    elseif not kind[type(value)] or kind.check and kind.check(value) then
      report(session, helper, schema, options, path)
    end
  end
  if schema.required then
    check_required(session, helper, schema, options, path)
  end
end

local none = {}

--- Take the arguments of a helper: nothing, one options table, or, where the
-- schema has a positional option, that one alone.
-- @param session the evaluation under way
-- @param helper name for the error
-- @param schema made by `helper`
-- @param ... what the policy passed
-- @return the checked options table, which must not be changed
-- @raise if the arguments or the options are wrong
function M.take(session, helper, schema, ...)
  local options, extra = ...
  if extra ~= nil then
    session.fail(helper, nil, ("takes one options table: write %s { ... }"):format(helper))
  elseif options == nil then
    if select("#", ...) > 0 then
      session.fail(helper, nil, "nil given instead of options (a misspelt variable?)")
    elseif schema.required then
      check_required(session, helper, schema, none)
    end
    return none
  end
  if type(options) ~= "table" or getmetatable(options) == false then
    if schema.positional and schema.positional[type(options)] then
      return { options }
    end
    session.fail(helper, nil, ("%s given, but an options table is needed: %s { ... }")
      :format(shown(options), helper))
  end
  M.check(session, helper, schema, options)
  return options
end

return M
