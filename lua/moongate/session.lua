-- SPDX-License-Identifier: GPL-2.0-or-later
--- One evaluation of one policy: what its helpers share.
local service_registry = require "moongate.service_registry"

local M = {}

--- Begin an evaluation.
-- @param core the primitives that the C core provides
-- @return a session: `core`, `fail`, `once`, `services`, and the helpers' notes
function M.new(core)
  local done = {}
  local session = {
    core = core,
    -- Parsed addresses, see moongate.addresses.
    address_cache = {},
    address_cached = 0,
    -- Parts for a single port, see moongate.ports.
    port_cache = { tcp = {}, udp = {}, sctp = {} },
    -- Names given by the language, see moongate.names and moongate.shared_chains.
    given_names = {},
    written_chains = {},
    -- Zone objects and what they hold, see moongate.zones.
    zones = {},
    -- User chains and `go_to` jumps, see moongate.chains.
    chains = {},
    jumps = {},
  }

  --- Stop at a mistake of the policy's.
  -- @param helper who found it
  -- @param path path of the value ("from[2]"), or nil
  -- @param what what is wrong
  -- @raise always, with the policy's file and line
  function session.fail(helper, path, what)
    core.fail(helper .. ": " .. (path and path ~= "" and path .. ": " or "") .. what)
    error("core.fail returned", 0)
  end

  --- Whether something is asked for the first time.
  -- @param name what
  -- @return true the first time
  function session.once(name)
    if done[name] then
      return false
    end
    done[name] = true
    return true
  end

  session.services = service_registry.new(session)
  return session
end

return M
