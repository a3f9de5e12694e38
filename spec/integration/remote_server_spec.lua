-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- policies/hosts/remote_server.lua against real packets: who gets in, who does
-- not, what the server itself may reach, and which rule counted what.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local services = require "spec.support.services"
local tables = require "spec.support.tables"
local tcp_flags = require "spec.support.tcp_flags"

local it = features.it(it, pending)
local it_with_curl = features.it(it, pending, "curl")

local server_for = network.addresses.server_for
local families = tables.families

local function target(protocol, address, port)
  return ("%s,%s,%d"):format(protocol, address, port)
end

-- The states of one list of ports from one side in both families.
local function states_from(lab, who, specs)
  local targets, labels = {}, {}
  for _, family in ipairs(families) do
    for _, spec in ipairs(specs) do
      local protocol, port = spec:match("(%a+):(%d+)")
      local words = target(protocol, server_for[who][family], port)
      targets[#targets + 1] = words
      labels[words] = family .. " " .. spec
    end
  end
  local states = {}
  for words, state in pairs(packets.probe(lab[who], targets)) do
    states[labels[words]] = state
  end
  return states
end

describe("remote_server.lua with real packets #integration", function()
  local lab, program

  -- One lab for all of these tests: none of them changes what is loaded.
  local function prepare()
    lab = network.lab()
    program = moongate.new(lab)
    services.echo(lab.server, { "tcp:22", "tcp:23", "tcp:8443", "tcp:9999", "udp:5353" })
    services.echo(lab.stranger, {
      "tcp:25", "tcp:53", "udp:53", "tcp:443", "tcp:8080", "udp:123", "udp:5353", "tcp:22",
    })
    services.web(lab.stranger, 80, "a page\n")
    -- Before the policy everything answers, so silence afterwards is its doing.
    for spec, state in pairs(states_from(lab, "stranger", { "tcp:22", "tcp:8443", "tcp:9999", "udp:5353" })) do
      assert(state == "open", spec .. " is " .. state .. " before the policy")
    end
    program:apply(moongate.remote_server)
  end

  before_each(function()
    if not lab then
      prepare()
    end
    assert(tables.find(tables.filter(lab.server, "ipv4").INPUT, "BAD_TCP_FLAGS"), "the policy is not loaded")
  end)

  teardown(network.close_all)

  it("lets the friend in to ssh and 8443, in both families", function()
    assert.same({
      ["ipv4 tcp:22"] = "open", ["ipv4 tcp:8443"] = "open",
      ["ipv6 tcp:22"] = "open", ["ipv6 tcp:8443"] = "open",
    }, states_from(lab, "friend", { "tcp:22", "tcp:8443" }))
  end)

  it("is silent to the stranger on ssh and 8443, in both families", function()
    assert.same({
      ["ipv4 tcp:22"] = "silent", ["ipv4 tcp:8443"] = "silent",
      ["ipv6 tcp:22"] = "silent", ["ipv6 tcp:8443"] = "silent",
    }, states_from(lab, "stranger", { "tcp:22", "tcp:8443" }))
  end)

  it("is silent on ports that the policy does not name, to the friend as well", function()
    for _, who in ipairs { "friend", "stranger" } do
      for spec, state in pairs(states_from(lab, who, { "tcp:23", "tcp:9999", "udp:5353", "tcp:7" })) do
        assert.equal("silent", state, who .. " " .. spec)
      end
    end
  end)

  it("reaches DNS over udp and tcp, HTTP and HTTPS outside", function()
    local targets, expected = {}, {}
    for _, family in ipairs(families) do
      local address = network.addresses.stranger[family]
      for _, spec in ipairs { { "udp", 53 }, { "tcp", 53 }, { "tcp", 80 }, { "tcp", 443 } } do
        local words = target(spec[1], address, spec[2])
        targets[#targets + 1] = words
        expected[words] = "open"
      end
    end
    assert.same(expected, packets.probe(lab.server, targets))
  end)

  it_with_curl("fetches a page over HTTP in both families", function()
    for _, host in ipairs { "10.66.0.2", "[2001:db8:66::2]" } do
      assert.equal("a page\n", lab.server:must {
        "curl", "-s", "--noproxy", "*", "--max-time", "5", "http://" .. host .. "/",
      })
    end
  end)

  it("lets nothing else out", function()
    local targets = {}
    for _, family in ipairs(families) do
      local address = network.addresses.stranger[family]
      for _, spec in ipairs { { "tcp", 25 }, { "tcp", 8080 }, { "tcp", 22 }, { "udp", 123 }, { "udp", 5353 } } do
        targets[#targets + 1] = target(spec[1], address, spec[2])
      end
    end
    for words, state in pairs(packets.probe(lab.server, targets)) do
      assert.truthy(state == "silent" or state == "denied", words .. " is " .. state)
    end
  end)

  it("answers pings and sends them, in both families", function()
    for _, who in ipairs { "friend", "stranger" } do
      for _, family in ipairs(families) do
        assert.equal(2, packets.ping(lab[who], server_for[who][family], 2), who .. " in " .. family)
        assert.equal(2, packets.ping(lab.server, network.addresses[who][family], 2), "to " .. who .. " " .. family)
      end
    end
  end)

  it("finds its neighbours again after the neighbour caches are emptied", function()
    for _, space in ipairs { lab.server, lab.friend } do
      space:must { "ip", "neigh", "flush", "all" }
    end
    assert.equal(2, packets.ping(lab.friend, server_for.friend.ipv6, 2))
  end)

  it("keeps the loopback open both ways", function()
    assert.same({
      ["tcp,127.0.0.1,9999"] = "open", ["tcp,::1,9999"] = "open",
      ["udp,127.0.0.1,5353"] = "open", ["udp,::1,5353"] = "open",
    }, packets.probe(lab.server, {
      "tcp,127.0.0.1,9999", "tcp,::1,9999", "udp,127.0.0.1,5353", "udp,::1,5353",
    }))
  end)

  it("denies by default in all three chains of both families", function()
    for _, family in ipairs(families) do
      local filter = tables.filter(lab.server, family)
      for _, chain in ipairs { "INPUT", "FORWARD", "OUTPUT" } do
        assert.equal("DROP", filter[chain].policy, family .. " " .. chain)
      end
    end
  end)

  it("requires NEW of what it accepts in from the friend", function()
    for _, family in ipairs(families) do
      local input = tables.filter(lab.server, family).INPUT
      for _, port in ipairs { "22", "8443" } do
        local rule = assert(tables.find(input, "--dport " .. port .. " "), family .. " has no rule for " .. port)
        assert.truthy(rule.text:find("--ctstate NEW", 1, true), rule.text)
      end
      assert.truthy(tables.find(input, "mineos webui"))
    end
  end)

  it("enters BAD_TCP_FLAGS with TCP only, and before INVALID", function()
    for _, family in ipairs(families) do
      local input = tables.filter(lab.server, family).INPUT
      local jump, at = tables.find(input, "-j BAD_TCP_FLAGS")
      local _, invalid_at = tables.find(input, "--ctstate INVALID")
      assert.truthy(jump, family)
      assert.truthy(jump.text:find("^%-p tcp "), jump.text)
      assert.truthy(at < invalid_at, family)
    end
  end)

  it("counts each of the eleven flag patterns at its own rule", function()
    for _, family in ipairs(families) do
      tcp_flags.check(lab.friend, lab.server, family, server_for.friend[family])
    end
  end)

  it("drops a segment without sense even for a port that is open", function()
    for _, family in ipairs(families) do
      local input = tables.filter(lab.server, family).INPUT
      local open_before = tables.find(input, "--dport 8443 ").packets
      packets.segments(lab.friend, server_for.friend[family], 8443, { "SF=4", "FPU=4" })
      local open_after = tables.find(tables.filter(lab.server, family).INPUT, "--dport 8443 ").packets
      assert.equal(open_before, open_after, family)
    end
  end)

  it("says that there is nothing to do when it is planned again", function()
    local result = program:run("plan", moongate.remote_server)
    assert.equal(0, result.code, result.err)
    assert.truthy(result.out:lower():find("nothing to do", 1, true), result.out)
    assert.equal(0, program:run("plan", moongate.remote_server, "--detailed-exitcode").code)
  end)

  it("does not take moved lines of the policy for changes", function()
    local text = assert(run.read_file(moongate.remote_server))
    local moved = program:policy("-- a remark\n\n\n" .. text:gsub("\n", "\n\n"), "remote_server.lua")
    local result = program:run("plan", moved, "--detailed-exitcode")
    assert.equal(0, result.code, result.out .. result.err)
    assert.truthy(result.out:lower():find("nothing to do", 1, true), result.out)
  end)

  it("does not take helpers called in another order for changes", function()
    local text = assert(run.read_file(moongate.remote_server))
    local line = assert(text:match("\n(drop_invalid%(%)[^\n]*\n)"), "the policy has no line drop_invalid()")
    local without = text:gsub("\ndrop_invalid%(%)[^\n]*\n", "\n")
    local result = program:run("plan", program:policy(without .. "\n" .. line, "reordered.lua"),
      "--detailed-exitcode")
    assert.equal(0, result.code, result.out .. result.err)
  end)

  it("shows counters, numbers and the policy line behind each rule", function()
    packets.ping(lab.friend, server_for.friend.ipv4, 1)
    local result = program:must("show")
    local text = assert(run.read_file(moongate.remote_server))
    local number = 0
    for line in text:gmatch("([^\n]*)\n") do
      number = number + 1
      for _, helper in ipairs { "allow_established", "allow_loopback", "allow_inbound_ssh", "drop_invalid" } do
        if line:find("^" .. helper .. "[ ({]") then
          local shown = result.out:match("[^\n]*" .. helper .. "[^\n]*") or ""
          assert.truthy(shown:find("remote_server.lua:" .. number .. "%f[%D]"), helper .. ": " .. result.out)
        end
      end
    end
    local established = result.out:match("[^\n]*RELATED,ESTABLISHED[^\n]*")
    assert.truthy(established, result.out)
    assert.truthy(established:match("^%s*%d+%s"), "no line number: " .. established)
    assert.truthy(result.out:find("BAD_TCP_FLAGS", 1, true))
  end)
end)
