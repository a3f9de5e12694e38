-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The policies with very many rules, as a script would write them: a loop over
-- addresses.

local M = {}

-- What every one of them begins with.
local opening = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
]]

-- One rule a turn of the loop, by the helper or by the primitive below it.
local loops = {
  helper = [[
for i = 0, %d do
  local client = ("10.%%d.%%d.%%d"):format(i >> 16, i >> 8 & 255, i & 255)
  allow_inbound { from = client, tcp = i == changed and 8444 or 8443, comment = "client " .. i }
end
]],
  append = [[
local input = chain("filter", "INPUT")
for i = 0, %d do
  local client = ("10.%%d.%%d.%%d"):format(i >> 16, i >> 8 & 255, i & 255)
  input:append {
    protocol = "tcp", source = client, destination_port = i == changed and 8444 or 8443,
    match = { { "conntrack", ctstate = "NEW" }, { "comment", comment = "client " .. i } },
    jump = "ACCEPT",
  }
end
]],
}

--- The text of a policy with `size` rules and a few more.
-- @param way "helper" (allow_inbound) or "append" (chain():append)
-- @param changed the number of the rule that differs; nil for none
function M.large(way, size, changed)
  return ("%slocal changed = %s\n"):format(opening, changed) .. loops[way]:format(size - 1)
end

--- The same rules for ferm(1).
function M.ferm(size)
  local lines = { [[
domain ip table filter {
  chain (FORWARD OUTPUT) policy DROP;
  chain INPUT {
    policy DROP;
    mod conntrack ctstate (RELATED ESTABLISHED) ACCEPT;
    interface lo ACCEPT;]] }
  for i = 0, size - 1 do
    lines[#lines + 1] = ('    proto tcp saddr 10.%d.%d.%d dport 8443 mod conntrack ctstate NEW'
      .. ' mod comment comment "client %d" ACCEPT;'):format(i >> 16, i >> 8 & 255, i & 255, i)
  end
  lines[#lines + 1] = "  }\n}\n"
  return table.concat(lines, "\n")
end

return M
