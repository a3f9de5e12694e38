-- SPDX-License-Identifier: GPL-2.0-or-later
-- Services that open second connections, and their conntrack helpers.
package.path = "spec/unit/language/?.lua;" .. package.path
local catalogue = require "moongate.services"
local conntrack_helpers = require "moongate.conntrack_helpers"
local fake = require "fake_core"

local function raw(text)
  local found = {}
  for _, rule in ipairs(fake.run(text).rules) do
    if rule.table == "raw" then
      found[#found + 1] = ("%d %s %s"):format(rule.families, rule.chain, rule.text)
    end
  end
  return found
end

local ftp = "-p tcp -m tcp --dport 21 -m comment --comment FTP -j CT --helper ftp"

describe("a service with a conntrack helper", function()
  it("has it where an accept lets it in, and nowhere else", function()
    assert.same({ "3 PREROUTING " .. ftp }, raw "allow_inbound_ftp()")
    assert.same({ "3 PREROUTING " .. ftp }, raw 'allow_inbound "ftp"')
    assert.same({ "3 OUTPUT " .. ftp }, raw "allow_outbound_ftp()")
    assert.same({}, raw "drop_inbound_ftp() reject_outbound_ftp() drop_forward 'ftp'")
    assert.same({}, raw "allow_inbound_ssh() allow_inbound { tcp = 21 } allow_inbound { {'http', 'ssh'} }")
    assert.same({}, raw "allow_inbound_ftp { from = {} }")
    assert.same({}, raw 'limit_new_connections { "ftp", rate = "5/minute" } masquerade { "ftp", out = "wan0" }')
  end)

  it("keeps to the accept's addresses and interfaces", function()
    assert.same({ "1 PREROUTING -s 10.0.0.0/8 -d 10.0.0.1/32 -i eth0 " .. ftp },
      raw 'allow_inbound_ftp { from = "10.0.0.0/8", to = "10.0.0.1", on = "eth0", limit = "5/minute", log = true }')
    assert.same({ "2 OUTPUT -d 2001:db8::1/128 -o eth0 " .. ftp },
      raw 'allow_outbound_ftp { to = "2001:db8::1", out = "eth0" }')
    assert.same({ "1 PREROUTING -s 10.0.0.0/8 -i lan0 " .. ftp },
      raw 'allow_forward_ftp { from = "10.0.0.0/8", to = "192.0.2.1", on = "lan0", out = "wan0" }')
    assert.same({
      "3 PREROUTING -p tcp -m tcp --sport 1024:65535 --dport 21 -m comment --comment x -j CT --helper ftp",
    }, raw 'allow_inbound { "ftp", source_ports = "1024-65535", comment = "x" }')
    assert.same({ "1 PREROUTING -s 10.0.0.0/8 -i lan0 " .. ftp },
      raw [[allow_forward_ftp { from = zone { interfaces = "lan0", networks = "10.0.0.0/8" },
        to = zone { interfaces = "wan0" } }]])
  end)

  it("has one for each protocol, in the families and directions of the helper", function()
    assert.same({
      "3 PREROUTING -p tcp -m tcp --dport 5060 -m comment --comment SIP -j CT --helper sip",
      "3 PREROUTING -p udp -m udp --dport 5060 -m comment --comment SIP -j CT --helper sip",
    }, raw "allow_inbound_sip()")
    assert.same({ "1 OUTPUT -p tcp -m tcp --dport 6667 -m comment --comment IRC -j CT --helper irc" },
      raw "allow_outbound_irc() allow_inbound_irc()")
    assert.same({}, raw 'allow_outbound_irc { to = "2001:db8::1" }')
  end)

  it("tells the kernel the protocol in the rule that has the jump", function()
    assert.same({
      "1 PREROUTING -p tcp -m tcp --dport 21 -m comment --comment FTP -j EXCEPT_", "-p tcp -j CT --helper ftp",
    }, (function()
      local found = raw 'allow_inbound_ftp { from = { "0.0.0.0/0", except { "10.0.0.1", "10.0.0.2" } } }'
      return { (found[#found]:gsub("EXCEPT_%x+$", "EXCEPT_")), found[3]:match("%-p tcp .*") }
    end)())
  end)

  it("has it where its port leads elsewhere, too", function()
    local outer = "-p tcp -m tcp --dport 21 -m addrtype --dst-type LOCAL -m comment --comment FTP -j CT --helper ftp"
    assert.same({ "1 PREROUTING -i wan0 " .. outer }, raw 'forward_port { "ftp", on = "wan0", to = "10.0.0.5" }')
    assert.same({ "3 PREROUTING " .. outer }, raw 'redirect_port { "ftp", to_port = 2121 }')
    assert.same({}, raw 'forward_port { tcp = 21, to = "10.0.0.5" }')
  end)

  it("may be the policy's own", function()
    assert.same({ "3 PREROUTING -p tcp -m tcp --dport 2121 -m comment --comment x -j CT --helper ftp" },
      raw 'service("x", { tcp = 2121, helper = "ftp" }) allow_inbound_x()')
    assert.matches('service("x"): helper: the kernel has no conntrack helper "ftpp": did you mean `ftp`?',
      fake.failure 'service("x", { tcp = 1, helper = "ftpp" })', 1, true)
    assert.matches('service("x"): helper: "ftp" reads TCP, of which the service has no port',
      fake.failure 'service("x", { udp = 1, helper = "ftp" })', 1, true)
  end)

  it("is right throughout the catalogue", function()
    local count = 0
    for name, entry in pairs(catalogue) do
      if entry.helper then
        assert.is_nil(conntrack_helpers.mistake(entry), name)
        count = count + 1
      end
    end
    assert.truthy(count >= 5, count)
  end)
end)
