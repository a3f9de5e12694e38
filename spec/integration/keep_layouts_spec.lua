-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What each preset keeps: other software's layouts, loaded as it does, come
-- through an apply and a roll-back byte for byte, with their counters, in both
-- families; and what is in front of what.

local layouts = require "spec.support.layouts"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local policy = [[
default_deny()
allow_established()
allow_loopback()
drop_invalid()
allow_icmp()
allow_inbound_ssh()
allow_inbound { tcp = 2222 }
for _, name in ipairs { "raw", "mangle", "nat" } do chain(name, "OUTPUT") end
]]

describe("keep, of the layout", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  -- The rules of a table's text, "table CHAIN [packets:bytes] rule", in order.
  local function rules_of(text)
    local found = {}
    for name, chains in pairs(tables.parse(text)) do
      for chain, rules in pairs(chains) do
        for number, rule in ipairs(rules) do
          found[#found + 1] = ("%s %s %03d [%d:%d] %s"):format(name, chain, number, rule.packets, rule.bytes, rule.text)
        end
        if not chain:find("^[A-Z]+PUT$") and chain ~= "FORWARD" and not chain:find("ROUTING$") then
          found[#found + 1] = name .. " " .. chain
        end
      end
    end
    table.sort(found)
    return found
  end

  -- Without the number in the chain, which the policy's own rules move on.
  local function unnumbered(found)
    local out = {}
    for index, line in ipairs(found) do
      out[index] = line:gsub(" %d%d%d %[", " [", 1)
    end
    return out
  end

  local function has(list)
    local set = {}
    for _, item in ipairs(list) do
      set[item] = (set[item] or 0) + 1
    end
    return set
  end

  -- Rules of the policy, which are not kept where a layout has them, too.
  local own = {
    ["-i lo -j ACCEPT"] = true, ["-o lo -j ACCEPT"] = true, ["-m conntrack --ctstate INVALID -j DROP"] = true,
    ["-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"] = true,
  }

  -- Everything of `before` is there now, in its order.
  local function assert_all_there(before, now)
    local there = has(unnumbered(now))
    for _, line in ipairs(unnumbered(before)) do
      assert.truthy(there[line], line .. "\nis not in\n" .. table.concat(now, "\n"))
    end
    local place = {}
    for index, line in ipairs(unnumbered(now)) do
      place[line] = place[line] or index
    end
    local last_chain, last
    for _, line in ipairs(unnumbered(before)) do
      local chain, rule = line:match("^(%S+ %S+) %[%S+ (.*)")
      if chain and not own[rule] then
        assert.truthy(chain ~= last_chain or place[line] > last, line .. " has moved")
        last_chain, last = chain, place[line]
      end
    end
  end

  for _, name in ipairs(layouts.names) do
    it(name .. ": all of it stays, and is back after a roll-back", function()
      layouts.load(lab.server, name)
      local path = program:policy(policy .. ("keep %q\n"):format(layouts.preset(name)))
      local before = {}
      for _, family in ipairs(tables.families) do
        before[family] = tables.save_counted(lab.server, family)
      end
      local pending = program:start("apply", path, "--confirm", "20")
      run.wait_until("the new rules", 10, function()
        return not pending:alive() or tables.save(lab.server, "ipv6"):find("--dport 2222 ", 1, true)
      end)
      assert.truthy(pending:alive(), pending:out() .. pending:err())
      for _, family in ipairs(tables.families) do
        assert_all_there(rules_of(before[family]), rules_of(tables.save_counted(lab.server, family)))
      end
      program:must("rollback")
      assert.equal(3, pending:wait(10).code)
      for _, family in ipairs(tables.families) do
        assert.same(rules_of(before[family]), rules_of(tables.save_counted(lab.server, family)))
      end
      program:apply(path)
      local now = tables.both(lab.server)
      assert.equal(0, program:run("plan", path, "--detailed-exitcode").code)
      program:apply(path)
      assert.equal(now, tables.both(lab.server))
      assert.truthy(program:must("status").out:find("drift        none", 1, true))
    end)
  end

  -- The rules of one chain of filter, as text without the options' values.
  local function order_of(chain)
    local found = {}
    for index, rule in ipairs(tables.filter(lab.server, "ipv4")[chain]) do
      found[index] = rule.text
    end
    return found
  end

  local function position(list, part)
    for index, text in ipairs(list) do
      if text:find(part, 1, true) then
        return index
      end
    end
    error(part .. " is not in\n" .. table.concat(list, "\n"))
  end

  it("fail2ban-chains: bans come before established connections, ufw behind what is allowed", function()
    layouts.load(lab.server, "fail2ban-chains")
    layouts.load(lab.server, "ufw")
    program:apply(program:policy(policy .. 'keep { "fail2ban", "ufw" }\nlog_denied()'))
    local rules = order_of("INPUT")
    assert.equal("-p tcp -m multiport --dports 80,443 -j f2b-nginx", rules[1])
    assert.equal("-p tcp -m multiport --dports 22 -j f2b-sshd", rules[2])
    assert.truthy(rules[3]:find("RELATED,ESTABLISHED", 1, true), rules[3])
    assert.truthy(position(rules, "--dport 2222 ") < position(rules, "ufw-before-input"))
    assert.truthy(position(rules, "ufw-track-input") < position(rules, "LOG"))
  end)

  it("docker-20: stands where the policy says, and moves when that changes", function()
    layouts.load(lab.server, "docker-20")
    local text = policy .. 'chain("filter", "FORWARD"):append "-i wg0 -o wg0 -j ACCEPT"\n'
    for _, case in ipairs {
      { 'keep("docker", { before = "first" })', 1, 12 },
      { 'keep("docker", { after = "established" })', 2, 12 },
      { 'keep("docker", { before = "allow" })', 3, 12 },
      { 'keep("docker", { after = "allow" })', 4, 13 - 1 },
    } do
      program:apply(program:policy(text .. case[1]))
      local rules = order_of("FORWARD")
      assert.equal("-j DOCKER-USER", rules[case[2]], case[1] .. "\n" .. table.concat(rules, "\n"))
      assert.equal("-i docker0 -o docker0 -j ACCEPT", rules[case[2] + 5])
      assert.equal(101, tables.filter(lab.server, "ipv4").FORWARD[case[2]].packets)
    end
  end)
end)
