-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The roles against real packets, each alone on top of roles.base, and all at
-- once: of many ports, those that a role opens are open and no other is, from a
-- friend, from a stranger and outwards, in both families.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local openings = require "spec.support.openings"
local packets = require "spec.support.packets"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local addresses = network.addresses
local ports = openings.ports

local mail_in = { "tcp:25", "tcp:143", "tcp:465", "tcp:587", "tcp:993" }
local friends = '{ "10.137.0.0/24", "2001:db8:137::/64" }'

-- Each role: the policy's lines, and what is open then. `out` is to the
-- stranger, `out_friend` to the friend; both are nothing where not said.
local cases = {
  {
    name = "base", lines = "",
  },
  {
    name = "base, anything out", base = "{ any_outbound = true }", lines = "", out = ports, out_friend = ports,
  },
  {
    name = "ssh_server", lines = 'use("roles.ssh_server")',
    friend = { "tcp:22" }, stranger = { "tcp:22" },
  },
  {
    name = "ssh_server for friends on another port",
    lines = ('use("roles.ssh_server", { from = %s, port = { 22, 2222 }, on = { "lan0", "wan0" } })'):format(friends),
    friend = { "tcp:22", "tcp:2222" },
  },
  {
    name = "ssh_server on one interface", lines = 'use("roles.ssh_server", { on = "wan0" })',
    stranger = { "tcp:22" },
  },
  {
    name = "web_server", lines = 'use("roles.web_server")',
    friend = { "tcp:80", "tcp:443" }, stranger = { "tcp:80", "tcp:443" },
  },
  {
    name = "web_server twice", lines = [[
      use("roles.web_server", { http3 = true, port = 443 })
      use("roles.web_server", { port = "8080", from = zone { interfaces = "lan0", networks = "10.0.0.0/8" } })
    ]],
    friend = { "tcp:443", "udp:443" }, stranger = { "tcp:443", "udp:443" }, friend_ipv4 = { "tcp:8080" },
  },
  {
    name = "mail_server", lines = 'use("roles.mail_server")',
    friend = mail_in, stranger = mail_in, out = { "tcp:25" }, out_friend = { "tcp:25" },
  },
  {
    name = "mail_server with a relay and users near by",
    lines = ('use("roles.mail_server", { clients = %s, relay = %s, imap = false, pop3 = true, sieve = true })')
      :format(friends, friends),
    friend = { "tcp:25", "tcp:110", "tcp:465", "tcp:587", "tcp:995", "tcp:4190" }, stranger = { "tcp:25" },
    out_friend = { "tcp:25", "tcp:465", "tcp:587" },
  },
  {
    name = "dns_client", lines = 'use("roles.dns_client")',
    out = { "tcp:53", "udp:53" }, out_friend = { "tcp:53", "udp:53" },
  },
  {
    name = "dns_client of one resolver",
    lines = ('use("roles.dns_client", { to = %s, over_tls = true })'):format(friends),
    out_friend = { "tcp:53", "udp:53", "tcp:853" },
  },
  {
    name = "dns_server", lines = 'use("roles.dns_server")',
    friend = { "tcp:53", "udp:53" }, stranger = { "tcp:53", "udp:53" },
  },
  {
    name = "dns_server, a resolver for friends",
    lines = ('use("roles.dns_server", { from = %s, on = "lan0", over_tls = true, recursive = true })'):format(friends),
    friend = { "tcp:53", "udp:53", "tcp:853" }, out = { "tcp:53", "udp:53" }, out_friend = { "tcp:53", "udp:53" },
  },
  {
    name = "dns_server with a peer",
    lines = ('use("roles.dns_server", { from = "192.0.2.1", peers = %s })'):format(friends),
    friend = { "tcp:53", "udp:53" }, out_friend = { "tcp:53", "udp:53" },
  },
  {
    name = "ntp_client", lines = 'use("roles.ntp_client")',
    out = { "udp:123" }, out_friend = { "udp:123" },
  },
  {
    name = "ntp_client with keys", lines = ('use("roles.ntp_client", { to = %s, nts = true })'):format(friends),
    out_friend = { "udp:123", "tcp:4460" },
  },
  {
    name = "database", lines = ('use("roles.database", { from = %s })'):format(friends),
    friend = { "tcp:5432" },
  },
  {
    name = "databases with another port and replicas", lines = [[
      use("roles.database", { engine = "mysql", from = "10.137.0.2" })
      use("roles.database", { from = {}, peers = { "10.66.0.2", "2001:db8:66::2" }, port = 5433 })
    ]],
    friend_ipv4 = { "tcp:3306" }, stranger = { "tcp:5433" }, out = { "tcp:5433" },
  },
  {
    name = "all of them", lines = [[
      use("roles.ssh_server", { from = "10.137.0.0/24" })
      use("roles.web_server")
      use("roles.mail_server", { submission = false, imap = false })
      use("roles.dns_client")
      use("roles.dns_server", { recursive = true })
      use("roles.ntp_client")
      use("roles.database", { from = { "10.137.0.0/24", "2001:db8:137::/64" } })
    ]],
    friend = { "tcp:25", "tcp:53", "udp:53", "tcp:80", "tcp:443", "tcp:5432" }, friend_ipv4 = { "tcp:22" },
    stranger = { "tcp:25", "tcp:53", "udp:53", "tcp:80", "tcp:443" },
    out = { "tcp:25", "tcp:53", "udp:53", "udp:123" }, out_friend = { "tcp:25", "tcp:53", "udp:53", "udp:123" },
  },
}

describe("roles with real packets #integration", function()
  local lab, program

  setup(function()
    lab = network.lab()
    program = moongate.new(lab)
    openings.serve(lab)
  end)

  teardown(network.close_all)

  for _, case in ipairs(cases) do
    it(case.name .. ": opens what it says and nothing else", function()
      local base = ('use("roles.base", %s)\n'):format(case.base or "{}")
      program:apply(program:policy(base .. case.lines), "--force")
      for way, open in pairs(openings.ask(lab)) do
        assert.same(openings.expected(case, way), open, way)
      end
    end)
  end

  it("base answers pings of those who may", function()
    program:apply(program:policy(('use("roles.base", { ping_from = %s })'):format(friends)), "--force")
    for _, family in ipairs(tables.families) do
      assert.equal(1, packets.ping(lab.friend, addresses.server_for.friend[family], 1), family)
      assert.equal(0, packets.ping(lab.stranger, addresses.server_for.stranger[family], 1), family)
      assert.equal(1, packets.ping(lab.server, addresses.stranger[family], 1), family)
    end
  end)

  it("base answers what it denies, if it is asked to", function()
    program:apply(program:policy 'use("roles.base", { reject = true, log = true })', "--force")
    for _, family in ipairs(tables.families) do
      assert.equal("refused", packets.state(lab.stranger, "tcp", addresses.server_for.stranger[family], 22), family)
      assert.truthy(tables.find(tables.filter(lab.server, family).INPUT, "-j LOG"), family)
    end
  end)

  it("ssh_server lets nobody come too often, if it is asked to", function()
    program:apply(program:policy [[
      use("roles.base")
      use("roles.ssh_server", { limit = { rate = "2/hour", burst = 2, per = "source" } })
    ]], "--force")
    for _, family in ipairs(tables.families) do
      local states = {}
      for i = 1, 4 do
        states[i] = packets.state(lab.stranger, "tcp", addresses.server_for.stranger[family], 22, 0.4)
      end
      assert.same({ "open", "open", "silent", "silent" }, states, family)
      assert.equal("open", packets.state(lab.friend, "tcp", addresses.server_for.friend[family], 22))
    end
  end)
end)
