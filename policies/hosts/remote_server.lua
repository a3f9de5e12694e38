-- SPDX-License-Identifier: GPL-2.0-or-later
-- A server that is managed only over ssh.
--
-- Nothing comes in but ssh and a web console, both from the office only;
-- nothing goes out but what the server needs to look after itself. Copy it to
-- /etc/moongate/policy.lua, put your own networks in, and try it with
-- `moongate plan`, which changes nothing.

-- What no line below allows is dropped: in, out and through, IPv4 and IPv6.
default_deny()
allow_established()
allow_loopback()

-- Packets that no honest host sends.
drop_bad_tcp_flags()
drop_invalid()

-- Ping, path MTU and, for IPv6, neighbour discovery: without it IPv6 is dead.
allow_icmp()

-- Who may come in: one friendly network in each family.
local office = addresses { "10.137.0.0/24", "2001:db8:137::/48" }
allow_inbound_ssh { from = office }
allow_inbound { tcp = 8443, from = office, comment = "mineos webui" }

-- What the server itself may reach: names, and updates over the web.
allow_outbound_dns()
allow_outbound_http()
allow_outbound_https()

-- Where an address is leased, the lease must be renewed, or the server is gone
-- when it ends.
for _, interface in ipairs(host.interfaces) do
  if interface.leased or interface.leased6 then
    allow_dhcp_client { on = interface.name }
  end
end
