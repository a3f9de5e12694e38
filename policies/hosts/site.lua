-- SPDX-License-Identifier: GPL-2.0-or-later
-- Ten hosts from one file: who a host is, its name says (`host.name`), and what
-- it does stands in the list below. The same file lies on all of them as
-- /etc/moongate/policy.lua. Before a change goes out, it is checked for all of
-- them on one, with their facts (`moongate facts` writes them):
--
--   for host in site/*.json; do moongate check --facts $host site.lua; done

-- Where everybody is. Other lines say names, and nobody has to remember numbers.
local office = addresses { "10.137.0.0/24", "2001:db8:137::/48" }
local address = {
  bastion = { "10.20.0.10", "2001:db8:20::10" },
  web1 = { "10.20.0.11", "2001:db8:20::11" },
  web2 = { "10.20.0.12", "2001:db8:20::12" },
  web3 = { "10.20.0.13", "2001:db8:20::13" },
  mail1 = { "10.20.0.25", "2001:db8:20::25" },
  ns1 = { "10.20.0.53", "2001:db8:20::53" },
  ns2 = { "10.20.0.54", "2001:db8:20::54" },
  db1 = { "10.20.0.61", "2001:db8:20::61" },
  db2 = { "10.20.0.62", "2001:db8:20::62" },
  monitor = { "10.20.0.90", "2001:db8:20::90" },
}

local function at(...)
  local list = {}
  for i, name in ipairs { ... } do
    list[i] = address[name] or error(("`%s` is not one of the hosts"):format(name), 2)
  end
  return addresses(list)
end

local site = {}
for _, both in pairs(address) do
  site[#site + 1] = both
end

-- What each kind of host does, beyond what all do.
local function web()
  use("roles.web_server", { http3 = true })
  allow_outbound { "postgresql", to = at("db1", "db2") }
end

local function mail()
  use("roles.mail_server", { clients = office })
end

local function names(peer)
  use("roles.dns_server", { peers = at(peer) })
end

local function database(peer)
  use("roles.database", { engine = "postgresql", from = at("web1", "web2", "web3"), peers = at(peer) })
end

local duties = {
  bastion = function()
    allow_outbound_ssh { to = site }
  end,
  web1 = web,
  web2 = web,
  web3 = web,
  mail1 = mail,
  ns1 = function()
    names "ns2"
  end,
  ns2 = function()
    names "ns1"
  end,
  db1 = function()
    database "db2"
  end,
  db2 = function()
    database "db1"
  end,
  monitor = function()
    allow_outbound { "node_exporter", to = site }
    use("roles.web_server", { from = office, port = { 443, 3000 } })
  end,
}

-- Who this host is: "web3", also where it calls itself "web3.example.org".
local name = host.name:match("^[^.]+")
local duty = duties[name] or error(("no host is called %q: add it to `address` and `duties`"):format(host.name))

-- What all of them do.
use("roles.base", { log = true })
use("roles.ssh_server", { from = name == "bastion" and office or at "bastion" })
use("roles.dns_client", { to = at("ns1", "ns2") })
use("roles.ntp_client")
allow_outbound_https { comment = "updates" }
if name ~= "mail1" then
  allow_outbound_smtp { to = at "mail1" }
end
if name ~= "monitor" then
  allow_inbound_node_exporter { from = at "monitor" }
end

duty()
