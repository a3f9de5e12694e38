-- SPDX-License-Identifier: GPL-2.0-or-later
--- One helper for each service and direction, made when it is first named:
-- `allow_inbound_https`, `reject_forward_smtp`.
local verbs = require "moongate.verbs"

local M = {}

local is_action = { allow = true, drop = true, reject = true }
local is_direction = { inbound = true, outbound = true, forward = true }

-- "allow_inbound_dns_over_tls" -> "allow", "inbound", "dns_over_tls"
local function split(name)
  local action, direction, service = name:match("^(%l+)_(%l+)_([%w_]+)$")
  if is_action[action] and is_direction[direction] then
    return action, direction, service
  end
end

--- The helper of that name.
-- @param session the evaluation under way
-- @param name a global that a policy asked for
-- @return a function, or nil if no service is meant
function M.find(session, name)
  local action, direction, service = split(name)
  if action and session.services:get(service) then
    return verbs.for_service(session, action, direction, service)
  end
end

--- Names to suggest for one that looks like a service's helper.
-- @param session the evaluation under way
-- @param name what the policy wrote
-- @return a sequence, empty if it looks like something else
function M.like(session, name)
  local action, direction = split(name)
  local names = {}
  if action then
    for i, service in ipairs(session.services:names()) do
      names[i] = action .. "_" .. direction .. "_" .. service
    end
  end
  return names
end

return M
