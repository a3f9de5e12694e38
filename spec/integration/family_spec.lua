-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- One family at a time: -4 and -6 leave the other one's rules, and the record
-- of whose they are, as they were.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local old = [[
default_deny() allow_established() allow_loopback() allow_icmp()
allow_inbound_ssh()
]]
local new = old .. "allow_inbound_https()\n"

describe("a single family #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
    program:apply(program:policy(old))
  end)

  after_each(function()
    lab:close()
  end)

  local function has_https(family)
    return tables.find(tables.filter(lab.server, family).INPUT, "--dport 443 ") ~= nil
  end

  it("is changed without the other one", function()
    program:apply(program:policy(new), "-4")
    assert.truthy(has_https("ipv4"))
    assert.falsy(has_https("ipv6"))
  end)

  it("does not make the other one's rules foreign", function()
    program:apply(program:policy(new), "-4")
    local result = program:run("plan", program:policy("default_deny() allow_established() allow_loopback()"))
    assert.equal(0, result.code, result.err)
    assert.truthy(result.out:find("not in the policy;", 1, true), result.out)
    assert.falsy(result.out:find("not put there by Moongate", 1, true), result.out)
  end)

  it("is all that a plan for it looks at", function()
    local result = program:run("plan", program:policy(new), "-6")
    assert.truthy(result.out:find("(v6)", 1, true), result.out)
    assert.falsy(result.out:find("v4", 1, true), result.out)
  end)

  it("is the only one whose table is owned, where a policy names it for one", function()
    lab.server:must({ "ip6tables-legacy", "-t", "nat", "-A", "POSTROUTING", "-o", "wan0", "-j", "MASQUERADE" },
      program:options())
    local nat = old .. 'chain("nat", "POSTROUTING", { family = "ipv4" }):append "-o wan0 -j MASQUERADE"\n'
    program:apply(program:policy(nat))
    assert.truthy(tables.save(lab.server, "ipv4"):find("-A POSTROUTING -o wan0 -j MASQUERADE", 1, true))
    assert.truthy(tables.save(lab.server, "ipv6"):find("-A POSTROUTING -o wan0 -j MASQUERADE", 1, true))
    local mangle = nat .. 'chain("mangle", "FORWARD", { family = "ipv4" }):append "-j MARK --set-mark 1"\n'
    program:apply(program:policy(mangle))
    assert.falsy(tables.names(lab.server, "ipv6"):find("mangle", 1, true))
  end)
end)
