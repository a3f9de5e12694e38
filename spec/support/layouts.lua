-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What other software puts into the tables, as iptables-legacy-save -c prints it,
-- written down from what each makes: spec/support/layouts/NAME.ipv4 and NAME.ipv6,
-- and in NAME.sets what `ipset restore` has to load before. The counters are those
-- of rules that were at work, so that a new copy of one can be told from it.

local run = require "spec.support.run"

local M = {}

-- The layouts, and the preset that each is for: old and new releases of the same
-- software look different.
local presets = {
  ["crowdsec"] = "crowdsec",
  ["docker-20"] = "docker", -- until 27
  ["docker-28"] = "docker",
  ["fail2ban-chains"] = "fail2ban",
  ["fail2ban-sets"] = "fail2ban",
  ["firewalld"] = "firewalld",
  ["kubernetes"] = "kubernetes", -- with the rules of several networks
  ["libvirt"] = "libvirt",
  ["libvirt-4"] = "libvirt", -- before 5.1: without chains
  ["podman"] = "podman",
  ["podman-cni"] = "podman", -- before 4
  ["tailscale"] = "tailscale",
  ["ufw"] = "ufw", -- with the policies of its chains left out, which are the policy's
}

--- Names of all layouts, in order.
M.names = {}
for name in pairs(presets) do
  M.names[#M.names + 1] = name
end
table.sort(M.names)

--- The preset that a layout is for.
function M.preset(name)
  return assert(presets[name], name)
end

--- The text of one part ("ipv4", "ipv6", "sets"), or nil if the layout has none.
function M.text(name, part)
  return run.read_file(("spec/support/layouts/%s.%s"):format(name, part))
end

--- Load a layout into a namespace: its sets, then its tables of both families.
function M.load(namespace, name)
  local tables = require "spec.support.tables"
  local sets = M.text(name, "sets")
  if sets then
    namespace:must({ "ipset", "restore" }, { input = sets })
  end
  for _, family in ipairs(tables.families) do
    local text = M.text(name, family)
    if text then
      tables.restore(namespace, family, text, "-c", "-n") -- beside another one
    end
  end
end

return M
