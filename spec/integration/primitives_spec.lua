-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- chain():append in both of its forms, over many matches and targets: what the
-- kernel holds afterwards must be what iptables-legacy-restore makes of the same.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

-- Each: family, iptables syntax, the same as a table.
local cases = {
  { "both", "-p tcp -m tcp --dport 22 -j ACCEPT",
    [[{ protocol = "tcp", destination_port = 22, jump = "ACCEPT" }]] },
  { "both", "-p udp -m udp --sport 1024:65535 --dport 53 -j DROP",
    [[{ protocol = "udp", source_port = "1024:65535", destination_port = 53, jump = "DROP" }]] },
  { "both", "-p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m limit --limit 5/minute -j ACCEPT",
    [[{ protocol = "tcp", destination_port = 22, match = { { "conntrack", ctstate = "NEW" },
       { "limit", limit = "5/minute" } }, jump = "ACCEPT" }]] },
  { "both", "-p tcp -m multiport --dports 80,443,8000:8010 -j ACCEPT",
    [[{ protocol = "tcp", match = { { "multiport", dports = "80,443,8000:8010" } }, jump = "ACCEPT" }]] },
  { "both", [[-m comment --comment "a \"quoted\" word; it's -j DROP" -j ACCEPT]],
    [[{ match = { { "comment", comment = "a \"quoted\" word; it's -j DROP" } }, jump = "ACCEPT" }]] },
  { "both", "-m mark --mark 0x10/0xff -j RETURN",
    [[{ match = { { "mark", mark = "0x10/0xff" } }, jump = "RETURN" }]] },
  { "both", "-m mac --mac-source 02:00:00:00:00:01 -j DROP",
    [[{ match = { { "mac", mac_source = "02:00:00:00:00:01" } }, jump = "DROP" }]] },
  { "both", "-m pkttype --pkt-type broadcast -j DROP",
    [[{ match = { { "pkttype", pkt_type = "broadcast" } }, jump = "DROP" }]] },
  { "both", "-m addrtype --dst-type LOCAL -j ACCEPT",
    [[{ match = { { "addrtype", dst_type = "LOCAL" } }, jump = "ACCEPT" }]] },
  { "both", "-p tcp -m connlimit --connlimit-above 10 -j REJECT --reject-with tcp-reset",
    [[{ protocol = "tcp", match = { { "connlimit", connlimit_above = 10 } },
       jump = { "REJECT", reject_with = "tcp-reset" } }]] },
  { "both", "-m recent --set --name seen --rsource -j ACCEPT",
    [[{ match = { { "recent", set = true, name = "seen", rsource = true } }, jump = "ACCEPT" }]] },
  { "both", "-i lan0 -m length --length 100:200 -j ACCEPT", nil },
  { "both", [[-j LOG --log-prefix "denied: " --log-level 4]],
    [[{ jump = { "LOG", log_prefix = "denied: ", log_level = 4 } }]] },
  { "both", "-j NFLOG --nflog-group 5", [[{ jump = { "NFLOG", nflog_group = 5 } }]] },
  { "both", "-j MARK --set-xmark 0x1/0xffffffff", [[{ jump = { "MARK", set_xmark = "0x1/0xffffffff" } }]] },
  { "both", "-p tcp -m tcp ! --dport 22 -j DROP",
    [[{ protocol = "tcp", destination_port = except(22), jump = "DROP" }]] },
  { "both", "! -i lo -m conntrack ! --ctstate INVALID -j ACCEPT", nil },
  { "both", "-m conntrack ! --ctstate INVALID -j ACCEPT",
    [[{ match = { { "conntrack", ctstate = except("INVALID") } }, jump = "ACCEPT" }]] },
  { "both", "-m mark --mark 0x1 -m mark --mark 0x2 -j DROP",
    [[{ match = { { "mark", mark = 1 }, { "mark", mark = 2 } }, jump = "DROP" }]] },
  { "both", "-m statistic --mode nth --every 3 --packet 1 -j ACCEPT", nil },
  { "both", "-m time --timestart 08:00 --timestop 17:00 --weekdays Mon,Tue -j ACCEPT", nil },
  { "both", "-m hashlimit --hashlimit-upto 3/sec --hashlimit-name few --hashlimit-mode srcip -j ACCEPT", nil },
  { "both", "-p sctp -m sctp --dport 36412 -j ACCEPT", nil },
  { "both", "-p 50 -j ACCEPT", nil },
  { "ipv4", "-s 10.137.0.0/24 -p icmp -m icmp --icmp-type 8 -j ACCEPT",
    [[{ source = "10.137.0.0/24", protocol = "icmp", match = { { "icmp", icmp_type = 8 } }, jump = "ACCEPT" }]] },
  { "ipv4", "! -s 10.1.2.3 -d 10.0.0.0/8 -j DROP",
    [[{ source = except("10.1.2.3"), destination = "10.0.0.0/8", jump = "DROP" }]] },
  { "ipv4", "-m iprange --src-range 10.0.0.1-10.0.0.9 -j ACCEPT",
    [[{ match = { { "iprange", src_range = "10.0.0.1-10.0.0.9" } }, jump = "ACCEPT" }]] },
  { "ipv4", "-m ttl --ttl-lt 5 -j DROP", [[{ match = { { "ttl", ttl_lt = 5 } }, jump = "DROP" }]] },
  { "ipv4", "-j REJECT --reject-with icmp-admin-prohibited",
    [[{ jump = { "REJECT", reject_with = "icmp-admin-prohibited" } }]] },
  { "ipv4", "-f -j DROP", nil },
  { "ipv4", "-s 0/0 -d 10.2/16 -j DROP", nil },
  { "ipv4", "! -s 10/8 -d 10.0.0.1/255.0.255.255 -j DROP", nil },
  { "ipv4", "-s 192.0.2.0/255.255.255.0,198.51.100.1/255.0.0.255 -j DROP", nil },
  { "ipv6", "-s 2001:db8::7/ffff:ffff:: ! -d 2001:db8::7/ffff::ffff -j DROP", nil },
  { "both", "-p all -m mark --mark 0x1 -j DROP", nil },
  { "ipv6", "-s 2001:db8:137::/48 -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT",
    [[{ source = "2001:db8:137::/48", protocol = "ipv6-icmp", match = { { "icmp6", icmpv6_type = 135 } },
       jump = "ACCEPT" }]] },
  { "ipv6", "-m hl --hl-eq 255 -j ACCEPT", [[{ match = { { "hl", hl_eq = 255 } }, jump = "ACCEPT" }]] },
  { "ipv6", "-j REJECT --reject-with icmp6-adm-prohibited",
    [[{ jump = { "REJECT", reject_with = "icmp6-adm-prohibited" } }]] },
}

describe("chain():append #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  local function families_of(case)
    return case[1] == "both" and tables.families or { case[1] }
  end

  -- What iptables-legacy-restore makes of rules, in a namespace of its own.
  local function reference(family, lines, chains)
    local other = network.host()
    local text = "*filter\n" .. (chains or "") .. table.concat(lines, "\n") .. "\nCOMMIT\n"
    tables.restore(other.server, family, text)
    local saved = tables.save(other.server, family)
    other:close()
    return saved
  end

  for _, case in ipairs(cases) do
    local needs = {}
    for index, family in ipairs(families_of(case)) do
      needs[index] = family .. ": " .. case[2]
    end
    local it_if_taken = features.it(it, pending, table.unpack(needs))
    local family_word = case[1] == "both" and "" or (', { family = "%s" }'):format(case[1])

    it_if_taken("takes iptables syntax: " .. case[2], function()
      program:apply(program:policy(('chain("filter", "INPUT"%s):append %q\n'):format(family_word, case[2])))
      for _, family in ipairs(families_of(case)) do
        assert.equal(reference(family, { "-A INPUT " .. case[2] }), tables.save(lab.server, family))
      end
    end)

    if case[3] then
      it_if_taken("takes a table: " .. case[3]:gsub("%s+", " "), function()
        program:apply(program:policy(('chain("filter", "INPUT"%s):append %s\n'):format(family_word, case[3])))
        for _, family in ipairs(families_of(case)) do
          assert.equal(reference(family, { "-A INPUT " .. case[2] }), tables.save(lab.server, family))
        end
      end)
    end
  end

  it("makes chains, jumps to them and goes to them", function()
    program:apply(program:policy [[
local guard = chain("filter", "SSH_GUARD")
local other = chain("filter", "OTHER")
local input = chain("filter", "INPUT", { policy = "DROP" })
guard:append { match = { { "limit", limit = "5/minute" } }, jump = "RETURN" }
guard:append "-j DROP"
other:append {}
input:append { protocol = "tcp", destination_port = 22, jump = "SSH_GUARD" }
input:append { protocol = "udp", go_to = "OTHER" }
input:append "-p tcp -g OTHER"
]])
    for _, family in ipairs(tables.families) do
      assert.equal(reference(family, {
        "-A INPUT -p tcp -m tcp --dport 22 -j SSH_GUARD", "-A INPUT -p udp -g OTHER", "-A INPUT -p tcp -g OTHER",
        "-A SSH_GUARD -m limit --limit 5/min -j RETURN", "-A SSH_GUARD -j DROP", "-A OTHER",
      }, ":INPUT DROP [0:0]\n:SSH_GUARD -\n:OTHER -\n"), tables.save(lab.server, family))
    end
  end)

  it("keeps the order of stages over that of the script in built-in chains", function()
    program:apply(program:policy [[
local c = chain("filter", "INPUT", { family = "ipv4" })
c:append("-p tcp -m tcp --dport 3 -j ACCEPT")
c:append { protocol = "tcp", destination_port = 4, jump = "DROP", stage = "last" }
c:append { protocol = "tcp", destination_port = 1, jump = "DROP", stage = "first" }
c:append("-p tcp -m tcp --dport 5 -j ACCEPT")
]])
    assert.equal(reference("ipv4", {
      "-A INPUT -p tcp -m tcp --dport 1 -j DROP", "-A INPUT -p tcp -m tcp --dport 3 -j ACCEPT",
      "-A INPUT -p tcp -m tcp --dport 5 -j ACCEPT", "-A INPUT -p tcp -m tcp --dport 4 -j DROP",
    }), tables.save(lab.server, "ipv4"))
  end)

  it("never lets a value break out of its argument", function()
    program:apply(program:policy [[
allow_inbound { tcp = 80, comment = "x\" -j DROP -m comment --comment \"y" }
]])
    local rule = tables.find(tables.filter(lab.server, "ipv4").INPUT, "--dport 80 ")
    assert.truthy(rule.text:find([[--comment "x\" -j DROP -m comment --comment \"y"]], 1, true), rule.text)
    assert.truthy(rule.text:find("-j ACCEPT$"), rule.text)
  end)
end)
