-- SPDX-License-Identifier: GPL-2.0-or-later
-- A router between a LAN and the internet.
--
-- Copy it to /etc/moongate/policy.lua, put your own interfaces and networks in,
-- and try it with `moongate plan`, which changes nothing. The kernel forwards
-- only where it is told to: sysctl net.ipv4.ip_forward=1, and
-- net.ipv6.conf.all.forwarding=1 for IPv6.

-- Where the LAN is and where the internet is, and who lives in the LAN.
local lan, wan = "lan0", "wan0"
local networks = addresses { "10.137.0.0/24", "2001:db8:137::/64" }

-- Denied is what no line below allows. TCP packets with nonsense for flags
-- (eleven patterns) and INVALID ones are dropped, also those that would be
-- forwarded.
use("roles.base")

-- The LAN may go out, with the router's address where it is IPv4. One port
-- leads in: 8080 of the router to the web server of a host in the LAN, whose
-- own port 80 stays closed to the internet.
use("roles.gateway", {
  lan = lan,
  wan = wan,
  networks = networks,
  forwards = {
    { tcp = 8080, to = { "10.137.0.2:80", "[2001:db8:137::2]:80" }, comment = "web server" },
  },
  reflect = true,
  clamp = true,
})

-- The router itself: it is looked after from the LAN, and asks for names, the
-- time and updates.
use("roles.ssh_server", { from = networks, on = lan })
use("roles.dns_client")
use("roles.ntp_client")
allow_outbound_http()
allow_outbound_https()
