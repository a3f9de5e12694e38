-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Living with Docker: rules as its releases lay them, with a container behind
-- them, and packets through a published port before and after an apply; and what
-- plan and status say of such ports.

local gateway = require "spec.support.gateway"
local json = require "dkjson"
local layouts = require "spec.support.layouts"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local services = require "spec.support.services"
local tables = require "spec.support.tables"

local policy = [[
default_deny()
allow_established()
allow_loopback()
drop_invalid()
allow_icmp()
allow_inbound_ssh()
]]

-- The container is the LAN's host, its bridge the router's link to it.
local bridge = [[
ip link set lan0 down
ip link set lan0 name docker0
ip link set docker0 up
ip -6 addr add 2001:db8:137::1/64 dev docker0 nodad
]]

local function translated(text)
  return (text:gsub("172%.17%.0%.0/16", "10.137.0.0/24"):gsub("172%.17%.0%.", "10.137.0.")
    :gsub("fd00:17::/64", "2001:db8:137::/64"):gsub("fd00:17::2", "2001:db8:137::2"))
end

describe("with Docker #integration", function()
  local lab, program

  before_each(function()
    lab = gateway.lab()
    lab.router:must { "sh", "-ec", bridge }
    program = moongate.new(lab)
    services.echo(lab.lan, { "tcp:80", "tcp:81" })
    services.echo(lab.router, { "tcp:8080", "tcp:9090" })
  end)

  after_each(network.close_all)

  local function load(name)
    local sets = layouts.text(name, "sets")
    if sets then
      lab.router:must({ "ipset", "restore" }, { input = translated(sets) })
    end
    for _, family in ipairs(tables.families) do
      tables.restore(lab.router, family, translated(layouts.text(name, family)), "-c")
    end
  end

  local function state(from, address, port)
    return packets.state(from, "tcp", address, port)
  end

  local way = gateway.router_for.internet.ipv4

  local function has_note(notes, text)
    for _, note in ipairs(notes) do
      if note.text:find(text, 1, true) then
        return note
      end
    end
  end

  for _, name in ipairs { "docker-20", "docker-28" } do
    it("as " .. name .. ": a published port is open before and after, the host's is not", function()
      load(name)
      assert.equal("open", state(lab.internet, way, 8080))
      assert.equal("open", state(lab.internet, way, 9090))
      local before = tables.filter(lab.router, "ipv4").DOCKER[1].packets

      program:apply(program:policy(policy .. 'keep("docker", { before = "allow" })'))
      local held = packets.converse(lab.internet, way, 8080)
      assert.equal("open", state(lab.internet, way, 8080))
      assert.equal("silent", state(lab.internet, way, 9090))
      assert.equal("refused", state(lab.lan, gateway.internet_host.ipv4, 4000)) -- the container's way out
      local rule = tables.filter(lab.router, "ipv4").DOCKER[1]
      assert.truthy(rule.packets >= before + 2, rule.packets)

      -- what Docker does when the container is replaced
      tables.edit(lab.router, "ipv4", "-t nat -D DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT "
        .. "--to-destination 10.137.0.2:80")
      tables.edit(lab.router, "ipv4", "-t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8081 -j DNAT "
        .. "--to-destination 10.137.0.2:80")
      program:apply(program:policy(policy .. 'allow_inbound { tcp = 9090 }\nkeep("docker", { before = "allow" })'))
      held:say("still")
      held:close()
      assert.equal("open", state(lab.internet, way, 8081))
      assert.equal("open", state(lab.internet, way, 9090))
    end)
  end

  it("lets a policy restrict a published port in DOCKER-USER", function()
    load "docker-20"
    program:apply(program:policy(policy .. [[
      keep "docker"
      chain("filter", "DOCKER-USER"):append "-i wan0 -s 10.66.0.2 -p tcp -m conntrack --ctorigdstport 8080 -j DROP"
    ]]))
    assert.equal("silent", state(lab.internet, way, 8080))
    local chain = tables.filter(lab.router, "ipv4")["DOCKER-USER"]
    assert.same({ 2, "-j RETURN", 101 }, { #chain, chain[2].text, chain[2].packets })
    local plan = json.decode(program:must("plan", program:policy(policy .. [[
      keep "docker"
      chain("filter", "DOCKER-USER"):append "-s 192.0.2.1 -j DROP"
    ]]), "--json").out, 1, json.null)
    assert.equal("info", has_note(plan.notes, "Docker publishes 8080/tcp").severity)
    assert.equal(1, plan.summary.removed)

    program:apply(program:policy(policy .. 'keep "docker"\n'))
    assert.equal("open", state(lab.internet, way, 8080))
  end)

  it("says in plan and status that published ports do not come by INPUT", function()
    load "docker-28"
    local status = json.decode(program:must("status", "--json").out, 1, json.null)
    assert.same({
      severity = "warning", place = json.null, remedy = 'chain("filter", "DOCKER-USER") is where rules about them go',
      text = "Docker publishes 8080/tcp: what comes for published ports is forwarded, and rules of INPUT do not see it",
    }, has_note(status.notes, "Docker"))

    local path = program:policy(policy .. 'keep "docker"\n')
    local result = program:run("plan", path)
    assert.equal(0, result.code)
    assert.truthy(result.err:find("warning: Docker publishes 8080/tcp", 1, true), result.err)
    program:apply(path)
    assert.truthy(program:must("status").err:find("Docker publishes", 1, true))

    tables.edit(lab.router, "ipv4", "-t nat -F DOCKER")
    result = program:run("plan", path)
    assert.truthy(result.err:find("Docker publishes 80/tcp", 1, true), result.err) -- routed to
    tables.edit(lab.router, "ipv4", "-F DOCKER")
    result = program:run("plan", path)
    assert.falsy(result.err:find("publishes", 1, true), result.err)
  end)
end)
