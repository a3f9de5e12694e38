-- SPDX-License-Identifier: GPL-2.0-or-later
--- `resolve`: the addresses that a host name had when somebody looked it up on
-- purpose. What it gives stands in the lock file beside the policy, so that a
-- boot needs no DNS; `moongate resolve` refreshes it.
local addresses = require "moongate.addresses"
local lists = require "moongate.lists"
local schema = require "moongate.schema"

local M = {}

local ipairs, type = ipairs, type
local shown = lists.shown

local helper = "resolve"
local options_schema = schema.helper(helper, { name = "string" }, {
  positional = "name", list = true, required = { "name" }, example = { name = "www.example.org" },
})

-- What DNS allows.
local longest_name, longest_label = 253, 63

-- What is wrong with a name in lower case, or nil.
local function mistake(session, name, given)
  if name == "" then
    return "an empty string is not a name"
  elseif session.core.address(name) then
    return shown(given) .. " is an address: write it as it is"
  elseif name:find("[\128-\255]") then
    return shown(given) .. ' is not ASCII: write the form that DNS has, "xn--..."'
  elseif #name > longest_name then
    return ("%s has %d bytes, but at most %d fit"):format(shown(given), #name, longest_name)
  end
  local last
  for label in (name .. "."):gmatch("(.-)%.") do
    if not label:find("^[%w_][%w_-]*$") or #label > longest_label then
      return shown(given) .. " is not a host name"
    end
    last = label
  end
  -- inet_aton(3) would take it for an address
  if last:find("^%d+$") or last:find("^0x%x*$") then
    return shown(given) .. " is a number, not a host name"
  end
end

-- What was given, as a plain list.
local function names_of(session, options)
  if options.name and options[1] then
    session.fail(helper, "name", "is given beside names that stand without it: put all into the list")
  elseif options.name then
    return { options.name }
  end
  local names = {}
  for i = 1, lists.length(session, helper, nil, options) do
    names[i] = options[i]
  end
  return names
end

--- Offer `resolve` to policies.
-- The value is one as `addresses { ... }` gives, with both families.
-- @param language table of names
-- @param session the evaluation under way
-- @usage allow_outbound { "https", to = resolve("deb.debian.org") }
-- allow_inbound_ssh { from = resolve { "bastion1.example.org", "bastion2.example.org" } }
function M.install(language, session)
  language.resolve = function(...)
    local options = schema.take(session, helper, options_schema, ...)
    local texts = {}
    for i, given in ipairs(names_of(session, options)) do
      local path = type((...)) == "table" and not options.name and ("[%d]"):format(i) or nil
      local name = given:lower():gsub("%.$", "")
      local wrong = mistake(session, name, given)
      if wrong then
        session.fail(helper, path, wrong)
      end
      local found, message = session.core.resolve(name)
      if not found then
        session.fail(helper, path, message)
      end
      table.move(found, 1, #found, #texts + 1, texts)
    end
    return (addresses.value(session, helper, nil, texts))
  end
end

return M
