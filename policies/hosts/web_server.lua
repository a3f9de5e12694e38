-- SPDX-License-Identifier: GPL-2.0-or-later
-- A web server: HTTP and HTTPS in, for everybody; DNS, NTP and SMTP out.
--
-- Copy it to /etc/moongate/policy.lua, put your own networks in, and try it with
-- `moongate plan`, which changes nothing.

use("roles.base")

-- The way in for whoever looks after it.
local office = addresses { "10.137.0.0/24", "2001:db8:137::/48" }
use("roles.ssh_server", { from = office })

use("roles.web_server")

-- What the server itself needs: names, the time, and to send its mail.
use("roles.dns_client")
use("roles.ntp_client")
allow_outbound_smtp()
