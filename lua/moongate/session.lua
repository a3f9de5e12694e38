-- SPDX-License-Identifier: GPL-2.0-or-later
--- One evaluation of one policy: what its helpers share.
local service_registry = require "moongate.service_registry"

local M = {}

--- Begin an evaluation.
-- @param core the primitives that the C core provides
-- @return a session: `core`, `fail`, `once`, `claim`, `set_policy`, `services`, and the helpers' notes
function M.new(core)
  local done, claims = {}, {}
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
    -- Whether a service was named that has a conntrack helper, see
    -- moongate.conntrack_helpers.
    has_conntrack_helpers = false,
    -- Zone objects and what they hold, see moongate.zones.
    zones = {},
    -- Set objects and what they are, look-ups into sets of the kernel, and how many
    -- lists have been numbered, see moongate.kernel_sets.
    sets = {},
    kernel_sets = {},
    list_count = 0,
    -- User chains and `go_to` jumps, see moongate.chains.
    chains = {},
    jumps = {},
    -- Modules at work, outermost first, and where they are used, see
    -- moongate.modules; and the number of the innermost one's use, 0 in the
    -- policy itself.
    uses = {},
    use_places = {},
    use = 0,
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

  --- Take what only one may define: the policy itself, or one use of a module.
  -- Within that one, the last word counts; another may say the same again.
  -- @param key what is defined
  -- @param value what it is to be
  -- @return nil; or, where another has defined it otherwise, at which place
  function session.claim(key, value)
    local others = claims[key] or {}
    claims[key] = others
    local own
    for _, claim in ipairs(others) do
      if claim.use == session.use then
        own = claim
      elseif claim.value ~= value then
        return claim.place
      end
    end
    if not own then
      own = { use = session.use }
      others[#others + 1] = own
    end
    own.value, own.place = value, core.place() .. core.uses()
  end

  --- Set the policy of a built-in chain.
  -- @param families, table_name, chain, policy, helper as the core takes them
  -- @raise if another module, or the policy, wants a different one
  function session.set_policy(families, table_name, chain, policy, helper)
    for family = 1, 2 do
      local other = families & family ~= 0
        and session.claim(("policy %d %s %s"):format(family, table_name, chain), policy)
      if other then
        session.fail(helper, nil, ("policy %s for %s of %s, but another one is set at %s: leave one of them out")
          :format(policy, chain, table_name, other))
      end
    end
    core.policy(families, table_name, chain, policy, helper)
  end

  session.services = service_registry.new(session)
  return session
end

return M
