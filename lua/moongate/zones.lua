-- SPDX-License-Identifier: GPL-2.0-or-later
--- `zone { interfaces =, networks = }`: a place that packets come from and go
-- to, good wherever `from`, `to`, `on` and `out` stand.
--
-- With both, both must hold: by one of the interfaces, and an address in one of
-- the networks. A zone with networks of one family only has nothing of the
-- other one in it. A zone without networks has all that its interfaces bring.
-- What it means in a rule is moongate.places' to say.
local addresses = require "moongate.addresses"
local exceptions = require "moongate.exceptions"
local interfaces = require "moongate.interfaces"
local nearest = require "moongate.nearest"
local readonly = require "moongate.readonly"
local schema = require "moongate.schema"

local M = {}

local setmetatable, concat = setmetatable, table.concat

local helper = "zone"
local options_schema = schema.helper(helper, { interfaces = "interfaces", networks = "addresses", name = "string" },
  { example = { interfaces = "lan0", networks = "10.0.0.0/24", name = "lan" } })

-- What a zone is in an error: its name, or the beginning of what is in it.
local function shown(zone, name)
  if name then
    return ("zone %q"):format(name)
  end
  local out = {}
  local function add(list, negative)
    for i = 1, math.min(#list, 3) do
      out[#out + 1] = (negative and "except " or "") .. list[i]
    end
    if #list > 3 then
      out[#out + 1] = "..."
    end
  end
  if zone.links then
    add(zone.links, zone.links.negative)
  end
  if zone.nets then
    add(zone.texts)
    for family = 1, 2 do
      for _, item in ipairs(zone.nets.exc[family]) do
        add({ type(item) == "table" and item.shown or item }, true)
      end
    end
  end
  return ("zone { %s }"):format(concat(out, ", "))
end

-- What moongate.addresses, moongate.interfaces and moongate.places look at.
local function describe(links, nets, texts, name)
  local zone = { links = links, nets = nets, texts = texts }
  zone.empty = links and interfaces.is_empty(links) or nets and addresses.is_empty(nets) or false
  zone.only_addresses = not links and nets.positive and not addresses.has_exceptions(nets)
  zone.only_interfaces = not nets and not links.negative
  zone.shown = shown(zone, name)
  return zone
end

local part_names = { "interfaces", "name", "networks" }
local is_part = { interfaces = true, name = true, networks = true }

-- The object: its parts can be read, for places where a zone as a whole has no
-- business. A part that it has not is an error: nil as an option means "any".
local function new_object(session, zone, parts)
  local object = setmetatable({}, {
    __name = "zone",
    __metatable = false,
    __index = function(_, key)
      if parts[key] == nil then
        session.fail(helper, nil, ("%s has no `%s`%s"):format(zone.shown, tostring(key),
          is_part[key] and "" or nearest.suggestion(tostring(key), part_names)))
      end
      return parts[key]
    end,
    __newindex = function()
      session.fail(helper, nil, ("%s is read-only: make another zone"):format(zone.shown))
    end,
    __tostring = function()
      return zone.shown
    end,
  })
  session.zones[object] = zone
  return object
end

local function read_name(session, name)
  local wrong = name and schema.bad_text(name, 60)
  if wrong then
    session.fail(helper, "name", wrong)
  end
  return name
end

--- Offer `zone` to policies.
-- Options: `interfaces` (names, a list, or except(...)), `networks` (addresses,
-- a list, or except(...)), at least one of them; `name`, for errors. A zone of
-- interfaces alone may stand in another's `interfaces`, likewise for `networks`.
-- The value has `interfaces`, `networks` and `name`, to be read.
-- @param language table of names
-- @param session the evaluation under way
-- @usage local lan = zone { interfaces = "lan0", networks = { "10.0.0.0/24", "2001:db8:1::/64" } }
-- allow_inbound_ssh { from = lan }
-- allow_forward { "https", from = lan, to = except(lan) }
function M.install(language, session)
  language.zone = function(...)
    local options = schema.take(session, helper, options_schema, ...)
    if options.interfaces == nil and options.networks == nil then
      session.fail(helper, nil, "nothing says what is in it: give interfaces, networks or both")
    end
    local links, networks, nets
    local parts = { name = read_name(session, options.name) }
    if options.interfaces ~= nil then
      links = interfaces.read(session, helper, "interfaces", options.interfaces)
      if links.zoned then
        session.fail(helper, "interfaces", ("%s is more than a list of interfaces"):format(links.zones[1].shown))
      end
      local names = readonly.view(table.move(links, 1, #links, 1, {}), "zone.interfaces", session.core.fail)
      parts.interfaces = links.negative and exceptions.new(names) or names
    end
    if options.networks ~= nil then
      networks, nets = addresses.value(session, helper, "networks", options.networks)
      parts.networks = networks
    end
    local texts = {}
    for i, text in ipairs(networks or {}) do
      texts[i] = text
    end
    return new_object(session, describe(links, nets, texts, parts.name), parts)
  end
end

return M
