-- SPDX-License-Identifier: GPL-2.0-or-later
--- The environment of a policy: the policy language, the safe part of the
-- standard library, and nothing else.
local order = require "moongate.order"
local service_helpers = require "moongate.service_helpers"
local session = require "moongate.session"

local M = {}

local type, setmetatable = type, setmetatable

-- Each adds its names to the language.
local subjects = {
  require "moongate.standard",
  require "moongate.exceptions",
  require "moongate.addresses",
  require "moongate.service_registry",
  require "moongate.defaults",
  require "moongate.established",
  require "moongate.loopback",
  require "moongate.guards",
  require "moongate.icmp",
  require "moongate.dhcp",
  require "moongate.verbs",
}

-- Names that most policies do without, by the file that is loaded when one is
-- first used: a policy should not wait for what it does not say.
local later = {
  addresses_from_file = "moongate.address_files",
  allow_router_advertisements = "moongate.router_advertisements",
  block = "moongate.blocklists",
  chain = "moongate.chains",
  clamp_mss = "moongate.mss",
  forward_port = "moongate.port_forwards",
  keep = "moongate.keep",
  masquerade = "moongate.source_nat",
  redirect_port = "moongate.port_redirects",
  snat = "moongate.source_nat",
  drop_spoofed = "moongate.spoofed",
  zone = "moongate.zones",
  use = "moongate.modules",
  module = "moongate.modules",
  limit_new_connections = "moongate.new_connections",
  log_denied = "moongate.denied",
  only_family = "moongate.only_family",
  reject_denied = "moongate.denied",
  set = "moongate.kernel_sets",
  resolve = "moongate.resolve",
  host = "moongate.host",
}

-- What a Lua programmer looks for and a policy does not get, and why.
local nothing_outside = "a policy has no files, processes or clock"
local no_code = "a policy makes no code at run time"
local absent = {
  io = nothing_outside, os = nothing_outside, debug = "a policy does not look into the engine",
  load = no_code, loadfile = no_code, loadstring = no_code, dofile = no_code,
  collectgarbage = "memory is not the policy's to manage", coroutine = "a policy runs straight through",
  _G = "name globals themselves", rawget = "a table is read as t[key]", rawset = "a table is set as t[key] = value",
  unpack = "it is table.unpack", require = "a module is use(\"roles.NAME\")",
}

-- Reading a name that is neither the language's nor the policy's own.
local function unknown_name(run, language, env, name)
  if type(name) ~= "string" then
    return nil
  elseif run.uses[1] then
    if rawget(env, name) ~= nil then
      run.core.fail(("`%s` is a global of the policy, which a module does not see: hand it over as an option")
        :format(name))
    end
    env = {}
  end
  if absent[name] then
    run.fail(("`%s` is not part of the policy language"):format(name), nil, absent[name])
  end
  local names = service_helpers.like(run, name)
  for _, table_of_names in ipairs { language, later, env } do
    for _, known in ipairs(order.keys(table_of_names) or {}) do
      names[#names + 1] = known
    end
  end
  local found = require("moongate.synonyms").name(run.services, name, names)
  run.core.fail(("unknown name `%s`%s"):format(name, found and (": did you mean `%s`?"):format(found) or ""))
end

-- Load the file of a name that is not there yet. Its names become helpers of
-- the language like any other.
local function load_later(run, language, name)
  local file = type(name) == "string" and later[name]
  if file then
    local loaded = {}
    require(file).install(loaded, run)
    for own, value in next, loaded do
      rawset(language, own, value)
    end
  end
  return file and rawget(language, name)
end

-- Names of the language; helpers of single services appear when asked for.
local function new_language(run, env)
  local language = {}
  for _, subject in ipairs(subjects) do
    subject.install(language, run)
  end
  return setmetatable(language, {
    __index = function(_, name)
      local helper = load_later(run, language, name) or type(name) == "string" and service_helpers.find(run, name)
      if helper then
        language[name] = helper
        return helper
      end
      return unknown_name(run, language, env, name)
    end,
  })
end

--- Make the environment of one policy.
-- @param core the primitives that the C core provides: `append`, `chain`,
--   `policy`, `keep`, `split`, `address`, `fail`, `note`, `place`, `host`; and
--   `private_state`, true if the Lua state holds this policy alone
-- @return the table to be the policy chunk's _ENV
-- @return a function to call once after the chunk; it may raise
-- @usage local env, finish = require("moongate.language").new(core)
function M.new(core)
  local run = session.new(core)
  local env = {}
  local language = new_language(run, env)
  run.language = language
  setmetatable(env, {
    __index = language,
    __newindex = function(_, name, value)
      if type(name) == "string"
          and (rawget(language, name) ~= nil or later[name] or service_helpers.find(run, name)) then
        core.fail(("`%s` is a name of the policy language: choose another (or write `local %s`)"):format(name, name))
      end
      rawset(env, name, value)
    end,
    __metatable = false,
  })
  return env, function()
    if run.jumps[1] then
      require("moongate.chains").finish(run)
    end
    if run.kept_chains then
      require("moongate.keep").finish(run)
    end
  end
end

--- The names of the language, without the helpers of single services.
-- @param core the primitives, as for `new`
-- @return a sequence in order
function M.names(core)
  local run, language = session.new(core), {}
  for _, subject in ipairs(subjects) do
    subject.install(language, run)
  end
  for name in next, later do
    language[name] = true
  end
  return order.keys(language)
end

return M
