-- SPDX-License-Identifier: GPL-2.0-or-later
--- Checks one options table against what a helper declares.
-- Kinds of options are declared once, in moongate.option_kinds; a check of good options costs a table look-up
-- per option. Bad ones are looked for again in sorted order, so that of two
-- mistakes always the same one is reported.
--
-- A helper that policies call declares its options with `helper`, under its own
-- name: so that what holds for all helpers can be tested on each of them.
local option_kinds = require "moongate.option_kinds"
local order = require "moongate.order"
local shown = require("moongate.lists").shown

local M = {}

local kinds = option_kinds.kinds

local type, next, select, math_type = type, next, select, math.type

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

--- Families as the core counts them, see moongate.option_kinds.
M.families = option_kinds.families

--- What is wrong with a text that goes into a rule, see moongate.option_kinds.
M.bad_text = option_kinds.bad_text

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
    checks[name] = kinds[kind] or error(("no kind %s of options"):format(kind))
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
--   helper, if not by its name), `instead` (name of an option that somebody may
--   look for and that there cannot be -> what the error says behind it)
-- @return a schema
-- @usage local options = schema.helper("snat", { to_source = "addresses", out = "interfaces" },
--   { required = { "to_source" }, example = { to_source = "192.0.2.1" } })
function M.helper(name, options, details)
  details = details or {}
  local schema = M.new(options, details.positional)
  schema.required, schema.example = details.required, details.example
  schema.call, schema.shown_as, schema.list = details.call, details.shown_as, details.list
  schema.instead = details.instead
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
      return nil, ("takes options by name, but %s stands without one%s"):format(shown(value),
        schema.positional and key == 2 and ": several go into a list, { { a, b } }" or "")
    end
    return nil, ("unknown option `%s`%s"):format(key, schema.instead and schema.instead[key]
      or require("moongate.synonyms").option(key, schema.names))
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
  if path and getmetatable(options) == false then
    session.fail(helper, path, "a plain table of options is needed, not an object of the language")
  end
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
    local first = schema.positional and type(options) == "string" and shown(options) .. ", " or ""
    session.fail(helper, nil, ("takes one options table: write %s { %s... }"):format(helper, first))
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
