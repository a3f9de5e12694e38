-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Calls of the language's helpers as Lua text, good and bad, made from what each
-- helper declares about its options.

local order = require "moongate.order"

local M = {}

--- One value of each Lua type that a policy can write, as text.
M.samples = {
  boolean = "true", number = "7", string = '"x"', table = "{}", ["function"] = "function() end",
}

local function source(value)
  if type(value) ~= "table" then
    return ("%q"):format(value)
  end
  local parts = {}
  for _, key in ipairs(order.keys(value)) do
    parts[#parts + 1] = ("[%q] = %s"):format(key, source(value[key]))
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

--- A call with the options of the helper's own example.
-- @param name the helper
-- @param declared its schema
-- @param changes option -> Lua text of another value
-- @param without name of an option to leave out, or nil
-- @return Lua text
function M.text(name, declared, changes, without)
  local parts = {}
  for _, key in ipairs(order.keys(declared.example or {})) do
    if key ~= without and not changes[key] then
      parts[#parts + 1] = ("[%q] = %s"):format(key, source(declared.example[key]))
    end
  end
  for _, key in ipairs(order.keys(changes)) do
    parts[#parts + 1] = ("[%q] = %s"):format(key, changes[key])
  end
  local options = "{ " .. table.concat(parts, ", ") .. " }"
  return declared.call and declared.call:format(options) or name .. " " .. options
end

--- Go through a helper's options and the types that each does not take.
-- @param name the helper
-- @param declared its schema
-- @return an iterator of a call's text, and how its error begins behind the place
function M.wrong_types(name, declared)
  return coroutine.wrap(function()
    for _, option in ipairs(declared.names) do
      local check = declared.checks[option]
      for _, kind in ipairs(order.keys(M.samples)) do
        if not check[kind] then
          coroutine.yield(M.text(name, declared, { [option] = M.samples[kind] }),
            ("%s: %s: %s is needed, not "):format(declared.shown_as or name, option, check.what))
        end
      end
    end
  end)
end

--- What every helper declares, by name; of the services' helpers only some.
-- @param core a core to make the language with
-- @return helper -> schema
function M.schemas(core)
  local language = require "moongate.language"
  local env = language.new(core)
  for _, name in ipairs { "allow_inbound_ssh", "drop_outbound_smtp", "reject_forward_dns", "allow_forward_ntp" } do
    assert(type(env[name]) == "function", name)
  end
  for _, name in ipairs(language.names(core)) do
    assert(env[name] ~= nil, name) -- some are loaded when they are first named
  end
  return require("moongate.schema").schemas
end

return M
