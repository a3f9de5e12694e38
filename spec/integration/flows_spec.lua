-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Connections that were open before an apply: which of them the new policy would
-- not admit is told beforehand, and --drop-flows ends just these.

local dkjson = require "dkjson"
local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"

local it = features.it(it, pending, "tun", "conntrack")

local friend, stranger = network.addresses.friend, network.addresses.stranger
local near = network.addresses.server_for

local sound = "default_deny()\nallow_established()\nallow_loopback()\nallow_icmp()\n"
-- Everything passes, and conntrack looks on.
local open = 'chain("filter", "INPUT"):append "-m conntrack --ctstate INVALID -j DROP"\n'

-- Answers each line with itself, on any number of ports.
local echo = [[
import socketserver, sys, threading, time, socket
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line); self.wfile.flush()
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
class Server6(Server):
    address_family = socket.AF_INET6
for port in sys.argv[1:]:
    kind, address = (Server6, "::") if port.startswith("6:") else (Server, "0.0.0.0")
    server = kind((address, int(port.split(":")[-1])), Handler, bind_and_activate=False)
    if kind is Server6:
        server.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.server_bind(); server.server_activate()
    threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
time.sleep(120)
]]

-- Holds a connection open and says a line in it whenever its file has one more.
local talk = [[
import socket, sys, os, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
s.settimeout(0.7)
said = 0
def say():
    global said
    said += 1
    s.sendall(b"x" * int(sys.argv[4]) + b"\n")
    got = b""
    try:
        while not got.endswith(b"\n"):
            part = s.recv(65536)
            if not part: return "closed"
            got += part
    except OSError as e:
        return "silence"
    return "answer"
while True:
    wanted = int(open(sys.argv[3]).read() or 0)
    if said < wanted:
        print(said + 1, say(), flush=True)
    time.sleep(0.02)
]]

-- So many flows of UDP, with an answer each.
local answer = [[
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 8082))
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(16)
    s.sendto(data, peer)
]]
local ask = [[
import socket, sys
for port in range(20000, 20000 + int(sys.argv[2])):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", port))
    s.settimeout(5)
    s.sendto(b"x", (sys.argv[1], 8082))
    s.recv(16)
    s.close()
]]

describe("established flows #integration", function()
  local lab, program, talkers

  before_each(function()
    lab = network.lab()
    program = moongate.new(lab)
    talkers = 0
    local server = lab.server:start { "python3", "-c", echo, "22", "8080", "8081", "6:8080" }
    run.wait_until("the server", 5, function()
      return server:out():find("ready", 1, true)
    end)
  end)

  after_each(network.close_all)

  -- A connection; returns a function that says a line in it: "answer" or "silence".
  local function connect(who, address, port, size)
    talkers = talkers + 1
    local file = ("%s/talk.%d"):format(lab.dir, talkers)
    run.write_file(file, "0")
    local job = lab[who]:start { "python3", "-c", talk, address, port, file, size or 1 }
    local said = 0
    return function()
      said = said + 1
      run.write_file(file, tostring(said))
      return run.wait_until("a word about line " .. said, 5, function()
        return job:out():match("%f[%d]" .. said .. " (%a+)\n")
      end)
    end
  end

  local function plan(text, ...)
    local result = program:run("plan", program:policy(text), "-v", ...)
    assert.equal(0, result.code, result.err)
    return result.out
  end

  it("are counted and named if the new policy would not admit them", function()
    program:apply(program:policy(open))
    local first = connect("friend", near.friend.ipv4, 8080, 3000)
    local second = connect("stranger", near.stranger.ipv4, 8080)
    local third = connect("friend", near.friend.ipv6, 8080)
    local fine = connect("friend", near.friend.ipv4, 8081)
    for _, say in ipairs { first, first, second, third, fine } do
      assert.equal("answer", say())
    end
    local policy = sound .. "allow_inbound { tcp = 8081 }\n"
    local out = plan(policy)
    assert.truthy(out:find("3 established flows would not be admitted if they began now.", 1, true), out)
    assert.truthy(out:find("--drop-flows", 1, true), out)
    assert.truthy(out:find("tcp 10.137.0.2:%d+ %-> 10.137.0.1:8080"), out)
    assert.truthy(out:find("tcp 10.66.0.2:%d+ %-> 10.66.0.1:8080"), out)
    assert.truthy(out:find("tcp [2001:db8:137::2]:", 1, true), out)
    assert.falsy(out:find(":8081\n", 1, true), out)
    -- only who asks is told by plan; who is told nothing has none
    assert.falsy(program:must("plan", program:policy(policy)).out:find("established flows", 1, true))
    out = plan(policy .. "allow_inbound { tcp = 8080 }\n")
    assert.falsy(out:find("admitted", 1, true), out)
    -- counted, the heaviest comes first
    lab.server:must { "sh", "-c", "echo 1 >/proc/sys/net/netfilter/nf_conntrack_acct" }
    local heavy = connect("stranger", near.stranger.ipv4, 8080, 50000)
    assert.equal("answer", heavy())
    local document = dkjson.decode(program:must("plan", program:policy(policy), "--json").out)
    assert.equal(4, document.flows.denied)
    assert.equal(5, document.flows.established)
    assert.equal(5, document.flows.judged)
    assert.is_true(document.flows.counted)
    assert.equal(stranger.ipv4, document.flows.heaviest[1].source)
    assert.truthy(document.flows.heaviest[1].bytes > 100000, document.flows.heaviest[1].bytes)
    assert.equal(8080, document.flows.heaviest[1].destination_port)
  end)

  it("go on, or end with --drop-flows, once it is confirmed", function()
    program:apply(program:policy(open))
    local refused = connect("friend", near.friend.ipv4, 8080)
    local admitted = connect("friend", near.friend.ipv4, 8081)
    assert.equal("answer", refused())
    assert.equal("answer", admitted())
    local policy = sound .. "allow_inbound { tcp = 8081 }\n"
    local result = program:apply(program:policy(policy))
    assert.truthy(result.out:find("1 established flow would not be admitted if it began now.", 1, true), result.out)
    assert.equal("answer", refused())
    -- there is nothing else to do
    result = program:apply(program:policy(policy), "--drop-flows")
    assert.truthy(result.out:find("Nothing to do", 1, true), result.out)
    assert.truthy(result.err:find("1 of 1 established flows that are not admitted any more are ended.", 1, true),
      result.err)
    assert.equal("silence", refused())
    assert.equal("answer", admitted())
  end)

  it("end after the verdict only, and not at all if all is taken back", function()
    program:apply(program:policy(open))
    local say = connect("stranger", near.stranger.ipv4, 8080)
    assert.equal("answer", say())
    local policy = program:policy(sound)
    local job = program:start("apply", policy, "--confirm", "20s", "--drop-flows")
    run.wait_until("the commit", 10, function()
      return job:err():find("moongate confirm", 1, true)
    end)
    assert.equal("answer", say()) -- it is not confirmed yet
    program:must "rollback"
    assert.equal(3, job:wait(10).code)
    assert.equal("answer", say())
    job = program:start("apply", policy, "--confirm", "20s", "--drop-flows")
    run.wait_until("the commit", 10, function()
      return job:err():find("moongate confirm", 1, true)
    end)
    assert.equal("answer", say())
    program:must("confirm", "--console")
    local result = job:wait(10)
    assert.equal(0, result.code, result.err)
    assert.truthy(result.err:find("1 of 1 established flows", 1, true), result.err)
    assert.equal("silence", say())
  end)

  it("of the operator are left alone, unless --force takes them", function()
    program:apply(program:policy(open))
    local say = connect("friend", near.friend.ipv4, 22)
    assert.equal("answer", say())
    local port = lab.server:must({ "ss", "-Htn", "state", "established" })
      :match("10%.137%.0%.1:22%s+10%.137%.0%.2:(%d+)")
    local ssh = { env = { SSH_CONNECTION = ("%s %s %s 22"):format(friend.ipv4, port, near.friend.ipv4) } }
    local policy = program:policy(sound)
    local result = program:run_with(ssh, "apply", policy, "--no-confirm", "--drop-flows")
    assert.equal(5, result.code, result.err)
    assert.equal("answer", say())
    -- who comes by a limit nobody can judge is in doubt, and stays
    result = program:run_with(ssh, "apply", program:policy(sound
      .. 'chain("filter", "INPUT"):append "-p tcp --dport 22 -m mac --mac-source 02:00:00:00:00:01 -j ACCEPT"\n'),
      "--no-confirm", "--drop-flows")
    assert.equal(0, result.code, result.err)
    assert.equal("answer", say())
    result = program:run_with(ssh, "apply", program:policy(sound .. "allow_inbound { tcp = 1 }\n"), "--no-confirm",
      "--drop-flows", "--force")
    assert.equal(0, result.code, result.err)
    assert.equal("silence", say())
  end)

  it("that begin here, or pass through, are judged as such", function()
    lab.server:must { "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward" }
    lab.friend:must { "ip", "route", "add", "10.66.0.0/24", "via", near.friend.ipv4 }
    lab.stranger:must { "ip", "route", "add", "10.137.0.0/24", "via", near.stranger.ipv4 }
    program:apply(program:policy(open .. open:gsub("INPUT", "FORWARD")))
    local remote = lab.stranger:start { "python3", "-c", echo, "8080", "8081" }
    run.wait_until("the stranger's server", 5, function()
      return remote:out():find("ready", 1, true)
    end)
    local through = { connect("friend", stranger.ipv4, 8080), connect("friend", stranger.ipv4, 8081) }
    local own = { connect("server", stranger.ipv4, 8080), connect("server", stranger.ipv4, 8081) }
    for i = 1, 2 do
      assert.equal("answer", through[i]())
      assert.equal("answer", own[i]())
    end
    local policy = sound .. "allow_forward { tcp = 8081, from = \"10.137.0.0/24\" }\nallow_outbound { tcp = 8081 }\n"
    local out = plan(policy)
    assert.truthy(out:find("2 established flows would not be admitted", 1, true), out)
    assert.truthy(out:find("10.137.0.2:%d+ %-> 10.66.0.2:8080\n"), out)
    assert.truthy(out:find("10.66.0.1:%d+ %-> 10.66.0.2:8080\n"), out)
    program:apply(program:policy(policy), "--drop-flows")
    assert.same({ "silence", "answer", "silence", "answer" },
      { through[1](), through[2](), own[1](), own[2]() })
  end)

  it("are judged and end all of them, if they are to end, however many there are", function()
    local count = 10500
    local server = lab.server:start { "python3", "-c", answer }
    run.wait_until("the server", 5, function()
      return server:out():find("ready", 1, true)
    end)
    program:apply(program:policy(open))
    lab.friend:must { "python3", "-c", ask, near.friend.ipv4, count }
    local path = program:policy(sound)
    local document = dkjson.decode(program:must("plan", path, "-v", "--json").out)
    assert.equal(count, document.flows.established)
    assert.truthy(document.flows.judged <= 10000, document.flows.judged)
    local result = program:apply(path, "--drop-flows")
    assert.truthy(result.err:find(("%d of %d established flows that are not admitted"):format(count, count), 1, true),
      result.out .. result.err)
  end)
end)
