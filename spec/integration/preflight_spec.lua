-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The operator's way in, judged by the kernel of a private namespace before
-- anything is touched: whatever stands in it is named, in whichever table it is.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending, "tun", "conntrack", "nat")

local friend, stranger = network.addresses.friend, network.addresses.stranger
local near = network.addresses.server_for

local by_lan4 = ("%s 50000 %s 22"):format(friend.ipv4, near.friend.ipv4)
local by_lan6 = ("%s 50000 %s 22"):format(friend.ipv6, near.friend.ipv6)
local by_wan4 = ("%s 50000 %s 22"):format(stranger.ipv4, near.stranger.ipv4)

local sound = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
]]

describe("the preflight #integration", function()
  local lab, program

  setup(function()
    lab = network.lab()
    program = moongate.new(lab)
  end)

  teardown(network.close_all)

  after_each(function()
    for _, name in ipairs { "raw", "nat" } do
      lab.server:must { "iptables-legacy", "-t", name, "-F" }
    end
  end)

  local function policy_of(text)
    return program:policy(text) -- without what gsub() counts
  end

  local function as(connection, ...)
    return program:run_with({ env = { SSH_CONNECTION = connection } }, ...)
  end

  local function says(result, ...)
    for _, words in ipairs { ... } do
      assert.truthy(result.err:find(words, 1, true), words .. " is missing in:\n" .. result.err)
    end
  end

  -- Exit 5, with these words, and each refusal once; nothing was touched.
  local function refused(connection, text, ...)
    local before = tables.both(lab.server)
    local policy = program:policy(text)
    local result = as(connection, "plan", policy)
    assert.equal(5, result.code, result.err)
    result = as(connection, "apply", policy, "--no-confirm")
    assert.equal(5, result.code, result.err)
    says(result, "refused: ", ...)
    assert.same(before, tables.both(lab.server))
    local seen = {}
    for line in result.err:gmatch("[^\n]*refused: [^\n]*") do
      assert.falsy(seen[line], line)
      seen[line] = true
    end
    return result
  end

  -- Not refused, and no word about the way in.
  local function lets_in(connection, text)
    local result = as(connection, "plan", program:policy(text), "-v")
    assert.equal(0, result.code, result.err)
    says(result, "the kernel lets a new ssh connection from")
    assert.falsy(result.err:find("warning", 1, true), result.err)
    return result
  end

  it("lets in who may come, by either family, and says so to who asks", function()
    for _, connection in ipairs { by_lan4, by_lan6, by_wan4 } do
      lets_in(connection, sound)
    end
    lets_in(by_lan4, sound
      .. 'drop_bad_tcp_flags() drop_invalid() drop_spoofed { on = "wan0", networks = "10.66.0.0/24" }')
  end)

  it("lets a neighbour come by the interface of his network, whichever address he asks for", function()
    local across4 = ("%s 50000 %s 22"):format(stranger.ipv4, near.friend.ipv4)
    local across6 = ("%s 50000 %s 22"):format(stranger.ipv6, near.friend.ipv6)
    local by = (sound:gsub("allow_inbound_ssh%(%)", 'allow_inbound_ssh { on = "%%s" }\n'))
    for _, across in ipairs { across4, across6 } do
      refused(across, by:format("lan0"), "port 22 on wan0")
      lets_in(across, by:format("wan0"))
    end
  end)

  it("names the rule of INPUT that drops, with the policy's line", function()
    refused(by_lan4, sound .. ('block "%s"\n'):format(friend.ipv4), "policy.lua:6: refused: INPUT would drop",
      "a new ssh connection from 10.137.0.2 to 10.137.0.1 port 22 on lan0", "-A INPUT", "-s 10.137.0.2/32",
      'stage = "first"', "nothing was changed")
    refused(by_lan4, sound:gsub("allow_inbound_ssh%(%)", ""), "no rule accepts it and the chain's policy is DROP",
      'remedy: allow_inbound_ssh { from = "10.137.0.2" }')
    refused(by_lan6, sound:gsub("allow_inbound_ssh%(%)", 'allow_inbound_ssh { from = "2001:db8:1::/48" }'),
      "INPUT would drop a new ssh connection from 2001:db8:137::2 to 2001:db8:137::1 port 22 on lan0")
    refused(by_lan4,
      sound .. 'chain("filter", "INPUT"):append { protocol = "tcp", jump = "REJECT", stage = "first" }\n',
      "policy.lua:6: refused: INPUT would reject", "-A INPUT -p tcp -j REJECT")
    refused(by_lan4, sound .. [[
local c = chain("filter", "NOBODY") c:append "-p tcp --dport 22 -j DROP"
chain("filter", "INPUT"):append { jump = "NOBODY", stage = "first" }
]], "policy.lua:6: refused: NOBODY would drop", "-A NOBODY -p tcp -m tcp --dport 22 -j DROP")
  end)

  it("follows the answer through OUTPUT", function()
    local drop = 'chain("%s", "%s"):append { protocol = "tcp", source_port = 22, jump = "DROP"%s }\n'
    refused(by_lan4, sound .. drop:format("filter", "OUTPUT", ', stage = "first"'),
      "policy.lua:6: refused: OUTPUT would drop the answer to a new ssh connection from 10.137.0.2")
    refused(by_lan6, sound .. drop:format("mangle", "POSTROUTING", ""),
      "POSTROUTING of mangle would drop the answer to a new ssh connection from 2001:db8:137::2")
    -- the SYN and its answer pass, what follows does not
    refused(by_lan4, [[
default_deny()
allow_loopback() allow_icmp() allow_inbound_ssh()
chain("filter", "OUTPUT"):append "-j ACCEPT"
]], "INPUT would drop the packets of a new ssh connection from", "remedy: allow_established()")
  end)

  it("says of the session that is open what conntrack makes of it", function()
    -- tracked, it is established; without allow_established() its packets are dropped, and that is said once
    lab.server:must { "iptables-legacy", "-t", "raw", "-A", "OUTPUT", "-m", "conntrack", "--ctstate", "INVALID" }
    local server = lab.server:start { "python3", "-c", [[
import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", 2200)); s.listen(1); print("ready", flush=True); held = s.accept(); time.sleep(60)]] }
    run.wait_until("the listener", 5, function()
      return server:out():find("ready", 1, true)
    end)
    lab.friend:start { "python3", "-c", ([[
import socket, time
s = socket.socket(); s.bind((%q, 45000)); s.connect((%q, 2200))
time.sleep(60)]]):format(friend.ipv4, near.friend.ipv4) }
    run.wait_until("the session", 5, function()
      return lab.server:must({ "ss", "-Htn", "state", "established" }):find("2200", 1, true)
    end)
    local session = ("%s 45000 %s 2200"):format(friend.ipv4, near.friend.ipv4)
    local policy = sound .. "allow_inbound { tcp = 2200 }\n"
    lets_in(session, policy)
    local result = refused(session, (policy:gsub("allow_established%(%)", "")),
      "INPUT would drop the packets of your ssh session from 10.137.0.2", "remedy: allow_established()")
    local _, count = result.err:gsub("your ssh session", "")
    assert.equal(1, count, result.err)
    -- with its flow to be judged, too, what is not known is not left out
    result = as("192.0.2.2 50000 192.0.2.1 22", "plan", policy_of(sound), "-v")
    says(result, "could not be judged by the kernel: no interface is known by which your client comes")
    server:signal "KILL"
  end)

  it("sees the tables that analysis does not", function()
    refused(by_lan4, sound .. 'chain("raw", "PREROUTING"):append "-s 10.137.0.0/24 -j DROP"\n',
      "policy.lua:6: refused: PREROUTING of raw would drop a new ssh", "-A PREROUTING -s 10.137.0.0/24 -j DROP")
    refused(by_lan4, sound .. 'chain("mangle", "INPUT"):append "-i lan0 -j DROP"\n', "INPUT of mangle would drop")
    -- and those of other software, which the policy leaves alone
    lab.server:must { "iptables-legacy", "-t", "raw", "-A", "PREROUTING", "-i", "lan0", "-p", "tcp", "-j", "DROP" }
    refused(by_lan4, sound, "refused: PREROUTING of raw would drop", "which is not the policy's")
    lets_in(by_wan4, sound)
  end)

  it("has the members of sets, the policy's and other software's", function()
    local others = {}
    for i = 1, 20 do
      others[i] = ('"192.0.2.%d"'):format(i)
    end
    local list = table.concat(others, ", ")
    local from = sound:gsub("allow_inbound_ssh%(%)", "allow_inbound_ssh { from = addresses { %%s } }")
    lets_in(by_lan4, from:format(list .. ', "10.137.0.0/28"'))
    refused(by_lan4, from:format(list), "refused: INPUT would drop a new ssh connection")
    lab.server:must { "ipset", "create", "office", "hash:ip,port" }
    lab.server:must { "ipset", "add", "office", friend.ipv4 .. ",tcp:22" }
    local looked_up = sound:gsub("allow_inbound_ssh%(%)",
      'chain("filter", "INPUT", { family = "ipv4" }):append "-m set --match-set office src,dst -j ACCEPT"')
    lets_in(by_lan4, looked_up)
    lab.server:must { "ipset", "flush", "office" }
    refused(by_lan4, looked_up, "refused: INPUT would drop a new ssh connection")
    lab.server:must { "ipset", "destroy", "office" }
  end)

  it("comes by the interface by which he comes", function()
    local policy = sound:gsub("allow_inbound_ssh%(%)", 'allow_inbound_ssh { on = "wan0" }')
    refused(by_lan4, policy, "INPUT would drop a new ssh connection from 10.137.0.2 to 10.137.0.1 port 22 on lan0")
    lets_in(by_wan4, policy)
  end)

  it("judges both ways where nobody knows by which he comes", function()
    lab.server:must { "ip", "link", "add", "vip0", "type", "veth", "peer", "name", "vip1" }
    lab.server:must { "sh", "-c", "ip link set vip0 up; ip link set vip1 up; ip addr add 192.0.2.1/32 dev vip0" }
    -- a neighbour is no riddle; one from beyond a router may have come by either
    refused(friend.ipv4 .. " 50000 192.0.2.1 22", (sound:gsub("ssh%(%)", 'ssh { on = "vip0" }')), "port 22 on lan0")
    lab.server:must { "ip", "route", "add", "198.51.100.0/24", "via", friend.ipv4 }
    local by_vip = "198.51.100.9 50000 192.0.2.1 22"
    lets_in(by_vip, sound)
    for _, way in ipairs { { "vip0", "lan0" }, { "lan0", "vip0" } } do
      local result = as(by_vip, "plan", policy_of((sound:gsub("ssh%(%)", 'ssh { on = "' .. way[1] .. '" }'))))
      assert.equal(0, result.code, result.err)
      says(result, ("on %s would not get through, but one by %s would"):format(way[2], way[1]))
    end
    refused(by_vip, (sound:gsub("ssh%(%)", 'ssh { on = "wan0" }')), "INPUT would drop a new ssh connection from")
    lab.server:must { "ip", "route", "del", "198.51.100.0/24" }
    lab.server:must { "ip", "link", "del", "vip0" }
  end)

  it("comes by loopback from this host, and by a scoped address", function()
    for _, connection in ipairs { "127.0.0.1 50000 127.0.0.1 22", "::1 50000 ::1 22",
                                  ("%s 50000 %s 22"):format(near.friend.ipv4, near.friend.ipv4),
                                  "fe80::2%lan0 50000 fe80::1%lan0 22" } do
      lets_in(connection, sound)
    end
    refused("127.0.0.1 50000 127.0.0.1 22", (sound:gsub("allow_loopback%(%)", "")),
      "a new ssh connection from 127.0.0.1 to 127.0.0.1 port 22 on lo", "remedy: allow_loopback()")
    refused("fe80::2%lan0 50000 fe80::1%lan0 22", (sound:gsub("ssh%(%)", 'ssh { from = "2001:db8::/32" }')),
      "a new ssh connection from fe80::2 to fe80::1 port 22 on lan0")
  end)

  it("comes to the port at which he really came", function()
    lab.server:must { "iptables-legacy", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", "22",
                      "-j", "REDIRECT", "--to-ports", "2222" }
    local server = lab.server:start { "python3", "-c", [[
import socket, time
s = socket.create_server(("0.0.0.0", 2222)); print("ready", flush=True); held = s.accept(); time.sleep(60)]] }
    run.wait_until("the listener", 5, function()
      return server:out():find("ready", 1, true)
    end)
    lab.friend:start { "python3", "-c", ([[
import socket, time
s = socket.socket(); s.bind((%q, 45001)); s.connect((%q, 22))
time.sleep(60)]]):format(friend.ipv4, near.friend.ipv4) }
    run.wait_until("the session", 5, function()
      return lab.server:must({ "ss", "-Htn", "state", "established" }):find("2222", 1, true)
    end)
    local session = ("%s 45001 %s 2222"):format(friend.ipv4, near.friend.ipv4)
    local policy = sound:gsub("allow_inbound_ssh%(%)", "")
    says(lets_in(session, policy .. "allow_inbound { tcp = 2222 }\n"), "to 10.137.0.1 port 22 on lan0 in")
    -- a policy that owns nat, with and without the redirection
    refused(session, policy .. "redirect_port { tcp = 80, to_port = 8080 }\nallow_inbound { tcp = 2222 }\n",
      "INPUT would drop a new ssh connection from 10.137.0.2 to 10.137.0.1 port 22 on lan0")
    lab.server:must { "iptables-legacy", "-t", "nat", "-F" }
    lets_in(session, policy .. "redirect_port { tcp = 22, to_port = 2222 }\n")
    server:signal "KILL"
  end)

  it("notices who is sent elsewhere", function()
    refused(by_lan4, sound .. 'redirect_port { tcp = 22, to_port = 2222 }\nallow_inbound { tcp = 2222 }\n',
      "PREROUTING of nat would send", "elsewhere", "REDIRECT")
    refused(by_lan4,
      sound .. 'chain("nat", "PREROUTING"):append "-p tcp --dport 22 -j DNAT --to-destination 10.66.0.2"\n',
      "-j DNAT --to-destination 10.66.0.2")
  end)

  it("takes the kernel's word before that of analysis", function()
    -- two rules that together let nobody in, neither of which analysis can read for sure
    local policy = sound:gsub("allow_inbound_ssh%(%)",
      'chain("filter", "INPUT"):append "-m addrtype --src-type LOCAL -p tcp --dport 22 -j ACCEPT"')
    assert.equal(0, as(by_lan4, "check", policy_of(policy)).code)
    refused(by_lan4, policy, "refused: INPUT would drop a new ssh connection")
    lets_in(by_lan4, (policy:gsub("src%-type LOCAL", "dst-type LOCAL")))
  end)

  it("judges one who was quiet by limits, and warns of what it cannot know", function()
    lets_in(by_lan4, sound:gsub("allow_inbound_ssh%(%)", [[
chain("filter", "INPUT"):append "-p tcp --dport 22 -m limit --limit 1/hour --limit-burst 1 -j ACCEPT"]]))
    lets_in(by_lan4, sound .. [[
chain("filter", "INPUT"):append { protocol = "tcp", match = { { "recent", name = "spec", update = true, seconds = 60,
  hitcount = 2 } }, jump = "DROP", stage = "first" }
chain("filter", "INPUT"):append { protocol = "tcp", match = { { "recent", name = "spec", set = true } },
  stage = "first" }
]])
    for _, match in ipairs { "-m connlimit --connlimit-above 3", "-m mac --mac-source 02:00:00:00:00:01",
                             "-m ttl --ttl-lt 60", "-m statistic --mode random --probability 0.5" } do
      local drop = ('chain("filter", "GATE"):append "-p tcp %s -j DROP" '):format(match)
        .. 'chain("filter", "INPUT"):append { jump = "GATE", stage = "first" }\n'
      local result = as(by_lan4, "plan", policy_of(sound .. drop))
      assert.equal(0, result.code, result.err)
      says(result, "policy.lua:6: warning: a new ssh connection from 10.137.0.2", "could not be judged", "-j DROP",
        "but for that it gets through")
    end
    local result = as(by_lan4, "plan", policy_of((sound:gsub("allow_inbound_ssh%(%)",
      'chain("filter", "INPUT"):append "-p tcp --dport 22 -m recent --rcheck --name knocked -j ACCEPT"'))))
    assert.equal(0, result.code, result.err)
    says(result, "warning: a new ssh connection", "could not be judged", "but for that it would be dropped")
  end)

  it("knows that a client takes any port", function()
    local policy = sound:gsub("allow_inbound_ssh%(%)",
      'chain("filter", "INPUT"):append "-p tcp --sport 1024:PORT --dport 22 -j ACCEPT"')
    lets_in(by_lan4, (policy:gsub("PORT", "65535")))
    refused(by_lan4, (policy:gsub("PORT", "1100")), "INPUT would drop a new ssh connection")
    says(as(by_lan4, "plan", policy_of((policy:gsub("PORT", "40000")))), "warning: a new ssh connection",
      "by the port from which your client makes it")
  end)

  it("remembers what the live namespace remembers of him", function()
    local name = "spec" .. lab.server.pid
    lab.server:must { "iptables-legacy", "-t", "raw", "-A", "PREROUTING", "-m", "recent", "--set", "--name", name }
    local policy = sound .. ([[
chain("filter", "INPUT"):append { match = { { "recent", name = "%s", rcheck = true } }, jump = "DROP", stage = "first" }
]]):format(name)
    lets_in(by_lan4, policy)
    lab.friend:must { "ping", "-n", "-q", "-c", "1", "-W", "2", near.friend.ipv4 }
    says(as(by_lan4, "plan", policy_of(policy)), "warning: a new ssh connection", "could not be judged", name)
  end)

  it("lets --force have its way, and check --kernel tell the same", function()
    local policy = policy_of(sound .. 'chain("raw", "PREROUTING"):append "-s 10.137.0.2 -j DROP"\n')
    local result = as(by_lan4, "plan", policy, "--force")
    assert.equal(0, result.code, result.err)
    says(result, "warning: PREROUTING of raw would drop a new ssh connection")
    assert.falsy(result.err:find("refused", 1, true), result.err)
    says(as(by_lan4, "check", "--kernel", policy), "refused: PREROUTING of raw would drop a new ssh connection")
    assert.equal(5, as(by_lan4, "plan", policy).code)
  end)

  it("says where it does not apply", function()
    local policy = policy_of(sound)
    says(program:run("plan", policy, "-v"), "no ssh session above this process", "does not apply")
  end)

  it("goes on without a TUN device, and says what remains", function()
    local line = ("mount -t tmpfs none /dev/net && %s"):format(program:line("plan", policy_of(sound)))
    local result = lab.server:run({ "unshare", "-m", "sh", "-c", line },
      { env = { SSH_CONNECTION = by_lan4 } })
    assert.equal(0, result.code, result.err)
    says(result, "warning: whether a new ssh connection of yours gets in could not be judged", "/dev/net/tun",
      "remedy: modprobe tun", "analysis")
    result = lab.server:run({ "unshare", "-m", "sh", "-c",
      (line:gsub("policy.lua", "other.lua")) }, { env = { SSH_CONNECTION = by_lan4 } })
    assert.equal(1, result.code)
    policy_of(sound .. 'drop_inbound "ssh"\n')
  end)

  it("goes on without a namespace, too", function()
    -- in a user's own namespace, where no further one may be made
    local result = run.run({ "unshare", "-Urn", "sh", "-c",
      "ip link set lo up; echo 0 >/proc/sys/user/max_net_namespaces; "
      .. program:line("plan", program:policy(sound)) }, { env = { SSH_CONNECTION = "127.0.0.1 50000 127.0.0.1 22" } })
    assert.equal(0, result.code, result.err)
    says(result, "warning: the rules cannot be tried in a private network namespace",
      "warning: whether a new ssh connection of yours gets in could not be judged")
  end)

  it("wants every peer of a multiplexer in", function()
    -- sshd's sockets are not needed: whoever holds an established one at its port is a peer
    local listener = lab.server:start { "python3", "-c", [[
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", 22)); s.listen(8)
held = [s.accept()[0] for _ in range(2)]
time.sleep(60)
]] }
    run.wait_until("the listener", 5, function()
      return lab.server:must({ "ss", "-Htln" }):find(":22 ", 1, true)
    end)
    for _, who in ipairs { "friend", "stranger" } do
      lab[who]:start { "python3", "-c", ([[
import socket, time
s = socket.create_connection((%q, 22)); time.sleep(60)]]):format(near[who].ipv4) }
    end
    run.wait_until("both peers", 5, function()
      local _, count = lab.server:must({ "ss", "-Htn", "state", "established" }):gsub("\n", "")
      return count >= 2
    end)
    local policy = policy_of(sound:gsub("allow_inbound_ssh%(%)", 'allow_inbound_ssh { from = "10.137.0.0/24" }'))
    local tmux = run.write_file(lab.dir .. "/tmux", "#!/bin/sh\n" .. program:line("plan", policy) .. "\n")
    run.must { "chmod", "755", tmux }
    local result = lab.server:run { tmux }
    assert.equal(5, result.code, result.err)
    -- nothing has tracked them so far, so the new rules do not know them
    says(result, "conntrack has not been following your ssh session from 10.137.0.2", "until you type something",
      "session from 10.66.0.2, so the new rules do not know it, and it dies at the commit")
    says(result, "a new ssh connection from 10.66.0.2 to 10.66.0.1 port 22 on wan0")
    assert.falsy(result.err:find("connection from 10.137.0.2", 1, true), result.err)
    lab.server:must { "sh", "-c", "echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose" }
    says(lab.server:run { tmux }, "session from 10.137.0.2, so the new rules do not know it, and it dies at the commit",
      "the guard takes it back")
    lab.server:must { "sh", "-c", "echo 1 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose" }
    listener:signal "KILL"
  end)
end)
