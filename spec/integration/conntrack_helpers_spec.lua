-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A service that opens second connections, with real ones: FTP, whose data
-- comes over a port that both ends agree on.

local features = require "spec.support.features"
local gateway = require "spec.support.gateway"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local services = require "spec.support.services"

local it = features.it(it, pending, "nat", "ipv4: -m addrtype --dst-type LOCAL -j DROP")

local base = [[
  default_deny()
  allow_established()
  allow_loopback()
  allow_icmp { forward = true }
]]

describe("a service with second connections #integration", function()
  local lab, program

  lazy_setup(function()
    lab = gateway.lab()
    program = moongate.new(lab)
    for _, where in ipairs { lab.router, lab.lan, lab.internet } do
      services.start(where, "ftp server", packets.script("ftp.py", "serve", 21))
    end
  end)

  lazy_teardown(network.close_all)

  local function apply(text)
    return program:apply(program:policy(base .. text), "--remove-foreign")
  end

  local function fetches(from, address, how)
    return (from:must(packets.script("ftp.py", "get", address, 21, how)):gsub("\n", ""))
  end

  it("of this host's serves both families, and opens no other port", function()
    apply [[service("plain_ftp", { tcp = 21 }) allow_inbound_plain_ftp()]]
    for _, address in pairs(gateway.router_for.lan) do
      assert.matches("^failed: ", fetches(lab.lan, address, "passive"))
    end
    apply "allow_inbound_ftp { from = { '10.137.0.0/24', '2001:db8:137::/64' } }"
    for _, address in pairs(gateway.router_for.lan) do
      assert.equal("data", fetches(lab.lan, address, "passive"))
      assert.equal("silent", packets.state(lab.lan, "tcp", address, 40000))
    end
    assert.equal("silent", packets.state(lab.internet, "tcp", gateway.router_for.internet.ipv4, 21))
  end)

  it("lets the server of another host call back", function()
    apply "allow_outbound_ftp()"
    assert.equal("data", fetches(lab.router, gateway.internet_host.ipv4, "active"))
    assert.equal("data", fetches(lab.router, gateway.internet_host.ipv4, "passive"))
    assert.equal("data", fetches(lab.router, gateway.internet_host.ipv6, "passive"))
    assert.equal("silent", packets.state(lab.router, "tcp", gateway.internet_host.ipv4, 40000))
  end)

  it("is forwarded with them, and not for others", function()
    apply "allow_forward_ftp { from = '10.137.0.0/24', on = 'lan0', out = 'wan0' }"
    assert.equal("data", fetches(lab.lan, gateway.internet_host.ipv4, "active"))
    assert.equal("data", fetches(lab.lan, gateway.internet_host.ipv4, "passive"))
    assert.equal("silent", packets.state(lab.lan, "tcp", gateway.internet_host.ipv6, 21))
  end)

  it("has them translated where its port leads to another host", function()
    apply "forward_port { 'ftp', on = 'wan0', to = '10.137.0.2' }"
    assert.equal("data", fetches(lab.internet, gateway.router_for.internet.ipv4, "passive"))
    assert.equal("silent", packets.state(lab.internet, "tcp", gateway.lan_host.ipv4, 21))
  end)

  it("has nothing to do with a drop", function()
    local plan = program:must("plan", program:policy("default_deny() drop_inbound_ftp() reject_outbound_ftp()"))
    assert.falsy(plan.out:find("raw", 1, true), plan.out)
  end)
end)
