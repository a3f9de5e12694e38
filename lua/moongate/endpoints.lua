-- SPDX-License-Identifier: GPL-2.0-or-later
--- Where a connection is sent to, or seems to come from: "10.0.0.5",
-- "10.0.0.5:80", "[2001:db8::5]:80", "203.0.113.5-203.0.113.9:1024-65535".
--
-- What is read is by family: { [1] = endpoint, [2] = endpoint }, an endpoint
-- being { text = "10.0.0.5", last = "10.0.0.9" or nil, low, high = ports or
-- nil, set = what moongate.addresses makes of it, or nil for a range }.
local addresses = require "moongate.addresses"
local exceptions = require "moongate.exceptions"
local lists = require "moongate.lists"

local M = {}

local type, tointeger = type, math.tointeger
local shown = lists.shown

local whole_length = { "/32", "/128" }

-- Addresses that no packet on a wire is for.
local nowhere = {
  { "^0%.", "is no host's address" },
  { "^127%.", "is this host itself, and never leaves it: redirect_port sends to a port of this host" },
  { "^22[4-9]%.", "is a multicast address" },
  { "^23%d%.", "is a multicast address" },
  { "^255%.255%.255%.255$", "is the broadcast address" },
  { "^::$", "is no host's address" },
  { "^::1$", "is this host itself, and never leaves it: redirect_port sends to a port of this host" },
  { "^ff%x%x:", "is a multicast address" },
}

-- One address -> its family and canonical text without a prefix.
local function read_address(session, helper, path, text)
  local family, canonical = session.core.address(text)
  if not family then
    addresses.read(session, helper, path, text) -- raises, and says what the text is instead
  end
  local host, prefix = canonical:match("^(.-)(/%d+)$")
  if prefix ~= whole_length[family] then
    session.fail(helper, path, ("one address is needed, not the network %s"):format(shown(text)))
  end
  for _, wrong in ipairs(nowhere) do
    if host:find(wrong[1]) then
      session.fail(helper, path, ("%s %s"):format(shown(text), wrong[2]))
    end
  end
  return family, host
end

local function read_port(session, helper, path, digits)
  local port = tointeger(digits)
  if not port or port < 1 or port > 65535 then
    session.fail(helper, path, ("port %s is out of range (1 to 65535)"):format(digits))
  end
  return port
end

-- "10.0.0.5:80" -> "10.0.0.5", "80"; the port is nil where there is none.
local function split(text)
  local inside, rest = text:match("^%[([^%[%]]*)%](.*)$")
  if inside and rest == "" then
    return inside, nil
  elseif inside and rest:find("^:") then
    return inside, rest:sub(2)
  end
  local host, port = text:match("^([^:]*):([^:]*)$")
  if host then
    return host, port
  end
  return text, nil
end

local function read_ports(session, helper, path, text, port_text, endpoint)
  local first, last = port_text:match("^(%d+)[-:](%d+)$")
  first = first or port_text:match("^%d+$")
  if not first then
    session.fail(helper, path, ('%s: %s is no port or range ("8000-8010")'):format(shown(text), shown(port_text)))
  end
  endpoint.low = read_port(session, helper, path, first)
  endpoint.high = last and read_port(session, helper, path, last) or endpoint.low
  if endpoint.low > endpoint.high then
    session.fail(helper, path, ("range %s ends before it begins"):format(shown(port_text)))
  end
end

-- Is one address behind another of the same family?
local function is_behind(family, one, other)
  local bits = require("moongate.networks").bits -- loaded where it is asked for
  return bits(one .. whole_length[family]) > bits(other .. whole_length[family])
end

local function read_text(session, helper, path, text, ranges)
  local host, port_text = split(text)
  local first, last = host:match("^([%x.:]+)%s*%-%s*([%x.:]+)$")
  if first and not ranges then
    session.fail(helper, path, ("one address is needed, not the range %s"):format(shown(host)))
  end
  local family, canonical = read_address(session, helper, path, first or host)
  local endpoint = { text = canonical }
  if last then
    local family_of_last
    family_of_last, endpoint.last = read_address(session, helper, path, last)
    if family_of_last ~= family then
      session.fail(helper, path, ("%s begins in one family and ends in the other"):format(shown(host)))
    elseif is_behind(family, canonical, endpoint.last) then
      session.fail(helper, path, ("range %s ends before it begins"):format(shown(host)))
    end
  else
    endpoint.set = addresses.read(session, helper, path, canonical)
  end
  if port_text then
    read_ports(session, helper, path, text, port_text, endpoint)
  end
  return family, endpoint
end

--- Read what a policy gave as the place to translate to.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param path path of the value
-- @param value a text, or a list of at most one text for each family
-- @param ranges whether "FIRST-LAST" is an address here
-- @return { [1] = endpoint or nil, [2] = endpoint or nil }; empty if the list is
-- @raise `helper: path: what` if something in it is none
function M.read(session, helper, path, value, ranges)
  local found = {}
  local function add(text, at)
    local family, endpoint = read_text(session, helper, at, text, ranges)
    if found[family] then
      session.fail(helper, at, ("%s beside %s: one address of each family is the most; make one call for each")
        :format(shown(text), shown(found[family].text)))
    end
    found[family] = endpoint
  end
  lists.each(session, helper, path, value, function(leaf, at)
    if type(leaf) == "string" then
      add(leaf, at)
    elseif exceptions.is(leaf) then
      session.fail(helper, at, "except says where not to, but an address is needed")
    elseif session.zones[leaf] then
      session.fail(helper, at, ("%s is a place, but one address is needed"):format(session.zones[leaf].shown))
    elseif type(leaf) == "table" and getmetatable(leaf) == false then
      -- made by addresses { ... }, which goes through as a list does
      for i = 1, #leaf do
        add(leaf[i]:gsub("/%d+$", function(prefix)
          return (prefix == "/32" or prefix == "/128") and "" or prefix
        end), at)
      end
      return true
    elseif type(leaf) ~= "table" then
      session.fail(helper, at, ("an address as a string is needed, not %s"):format(shown(leaf)))
    end
  end)
  return found
end

--- The text that SNAT and DNAT take.
-- @param endpoint see above
-- @param ports text of its ports, or nil for none
-- @return the text
function M.text(endpoint, ports)
  local text = endpoint.last and endpoint.text .. "-" .. endpoint.last or endpoint.text
  if not ports then
    return text
  end
  return (text:find(":", 1, true) and "[%s]:%s" or "%s:%s"):format(text, ports)
end

--- Families as a number, as the core counts them.
-- @param found what `read` returned
-- @return 0 to 3
function M.families(found)
  return (found[1] and 1 or 0) | (found[2] and 2 or 0)
end

return M
