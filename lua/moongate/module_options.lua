-- SPDX-License-Identifier: GPL-2.0-or-later
--- What a module says of its options, and the check of those that it is given.
--
-- A module declares each option as a kind, or as { kind, required =, default =,
-- one_of =, about = }. Kinds are those of moongate.schema. What an option holds
-- is read at once, so that a bad address is told at the line that gave it, and
-- not at the helper deep in the module that would stumble over it.
local addresses = require "moongate.addresses"
local exceptions = require "moongate.exceptions"
local interfaces = require "moongate.interfaces"
local lists = require "moongate.lists"
local nearest = require "moongate.nearest"
local order = require "moongate.order"
local ports = require "moongate.ports"
local protocols = require "moongate.protocols"
local schema = require "moongate.schema"
local states = require "moongate.states"

local M = {}

local type, getmetatable = type, getmetatable

local declaration_schema = schema.new({
  about = "string",
  options = "table",
  run = "action",
}, "run")

local option_schema = schema.new({
  kind = "string",
  about = "string",
  required = "boolean",
  default = "any",
  one_of = "list",
}, "kind")

-- module{} value -> what was passed
local declared = setmetatable({}, { __mode = "k" })

local function each_name(session, helper, path, value, take)
  lists.each(session, helper, path, value, function(leaf, leaf_path)
    if type(leaf) ~= "table" then
      take(leaf, leaf_path)
    end
  end)
end

-- Ports whose protocol the module alone knows: a service may stand for them
-- whatever its protocol.
local function read_ports(session, helper, path, value)
  local excluded = exceptions.of(value)
  each_name(session, helper, path, excluded ~= nil and excluded or value, function(leaf, leaf_path)
    if type(leaf) == "string" and leaf:find("^%a[%w_-]*$") then
      session.services:find(helper, leaf_path, leaf)
    else
      ports.add(session, helper, leaf_path, leaf, "tcp", function() end)
    end
  end)
end

local function read_services(session, helper, path, value)
  each_name(session, helper, path, value, function(leaf, leaf_path)
    if type(leaf) ~= "string" then
      session.fail(helper, leaf_path, ("a service name is needed, not %s"):format(lists.shown(leaf)))
    end
    session.services:find(helper, leaf_path, leaf)
  end)
end

local function read_protocols(session, helper, path, value)
  each_name(session, helper, path, value, function(leaf, leaf_path)
    local found, wrong = protocols.parts(leaf)
    if not found then
      session.fail(helper, leaf_path, wrong)
    end
  end)
end

-- Limits and log lines are loaded where a module has some.
local function read_limit(...)
  return require("moongate.limits").read(...)
end

local function read_log(...)
  return require("moongate.logging").read(...)
end

-- Kind -> function(session, helper, path, value) that raises at what no helper
-- would take.
local readers = {
  addresses = addresses.read,
  endpoint = function(session, helper, path, value)
    return require("moongate.endpoints").read(session, helper, path, value, true)
  end,
  interfaces = interfaces.read,
  list = lists.length,
  limit = read_limit,
  log = read_log,
  ports = read_ports,
  protocol = read_protocols,
  services = read_services,
  states = states.read,
}

-- Check what one option was given, beyond its Lua type.
local function check_value(session, helper, name, option, value)
  local read = readers[option.kind]
  if read then
    read(session, helper, name, value)
  end
  if not option.one_of then
    return
  end
  for _, allowed in ipairs(option.one_of) do
    if value == allowed then
      return
    end
  end
  local shown = {}
  for i, allowed in ipairs(option.one_of) do
    shown[i] = tostring(allowed)
  end
  session.fail(helper, name, ("%s is not one of %s%s"):format(lists.shown(value), table.concat(shown, ", "),
    nearest.suggestion(tostring(value), shown)))
end

-- One option as a module declares it -> { kind, required, default, one_of, about }.
local function read_option(session, helper, name, given)
  helper = ("%s: options: %s"):format(helper, name)
  if type(given) == "string" then
    given = { given }
  elseif type(given) ~= "table" or getmetatable(given) ~= nil then
    session.fail(helper, nil, ("a kind is needed, or { kind, default = ... }, not %s"):format(lists.shown(given)))
  end
  schema.check(session, helper, option_schema, given)
  local option = {
    kind = given[1] or given.kind, required = given.required, default = given.default, one_of = given.one_of,
    about = given.about,
  }
  if option.kind == nil then
    session.fail(helper, nil, 'says no kind: write { "addresses", ... }')
  elseif not schema.is_kind(option.kind) then
    session.fail(helper, nil, ("unknown kind %s%s"):format(lists.shown(option.kind),
      nearest.suggestion(option.kind, schema.kind_names())))
  elseif option.required and option.default ~= nil then
    session.fail(helper, nil, "is required, so its default is never used")
  elseif option.one_of and lists.length(session, helper, "one_of", option.one_of) == 0 then
    session.fail(helper, "one_of", "an empty list leaves nothing to give")
  end
  return option
end

local function read_options(session, helper, given)
  local options, kinds, names = {}, {}, order.keys(given)
  for _, name in ipairs(names or {}) do
    if type(name) ~= "string" or not name:find("^[%a_][%w_]*$") then
      session.fail(helper, "options", ('%s is no name of an option: write name = "kind"'):format(lists.shown(name)))
    end
    options[name] = read_option(session, helper, name, given[name])
    kinds[name] = options[name].kind
  end
  return options, schema.new(kinds), names or {}
end

--- Declare a module. Nothing is checked yet: `return module { ... }` is a tail
-- call, after which nobody knows the module's line.
-- @param ... what the module passed
-- @return an opaque value, for the module to return
function M.declare(...)
  local value = setmetatable({}, { __name = "module", __metatable = false })
  declared[value] = table.pack(...)
  return value
end

--- Whether a value is a declared module.
-- @param value what a module's file returned
-- @return boolean
function M.is(value)
  return declared[value] ~= nil
end

--- Read what a module declares.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param value made by `declare`
-- @return a declaration: { run =, options =, schema =, names = }
-- @raise if the module's file is wrong
function M.read(session, helper, value)
  local given = schema.take(session, helper, declaration_schema, table.unpack(declared[value], 1, declared[value].n))
  local run = given[1] or given.run
  if not run then
    session.fail(helper, nil, "has no function: module { options = { ... }, function(options) ... end }")
  end
  local options, kinds, names = read_options(session, helper, given.options or {})
  for _, name in ipairs(names) do
    local default = options[name].default
    if default ~= nil then
      local where = ("%s: options: default"):format(helper)
      schema.check(session, where, kinds, { [name] = default })
      check_value(session, where, name, options[name], default)
    end
  end
  return { run = run, options = options, schema = kinds, names = names }
end

-- Reading an option that the module does not declare is the module's mistake.
local function refuse_undeclared(session, declaration)
  return {
    __index = function(_, name)
      if not declaration.options[name] then
        session.core.fail(("the module declares no option `%s`%s"):format(tostring(name),
          nearest.suggestion(tostring(name), declaration.names)))
      end
    end,
  }
end

--- Check the options that a use gives.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param declaration made by `read`
-- @param given the options table; not changed
-- @return a new table for the module's function, with defaults filled in
-- @raise at the line of the use
function M.check(session, helper, declaration, given)
  schema.check(session, helper, declaration.schema, given)
  local options = {}
  for _, name in ipairs(declaration.names) do
    local option, value = declaration.options[name], given[name]
    if value ~= nil then
      check_value(session, helper, name, option, value)
    elseif option.required then
      session.fail(helper, nil, ("`%s` is missing: %s is needed%s"):format(name, declaration.schema.checks[name].what,
        option.about and (" (%s)"):format(option.about) or ""))
    else
      value = option.default
    end
    options[name] = value
  end
  return setmetatable(options, refuse_undeclared(session, declaration))
end

return M
