-- SPDX-License-Identifier: GPL-2.0-or-later
--- The networks that the host itself is in, by its facts: which source addresses
-- live behind which interface.
local interface_sets = require "moongate.interface_sets"
local networks = require "moongate.networks"

local M = {}

local link_local = { "169.254.0.0/16", "fe80::/10" }
local host_prefix = { "/32$", "/128$" }

--- Whether an interface is in a set.
-- @param name its name
-- @param links a set as moongate.interfaces reads it, or nil for all
-- @return boolean
function M.is_in(name, links)
  return not interface_sets.is_empty(interface_sets.both({ negative = false, name }, links))
end

--- The networks of one family that the host's interfaces have addresses in, but
-- for the loopback's and link-local ones.
-- @param session the evaluation under way
-- @param family 1 or 2
-- @param hosts whether single addresses (/32, /128) count, too
-- @return a sequence of { network =, interfaces = { name... } }, the narrower
--   networks first
function M.networks(session, family, hosts)
  local found, by_network = {}, {}
  for _, interface in ipairs(session.core.host and session.core.host.interfaces or {}) do
    for _, address in ipairs(interface.loopback and {} or interface.addresses or {}) do
      local of, network = session.core.address(address)
      if of == family and (hosts or not network:find(host_prefix[family]))
          and not networks.within(network, link_local[family]) then
        local entry = by_network[network]
        if not entry then
          entry = { network = network, interfaces = {} }
          by_network[network] = entry
          found[#found + 1] = entry
        end
        if entry.interfaces[#entry.interfaces] ~= interface.name then
          entry.interfaces[#entry.interfaces + 1] = interface.name
        end
      end
    end
  end
  table.sort(found, function(a, b)
    local a_bits, b_bits = networks.bits(a.network), networks.bits(b.network)
    if #a_bits ~= #b_bits then
      return #a_bits > #b_bits
    end
    return a_bits < b_bits
  end)
  return found
end

return M
