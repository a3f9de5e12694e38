-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Who else has rules here: what `status` says of each, before a first apply and
-- after it, and with -v `plan` of a preset that has nothing to keep.

local json = require "dkjson"
local layouts = require "spec.support.layouts"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local tables = require "spec.support.tables"

local policy = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
]]

describe("status tells other owners", function()
  local lab, program
  local both, four = { "ipv4", "ipv6" }, { "ipv4" }

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  local function status()
    return json.decode(program:must("status", "--json").out, 1, json.null)
  end

  local function owner(name, table_name, families, rules, chains, kept)
    return { owner = name, table = table_name, families = families, rules = rules, chains = chains, kept = kept }
  end

  it("of which there are none", function()
    assert.same({}, status().owners)
    assert.truthy(program:must("status").out:find("\nothers       no rules of other software in the tables\n", 1, true))
    program:apply(program:policy(policy))
    assert.same({}, status().owners)
    assert.equal("", tables.names(lab.server, "ipv4"):gsub("filter\n", ""))
  end)

  it("by the looks of their rules, before anything was applied", function()
    layouts.load(lab.server, "docker-20")
    layouts.load(lab.server, "fail2ban-chains")
    tables.edit(lab.server, "ipv4", "-A INPUT -p udp --dport 7 -j DROP")
    assert.same({
      owner("docker", "filter", both, 18 + 12, 8, false),
      owner("docker", "nat", both, 8 + 6, 2, false),
      owner("fail2ban", "filter", both, 7 + 3, 3, false),
      owner(json.null, "filter", four, 1, 0, false),
    }, status().owners)
    local out = program:must("status").out
    for _, line in ipairs {
      "others       docker: 30 rules and 8 chains in filter, 14 rules and 2 chains in nat",
      "             fail2ban: 10 rules and 3 chains in filter",
      "             of unknown owner: 1 rule in filter",
    } do
      assert.truthy(out:find("\n" .. line .. "\n", 1, true), out)
    end
  end)

  it("and whether the generation keeps them, its own aside", function()
    layouts.load(lab.server, "docker-20")
    layouts.load(lab.server, "fail2ban-chains")
    program:apply(program:policy(policy .. 'keep { "docker", "fail2ban" }'))
    tables.edit(lab.server, "ipv4", "-N DOCKER-NEW")
    tables.edit(lab.server, "ipv4", "-A DOCKER-NEW -j RETURN")
    tables.edit(lab.server, "ipv4", "-N ufw-new")
    tables.edit(lab.server, "ipv4", "-t mangle -A PREROUTING -j MARK --set-mark 7")
    local now = status()
    assert.same({
      owner("docker", "filter", both, 31, 9, true),
      owner("docker", "nat", both, 14, 2, false), -- not a table of the policy
      owner("fail2ban", "filter", both, 10, 3, true),
      owner("ufw", "filter", four, 0, 1, false),
      owner(json.null, "mangle", four, 1, 0, false),
    }, now.owners)
    assert.same({ false, 0, 0 }, { now.drift.drifted, now.drift.missing, now.foreign_rules })
    local out = program:must("status").out
    assert.truthy(out:find("\nothers       docker, kept: 31 rules and 9 chains in filter\n"
      .. "             docker: 14 rules and 2 chains in nat\n", 1, true), out)
    assert.truthy(out:find("\n             ufw: 1 chain in filter\n", 1, true), out)
  end)

  it("which a plain user is not told", function()
    layouts.load(lab.server, "docker-20")
    local plain = program:run_with({ nobody = true }, "status")
    assert.equal(0, plain.code, plain.err)
    assert.truthy(plain.out:find("\nothers       not for this user to see\n", 1, true), plain.out)
    plain = program:run_with({ nobody = true }, "status", "--json")
    assert.equal(json.null, json.decode(plain.out, 1, json.null).owners)
  end)

  it("by the policy's own patterns, too", function()
    for _, line in ipairs { "-N ban-me", "-A ban-me -s 192.0.2.1 -j DROP", "-A INPUT -j ban-me" } do
      tables.edit(lab.server, "ipv4", line)
    end
    program:apply(program:policy(policy .. 'keep { chains = "ban-*" }'))
    assert.same({ owner(json.null, "filter", four, 2, 1, true) }, status().owners)
  end)

  it("and plan -v those that have nothing here now", function()
    layouts.load(lab.server, "fail2ban-chains")
    local path = program:policy(policy .. 'keep { "tailscale", "fail2ban" }')
    local absent = "policy.lua:6: note: nothing of tailscale's is in the tables of the policy now; what it adds later "
      .. "stays"
    local loud, quiet = program:must("plan", path, "-v").err, program:must("plan", path).err
    assert.truthy(loud:find(absent, 1, true), loud)
    assert.falsy(loud:find("nothing of fail2ban", 1, true), loud)
    assert.falsy(quiet:find("tailscale", 1, true), quiet)
  end)
end)
