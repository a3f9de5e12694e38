-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Living with libvirt: rules as its releases lay them for a network with NAT, and
-- packets of a guest before and after an apply.

local gateway = require "spec.support.gateway"
local layouts = require "spec.support.layouts"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local services = require "spec.support.services"
local tables = require "spec.support.tables"

-- The guest is the LAN's host, its bridge the host's link to it.
local bridge = [[
ip link set lan0 down
ip link set lan0 name virbr0
ip link set virbr0 up
]]

local policy = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
keep "libvirt"
]]

describe("with libvirt #integration", function()
  local lab, program

  before_each(function()
    lab = gateway.lab()
    lab.router:must { "sh", "-ec", bridge }
    program = moongate.new(lab)
    services.echo(lab.internet, { "tcp:4000" })
    services.echo(lab.lan, { "tcp:80" })
    services.echo(lab.router, { "tcp:53", "tcp:8000" })
  end)

  after_each(network.close_all)

  local function state(from, address, port)
    return packets.state(from, "tcp", address, port)
  end

  for _, name in ipairs { "libvirt", "libvirt-4" } do
    it("as " .. name .. " lays it: guests have their way out and their names, and nobody a way in", function()
      local text = layouts.text(name, "ipv4"):gsub("192%.168%.122%.0/24", "10.137.0.0/24")
      tables.restore(lab.router, "ipv4", text, "-c")
      local taken = program:run("plan", program:policy((policy:gsub('keep "libvirt"\n', ""))))
      assert.equal(5, taken.code)
      assert.truthy(taken.out:find('likely libvirt\'s: keep("libvirt") keeps it', 1, true), taken.out)

      program:apply(program:policy(policy))
      assert.equal("open", state(lab.lan, gateway.internet_host.ipv4, 4000))
      assert.equal(gateway.router_for.internet.ipv4, (function()
        local held = packets.converse(lab.lan, gateway.internet_host.ipv4, 4000)
        local from = gateway.seen(lab.internet, 4000).from
        held:close()
        return from
      end)())
      assert.equal("open", state(lab.lan, gateway.router_for.lan.ipv4, 53))
      assert.equal("silent", state(lab.lan, gateway.router_for.lan.ipv4, 8000))
      assert.equal("refused", state(lab.internet, gateway.lan_host.ipv4, 80))
      assert.equal(0, program:run("plan", program:policy(policy), "--detailed-exitcode").code)
    end)
  end
end)
