-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The router of an IPv6 network is asked by its hosts, and answers: with real
-- messages, under the gateway role.

local features = require "spec.support.features"
local gateway = require "spec.support.gateway"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local services = require "spec.support.services"

local it = features.it(it, pending, "nat")

local solicitation, advertisement, redirect, query, report = 133, 134, 137, 130, 143

local policy = [[
  use("roles.base")
  use("roles.gateway", { lan = "lan0", wan = "wan0", networks = { "10.137.0.0/24", "2001:db8:137::/64" }, %s })
]]

describe("the router of an IPv6 network #integration", function()
  local lab, program

  local function listen(namespace)
    return services.start(namespace, "listener", packets.script("icmpv6.py", "listen"))
  end

  local function send(namespace, ...)
    return (namespace:must(packets.script("icmpv6.py", "send", ...)):gsub("\n", ""))
  end

  local function heard(process, number)
    return process:out():find(("\n%d\n"):format(number), 1, true) ~= nil
  end

  before_each(function()
    lab = gateway.lab()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  it("is asked, and tells of itself, on the LAN's side", function()
    program:apply(program:policy(policy:format("")))
    local router, host = listen(lab.router), listen(lab.lan)
    for _, number in ipairs { advertisement, query, redirect } do
      assert.equal("sent", send(lab.router, "lan0", "ff02::1", number))
      run.wait_until("message " .. number, 5, function()
        return heard(host, number)
      end)
      assert.equal("denied", send(lab.router, "wan0", "ff02::1", number))
    end
    -- the internet's side, and who is not on the link, come first: in vain
    send(lab.internet, "wan0", "ff02::2", solicitation)
    send(lab.lan, "lan0", "2001:db8:137::1", solicitation, 64)
    send(lab.lan, "lan0", "ff02::1", 136)
    run.wait_until("advertisement of a neighbour", 5, function()
      return heard(router, 136)
    end)
    assert.falsy(heard(router, solicitation))
    send(lab.lan, "lan0", "ff02::2", solicitation)
    run.wait_until("solicitation", 5, function()
      return heard(router, solicitation)
    end)
    assert.equal("sent", send(lab.lan, "lan0", "ff02::2", report))
  end)

  it("is silent where it is told to be", function()
    program:apply(program:policy(policy:format("advertise = false")))
    local router = listen(lab.router)
    assert.equal("denied", send(lab.router, "lan0", "ff02::1", advertisement))
    send(lab.lan, "lan0", "ff02::2", solicitation)
    -- behind it comes what is let in, so nothing is waited for
    send(lab.lan, "lan0", "ff02::1", 136)
    run.wait_until("advertisement of a neighbour", 5, function()
      return heard(router, 136)
    end)
    assert.falsy(heard(router, solicitation))
  end)
end)
