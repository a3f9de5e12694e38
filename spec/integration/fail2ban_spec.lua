-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Living with the real fail2ban: its bans go on through applies, confirmations
-- and roll-backs, and packets show it.

local fail2ban = require "spec.support.fail2ban"
local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local services = require "spec.support.services"
local tables = require "spec.support.tables"

local it = features.it(it, pending, "fail2ban")

local port = 4000

local policy = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound { tcp = 4000 }
keep "fail2ban"
]]

local changed = policy .. "allow_inbound { tcp = 4001 }\n"

describe("with fail2ban #integration", function()
  local lab, program, bans, path, changed_path
  local stranger, friend = network.addresses.stranger, network.addresses.friend

  before_each(function()
    lab = network.lab()
    program = moongate.new(lab)
    path = program:policy(policy)
    changed_path = program:policy(changed, "changed.lua")
    services.echo(lab.server, { "tcp:" .. port })
  end)

  after_each(network.close_all)

  -- What fail2ban has in the tables, counters too: the lines that tell of it.
  local function theirs()
    local found = {}
    for _, family in ipairs(tables.families) do
      for line in tables.save_counted(lab.server, family):gmatch("[^\n]*f2b[^\n]*") do
        found[#found + 1] = family .. " " .. line
      end
    end
    return found
  end

  -- Who gets through, in IPv4 and in IPv6; a client of the latter does not heed a reject.
  local function assert_open(who, ipv4, ipv6)
    local way = network.addresses.server_for[who]
    assert.same({ ipv4, ipv6 }, {
      packets.state(lab[who], "tcp", way.ipv4, port) == "open",
      packets.state(lab[who], "tcp", way.ipv6, port) == "open",
    }, who)
  end

  local function ban(who)
    for family, address in pairs(network.addresses[who]) do
      bans:ban(family, address)
    end
  end

  local function start_pending(seconds)
    local apply = program:start("apply", changed_path, "--confirm", tostring(seconds))
    run.wait_until("the new rules", 10, function()
      return not apply:alive() or tables.save(lab.server, "ipv6"):find("--dport 4001 ", 1, true)
    end)
    assert.truthy(apply:alive(), apply:out() .. apply:err())
    return apply
  end

  for _, action in ipairs { "iptables-multiport", "iptables-ipset-proto6" } do
    it("by " .. action .. ": ban, apply, unban, apply", function()
      bans = fail2ban.start(lab, action, port)
      assert_open("stranger", true, true)
      ban("stranger")
      assert_open("stranger", false, false)

      local bare = program:run("plan", program:policy((policy:gsub("keep[^\n]*\n", "")), "bare.lua"))
      assert.equal(5, bare.code)
      assert.truthy(bare.out:find('likely fail2ban\'s: keep("fail2ban") keeps it', 1, true), bare.out)

      local before = theirs()
      program:apply(path)
      assert.same(before, theirs())
      assert_open("stranger", false, false)
      assert_open("friend", true, true)

      bans:unban("ipv4", stranger.ipv4)
      bans:unban("ipv6", stranger.ipv6)
      assert_open("stranger", true, true)
      before = theirs()
      program:apply(changed_path)
      assert.same(before, theirs())
      assert_open("stranger", true, true)
      assert.equal(0, program:run("plan", changed_path, "--detailed-exitcode").code)

      ban("friend")
      assert_open("friend", false, false)
      assert.equal(0, program:run("plan", changed_path, "--detailed-exitcode").code)

      bans:stop() -- takes its rules away: nothing of it is missed
      assert.equal(0, program:run("plan", changed_path, "--detailed-exitcode").code)
      assert.same({}, theirs())
    end)

    it("by " .. action .. ": a ban while an apply waits is there when it is confirmed", function()
      bans = fail2ban.start(lab, action, port)
      program:apply(path)
      ban("friend")
      local apply = start_pending(20)
      ban("stranger")
      bans:unban("ipv4", friend.ipv4)
      local before = theirs()
      program:must("confirm", "--console")
      assert.equal(0, apply:wait(5).code)
      assert.same(before, theirs())
      assert_open("stranger", false, false)
      assert_open("friend", true, false)
    end)

    it("by " .. action .. ": and when it is taken back", function()
      bans = fail2ban.start(lab, action, port)
      program:apply(path)
      local own = tables.both(lab.server)
      local apply = start_pending(8)
      ban("stranger") -- the first one: fail2ban makes its chain or set now
      assert_open("stranger", false, false)
      local before = theirs()
      assert.equal(3, apply:wait(15).code)
      assert.same(before, theirs())
      assert_open("stranger", false, false)
      assert_open("friend", true, true)
      bans:unban("ipv4", stranger.ipv4)
      bans:unban("ipv6", stranger.ipv6)
      bans:stop()
      assert.equal(own, tables.both(lab.server))
    end)
  end
end)
