-- SPDX-License-Identifier: GPL-2.0-or-later
--- What is wrong with a text that is to be an address.
local shown = require("moongate.lists").shown

local M = {}

--- Why a text is no address, in words that help.
-- @param session the evaluation under way
-- @param text the text
-- @return the words
function M.explain(session, text)
  local quoted = shown(text)
  if text == "" then
    return "an empty string is not an address"
  elseif text:find("^%s*!") then
    return quoted .. ": write except(...) to negate"
  elseif text:lower() == "any" or text:lower() == "all" then
    return quoted .. " is not an address: leave the option out to match any"
  elseif text:find("%%") then
    return quoted .. " names an interface: give that as on= or out="
  end
  local first, last = text:match("^([%x.:]+)%s*%-%s*([%x.:]+)$")
  if first and session.core.address(first) and session.core.address(last) then
    return quoted .. " is a range: write it as networks, like 192.0.2.0/28"
  end
  local host = text:match("^([^/]+)")
  if host and host:find("^[%w_-][%w_.-]*$") and host:find("[G-Zg-z_-]") then
    return ("%s is a host name: names are not looked up here, since DNS at boot is a trap; write its address, "
      .. "or resolve(%s)"):format(quoted, quoted)
  end
  return quoted .. " is not an IPv4 or IPv6 address or network"
end

return M
