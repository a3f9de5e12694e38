-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Zones and block with real packets: who is in a zone by interface and by
-- network, and what a blocked address still gets.

local datagrams = require "spec.support.datagrams"
local features = require "spec.support.features"
local gateway = require "spec.support.gateway"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local services = require "spec.support.services"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local friend, stranger = network.addresses.friend, network.addresses.stranger
local server_for = network.addresses.server_for

local base = [[
  default_deny()
  allow_established()
  allow_loopback()
  allow_icmp()
  local lan = zone { interfaces = "lan0", networks = { "10.137.0.0/24", "2001:db8:137::/64" } }
  local internet = zone { interfaces = "wan0" }
]]

describe("with real packets #integration", function()
  local lab, program

  lazy_setup(function()
    lab = datagrams.gateway()
    program = moongate.new(lab)
    services.echo(lab.server, { "tcp:22", "tcp:80", "tcp:443" })
    services.echo(lab.friend, { "tcp:80" })
    services.echo(lab.stranger, { "tcp:80", "tcp:443" })
    -- a neighbour on the LAN's wire that is not of the LAN's networks
    lab.server:must { "ip", "addr", "add", "10.138.0.1/24", "dev", "lan0" }
    lab.friend:must { "ip", "addr", "add", "10.138.0.2/24", "dev", "lan0" }
  end)

  lazy_teardown(network.close_all)

  local function apply(text)
    program:apply(program:policy(base .. text))
  end

  local function reaches(who, addresses, expected)
    gateway.reaches(lab[who], addresses, expected)
  end

  describe("a zone", function()
    it("is its interface and its networks at once", function()
      apply "allow_inbound_ssh { from = lan } allow_inbound { udp = 5000, on = lan } allow_inbound { udp = 5001 }"
      reaches("friend", server_for.friend, { ["tcp:22"] = "open" })
      reaches("stranger", server_for.stranger, { ["tcp:22"] = "silent" })
      -- its interface, but not its network
      reaches("friend", { "10.138.0.1" }, { ["tcp:22"] = "silent" })
      local listener = datagrams.listen(lab.server, 5000, 5001)
      assert.same({ "10.137.0.9" }, listener:gets(lab.friend, { "10.137.0.9", "10.138.0.2", "192.0.2.1" },
        server_for.friend.ipv4, 5000))
      assert.same({ "2001:db8:137::9" }, listener:gets(lab.friend, { "2001:db8:137::9", "2001:db8:1::9" },
        server_for.friend.ipv6, 5000))
      -- its network, but not its interface
      assert.same({}, listener:gets(lab.stranger, { "10.137.0.9", "10.66.0.3" }, server_for.stranger.ipv4, 5000, 5001))
      assert.same({}, listener:gets(lab.stranger, { "2001:db8:137::9" }, server_for.stranger.ipv6, 5000, 5001))
    end)

    it("that is excepted lets in all others", function()
      apply "allow_inbound { tcp = 80, from = except(lan) } allow_inbound { tcp = 443, on = except(internet) }"
      reaches("friend", server_for.friend, { ["tcp:80"] = "silent", ["tcp:443"] = "open" })
      reaches("stranger", server_for.stranger, { ["tcp:80"] = "open", ["tcp:443"] = "silent" })
      -- on the LAN's wire, but not of its networks: that is not in the zone
      reaches("friend", { "10.138.0.1" }, { ["tcp:80"] = "open" })
    end)

    it("stands at both ends of what is forwarded", function()
      apply "allow_forward { tcp = 80, from = lan, to = internet }"
      reaches("friend", stranger, { ["tcp:80"] = "open", ["tcp:443"] = "silent" })
      reaches("stranger", friend, { ["tcp:80"] = "silent" })
    end)

    it("is where this host's own packets may go", function()
      apply "allow_outbound { tcp = 80, to = lan }"
      reaches("server", friend, { ["tcp:80"] = "open" })
      for target, found in pairs(packets.probe(lab.server, { "tcp,10.66.0.2,80", "tcp,2001:db8:66::2,80" })) do
        assert.not_equal("open", found, target)
      end
    end)
  end)

  describe("block", function()
    -- What is open before; the policy lets all of it through.
    local open = [[
      allow_inbound { tcp = { 22, 80 } }
      allow_outbound { tcp = 80 }
      allow_forward { tcp = 80 }
    ]]

    -- Each way that a packet of the stranger's can go, { ipv4 = "in out through back", ipv6 = ... }.
    local function ways()
      local open_ways = { ipv4 = {}, ipv6 = {} }
      for _, one in ipairs {
        { "stranger", { ["in"] = { server_for.stranger, 22 }, through = { friend, 80 } } },
        { "server", { out = { stranger, 80 } } }, { "friend", { back = { stranger, 80 } } },
      } do
        local targets, names = {}, {}
        for name, target in pairs(one[2]) do
          for _, family in ipairs(tables.families) do
            local words = ("tcp,%s,%d"):format(target[1][family], target[2])
            targets[#targets + 1], names[words] = words, { family, name }
          end
        end
        for words, found in pairs(packets.probe(lab[one[1]], targets, 0.5)) do
          open_ways[names[words][1]][names[words][2]] = found == "open"
        end
      end
      for family, found in pairs(open_ways) do
        local list = {}
        for _, name in ipairs { "in", "out", "through", "back" } do
          list[#list + 1] = found[name] and name or nil
        end
        open_ways[family] = table.concat(list, " ")
      end
      return open_ways
    end

    it("cuts an address off both ways, and through", function()
      apply(open)
      assert.same({ ipv4 = "in out through back", ipv6 = "in out through back" }, ways())
      apply(open .. 'block { "10.66.0.2", "192.0.2.0/24" }')
      assert.same({ ipv4 = "", ipv6 = "in out through back" }, ways())
      reaches("friend", { server_for.friend.ipv4 }, { ["tcp:22"] = "open" })
    end)

    it("does so for a long list of both families, which stands once for each direction", function()
      apply(open .. [[
        local bad = { "10.66.0.0/24", "2001:db8:66::/64" }
        for i = 2, 600, 2 do bad[#bad + 1] = ("198.18.%d.%d"):format(i // 256, i % 256) end
        block { addresses { bad, as = "rules" } }
      ]])
      assert.same({ ipv4 = "", ipv6 = "" }, ways())
      reaches("friend", { server_for.friend.ipv4 }, { ["tcp:22"] = "open" })
      local filter = tables.filter(lab.server, "ipv4")
      assert.equal(301, #filter.BLOCKED_FROM)
      assert.equal(301, #filter.BLOCKED_TO)
      assert.truthy(assert(tables.find(filter.BLOCKED_FROM, "10.66.0.0/24")).packets > 0)
    end)

    it("does so for a still longer list, which is a set, and one rule in each chain", function()
      local list = [[
        local bad = { "10.66.0.0/24", "2001:db8:66::/64" }
        for i = 2, 600, 2 do bad[#bad + 1] = ("198.18.%d.%d"):format(i // 256, i % 256) end
        for i = 2, 300, 2 do bad[#bad + 1] = ("2001:db8:aa:%x::/64"):format(i) end
      ]]
      apply(open .. list .. "block(bad)")
      assert.same({ ipv4 = "", ipv6 = "" }, ways())
      reaches("friend", { server_for.friend.ipv4, server_for.friend.ipv6 }, { ["tcp:22"] = "open" })
      for family, name in pairs { ipv4 = "mg4-list1", ipv6 = "mg6-list1" } do
        local filter = tables.filter(lab.server, family)
        assert.is_nil(filter.BLOCKED_FROM)
        assert.truthy(assert(tables.find(filter.INPUT, "--match-set " .. name .. " src")).packets > 0)
      end
      -- and all but the list
      apply(open .. list .. "drop_inbound { 'ssh', from = except(bad), stage = 'guard' }")
      assert.same({ ipv4 = "in out through back", ipv6 = "in out through back" }, ways())
      reaches("friend", { server_for.friend.ipv4, server_for.friend.ipv6 }, { ["tcp:22"] = "silent" })
    end)

    it("cuts one direction with from= and to=", function()
      apply(open .. 'block { from = "10.66.0.0/24" } block { to = "2001:db8:66::/64" }')
      assert.same({ ipv4 = "out back", ipv6 = "in through" }, ways())
    end)

    it("cuts a zone", function()
      apply(open .. "block(internet)")
      assert.same({ ipv4 = "", ipv6 = "" }, ways())
      reaches("friend", { server_for.friend.ipv6 }, { ["tcp:22"] = "open" })
    end)

    it("leaves running connections alone, unless established says otherwise", function()
      apply(open)
      local talk = packets.converse(lab.stranger, server_for.stranger.ipv4, 22)
      talk:say("one")
      apply(open .. 'block("10.66.0.2")')
      talk:say("two")
      reaches("stranger", { server_for.stranger.ipv4 }, { ["tcp:22"] = "silent" })
      apply(open .. 'block { "10.66.0.2", established = true }')
      assert.has_error(function()
        talk:say("three", 1)
      end)
      -- what still waits for an answer ends with the lab
    end)
  end)
end)
