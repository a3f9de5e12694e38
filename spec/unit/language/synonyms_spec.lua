-- SPDX-License-Identifier: GPL-2.0-or-later
-- What people write who come from elsewhere, and what they are told.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"

local function suggests(expected, text)
  local message = fake.failure(text)
  assert.truthy(message:find(expected, 1, true), text .. " -> " .. message)
end

describe("an option that a helper does not have", function()
  it("is known by its name in iptables and elsewhere", function()
    for option, meant in pairs {
      src = "`from`", source = "`from`", dst = "`to`", destination = "`to`", interface = "`on`", iface = "`on`",
      proto = "`protocol`", prot = "`protocol`", dport = "`tcp` or `udp`", port = "`tcp` or `udp`",
      ports = "`tcp` or `udp`", sport = "`source_ports`", ctstate = "`state`", description = "`comment`",
    } do
      suggests(("allow_inbound: unknown option `%s`: did you mean %s?"):format(option, meant),
        ("allow_inbound { %s = 1 }"):format(option))
    end
    for option, meant in pairs { from = "source", tcp = "destination_port", target = "jump", on = "in_interface" } do
      suggests(("append: unknown option `%s`: did you mean `%s`?"):format(option, meant),
        ('chain("filter", "INPUT"):append { %s = "x" }'):format(option))
    end
    suggests("unknown option `source`: did you mean `to_source`?", 'snat { source = "192.0.2.1" }')
    suggests("unknown option `to`: did you mean `to_port`?", "redirect_port { tcp = 80, to = 8080 }")
    suggests("unknown option `on`: did you mean `interfaces`?", 'zone { on = "lan0" }')
  end)

  it("is a slip of a key first", function()
    suggests("did you mean `from`?", 'allow_inbound { frmo = "10.0.0.1" }')
    suggests("did you mean `to`?", 'allow_inbound { too = "10.0.0.1" }')
  end)

  it("says why there cannot be one", function()
    suggests("unknown option `out`: what comes in leaves by no interface", 'allow_inbound { out = "eth0" }')
    suggests("unknown option `family`: its addresses say so", 'allow_outbound { tcp = 1, family = "ipv4" }')
    suggests("unknown option `port`: the service says which packets are meant; for others there are allow_inbound",
      "allow_inbound_ssh { port = 2222 }")
  end)

  it("is told from what there is, where nothing is near", function()
    suggests("unknown option `foo` (it takes directions, limit)", "reject_denied { foo = 1 }")
    suggests("unknown option `foo`: it takes none", "allow_loopback { foo = 1 }")
  end)
end)

describe("a helper that there is not", function()
  it("is known by other words for action and direction", function()
    for name, meant in pairs {
      allow_inbund_ssh = "allow_inbound_ssh", allow_inbund_shh = "allow_inbound_ssh",
      allow_in_ssh = "allow_inbound_ssh", allow_ssh = "allow_inbound_ssh",
      accept_input_https = "allow_inbound_https", deny_outgoing_smtp = "drop_outbound_smtp",
      block_forward_telnet = "drop_forward_telnet", accept_inbound = "allow_inbound", allow_ping = "allow_icmp",
      allow_inbound_icmp = "allow_icmp", dnat = "forward_port", default_drop = "default_deny",
    } do
      suggests(("unknown name `%s`: did you mean `%s`?"):format(name, meant), name .. "()")
    end
    suggests('a module is use("roles.NAME")', 'require "roles.base"')
  end)

  it("is not guessed at random", function()
    for _, name in ipairs { "zzzzzzzz", "open", "inbound", "allow_everything_everywhere", "x_y_z" } do
      assert.matches("unknown name `[%w_]+`$", fake.failure(name .. "()"))
    end
  end)
end)

describe("a value in another firewall's words", function()
  it("is told as it is written here", function()
    suggests('tcp: "80,443" is no port, range ("8000-8010") or service: several are a list, { 80, 443 }',
      'allow_inbound { tcp = "80,443" }')
    suggests('tcp: "all" is no port: all of them are protocol = "tcp", or "1-65535"', 'allow_inbound { tcp = "all" }')
    suggests('but "http" stands without one: several go into a list, { { a, b } }', 'allow_inbound { "ssh", "http" }')
    suggests('write allow_inbound { "ssh", ... }', 'allow_inbound("ssh", { from = "10.0.0.1" })')
    suggests('"eth0:1" is no interface name, but the label of an address: write "eth0"',
      'allow_inbound_ssh { on = "eth0:1" }')
    suggests('log.level: "wran" is no log level: did you mean `warn`?',
      'allow_inbound { tcp = 1, log = { level = "wran" } }')
    suggests("chain: policy: nat sees a connection's first packet only",
      'chain("nat", "INPUT", { policy = "DROP" })')
  end)
end)
