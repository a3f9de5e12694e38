-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- drop_spoofed with real packets: sources that the sender has not got, to the
-- gateway itself and through it.

local datagrams = require "spec.support.datagrams"
local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local port = 5000
local server_for = network.addresses.server_for

-- Everything may pass, so that what does not is spoofed.
local open = [[
  allow_established()
  allow_loopback()
  allow_icmp()
  allow_inbound { udp = 5000 }
  allow_forward { udp = 5000 }
  default_deny()
  local lan_networks = { "10.137.0.0/24", "2001:db8:137::/64" }
]]

-- Sources by what they are: of the LAN, of the provider's side, from afar, nobody's.
local sources = {
  ipv4 = { lan = "10.137.0.9", wan = "10.66.0.9", far = "198.51.100.7", nobody = "240.0.0.1" },
  ipv6 = { lan = "2001:db8:137::9", wan = "2001:db8:66::9", far = "2001:db8:feed::7" },
}
local lan_networks = { ipv4 = "10.137.0.0/24", ipv6 = "2001:db8:137::/64" }
local kinds = { "lan", "wan", "far", "nobody" }

describe("drop_spoofed with real packets #integration", function()
  local lab, program, on_server, behind

  -- Which kinds of sources get from one side to the server and, through it, to
  -- the other side: "lan far" for both, or the two apart.
  local function passes(who, family)
    local others = { friend = "stranger", stranger = "friend" }
    local list, kind_of = {}, {}
    for _, kind in ipairs(kinds) do
      local source = sources[family][kind]
      list[#list + 1] = source
      kind_of[source or ""] = kind
    end
    local function names(seen)
      for i, source in ipairs(seen) do
        seen[i] = kind_of[source]
      end
      return table.concat(seen, " ")
    end
    local to_server = names(on_server:gets(lab[who], list, server_for[who][family], port))
    local other = others[who]
    local through = names(behind[other]:gets(lab[who], list, network.addresses[other][family], port))
    return to_server == through and to_server or ("server: %s; through: %s"):format(to_server, through)
  end

  local function apply(text)
    program:apply(program:policy(open .. text))
  end

  lazy_setup(function()
    lab = datagrams.gateway()
    program = moongate.new(lab)
    on_server = datagrams.listen(lab.server, port)
    behind = { friend = datagrams.listen(lab.friend, port), stranger = datagrams.listen(lab.stranger, port) }
  end)

  lazy_teardown(network.close_all)

  it("is needed: without it, every source comes through", function()
    apply ""
    for _, who in ipairs { "friend", "stranger" } do
      assert.equal("lan wan far nobody", passes(who, "ipv4"), who)
      assert.equal("lan wan far", passes(who, "ipv6"), who)
    end
  end)

  it("without options: the host's networks by their own interface, nobody's by none", function()
    apply "drop_spoofed()"
    assert.equal("lan far", passes("friend", "ipv4"))
    assert.equal("lan far", passes("friend", "ipv6"))
    assert.equal("wan far", passes("stranger", "ipv4"))
    assert.equal("wan far", passes("stranger", "ipv6"))
  end)

  it("with on=: what lives behind the other interfaces does not come in there", function()
    apply 'drop_spoofed { on = "wan0" }'
    assert.equal("wan far", passes("stranger", "ipv4"))
    assert.equal("wan far", passes("stranger", "ipv6"))
    assert.equal("lan wan far nobody", passes("friend", "ipv4"))
  end)

  it("with networks of the interface's own: they come in there and nowhere else, and nothing else does", function()
    apply 'drop_spoofed { on = "lan0", networks = lan_networks }'
    assert.equal("lan", passes("friend", "ipv4"))
    assert.equal("lan", passes("friend", "ipv6"))
    assert.equal("wan far nobody", passes("stranger", "ipv4"))
    assert.equal("wan far", passes("stranger", "ipv6"))
  end)

  it("with a zone: the same", function()
    apply 'drop_spoofed { on = zone { interfaces = "lan0", networks = lan_networks } }'
    assert.equal("lan", passes("friend", "ipv4"))
    assert.equal("lan", passes("friend", "ipv6"))
    assert.equal("wan far nobody", passes("stranger", "ipv4"))
    assert.equal("wan far", passes("stranger", "ipv6"))
  end)

  it("with networks that the host has elsewhere: they do not come in there", function()
    apply 'drop_spoofed { on = "wan0", networks = lan_networks }'
    assert.equal("wan far nobody", passes("stranger", "ipv4"))
    assert.equal("wan far", passes("stranger", "ipv6"))
    assert.equal("lan wan far nobody", passes("friend", "ipv4"))
  end)

  it("with except on either side: those networks there alone, or all but those", function()
    for _, text in ipairs { 'drop_spoofed { on = except "lan0", networks = lan_networks }',
                            'drop_spoofed { on = "wan0", networks = except(lan_networks) }' } do
      apply(text)
      assert.equal("wan far nobody", passes("stranger", "ipv4"), text)
      assert.equal("wan far", passes("stranger", "ipv6"), text)
      assert.equal("lan wan far nobody", passes("friend", "ipv4"), text)
    end
  end)

  it("leaves neighbour discovery and link-local sources alone", function()
    apply 'drop_spoofed { on = "lan0", networks = lan_networks } drop_spoofed { on = "wan0" }'
    for _, space in ipairs { lab.server, lab.friend } do
      space:must { "ip", "neigh", "flush", "all" }
    end
    assert.equal(2, packets.ping(lab.friend, server_for.friend.ipv6, 2))
    assert.equal(2, packets.ping(lab.server, network.addresses.friend.ipv4, 2))
    local text = lab.server:must { "ip", "-6", "-o", "addr", "show", "dev", "lan0", "scope", "link" }
    assert.equal(2, packets.ping(lab.friend, assert(text:match("(fe80:[%x:]+)")) .. "%lan0", 2))
  end)

  it("counts what it drops in a chain of the interface's name, behind INVALID", function()
    apply 'drop_invalid() drop_spoofed { on = "wan0" }'
    for _, family in ipairs(tables.families) do
      local words = "-s " .. lan_networks[family]
      local before = assert(tables.find(tables.filter(lab.server, family).SPOOFED_wan0, words)).packets
      passes("stranger", family)
      local filter = tables.filter(lab.server, family)
      -- one for the server, one for the friend
      assert.equal(before + 2, assert(tables.find(filter.SPOOFED_wan0, words)).packets)
      for _, chain in ipairs { "INPUT", "FORWARD" } do
        local _, invalid = tables.find(filter[chain], "--ctstate INVALID")
        local _, jump = tables.find(filter[chain], "-i wan0 -j SPOOFED_wan0")
        assert.equal(invalid + 1, jump)
      end
    end
  end)
end)
