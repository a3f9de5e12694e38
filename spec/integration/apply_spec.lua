-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- apply on a real kernel: connections and counters live through it, an empty
-- plan writes nothing, and a refusal by the kernel half way leaves the old tables.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local services = require "spec.support.services"
local tables = require "spec.support.tables"
local trace = require "spec.support.trace"

local it = features.it(it, pending)
local it_traced = features.it(it, pending, "strace")

local base = [[
default_deny()
allow_established()
allow_loopback()
drop_invalid()
allow_icmp()
allow_inbound { tcp = 7000 }
]]

local function ping_rule(chain, family)
  return tables.find(chain, family == "ipv4" and "--icmp-type 8" or "--icmpv6-type 128")
end

-- A policy of primitives whose counters only this spec's packets move.
local counting = [[
chain("filter", "INPUT", { family = "ipv4" }):append "-p icmp -m icmp --icmp-type 8 -j ACCEPT"
chain("filter", "INPUT", { family = "ipv6" }):append "-p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT"
]]

describe("apply on a live network #integration", function()
  local lab, program

  before_each(function()
    lab = network.lab()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  it("keeps an established connection alive", function()
    services.echo(lab.server, { "tcp:7000" })
    program:apply(program:policy(base))
    for _, family in ipairs(tables.families) do
      local talk = packets.converse(lab.friend, network.addresses.server_for.friend[family], 7000)
      talk:say("before")
      -- The port is no longer allowed: only the established rule carries it now.
      program:apply(program:policy((base:gsub("7000", "7001"))))
      talk:say("after")
      talk:close()
      local address = network.addresses.server_for.friend[family]
      assert.equal("silent", packets.state(lab.friend, "tcp", address, 7000, 0.5))
      program:apply(program:policy(base))
    end
  end)

  it("keeps the counters of rules that did not change, and of the chains' policies", function()
    program:apply(program:policy(counting))
    for _, family in ipairs(tables.families) do
      assert.equal(3, packets.ping(lab.friend, network.addresses.server_for.friend[family], 3))
    end
    local before = {}
    for _, family in ipairs(tables.families) do
      before[family] = tables.filter(lab.server, family)
      assert.equal(3, ping_rule(before[family].INPUT, family).packets)
    end
    assert.truthy(before.ipv4.OUTPUT.packets >= 3)
    program:apply(program:policy(
      'local c = chain("filter", "INPUT")\nc:append "-p tcp -m tcp --dport 1 -j DROP"\n' .. counting
      .. 'c:append "-p udp -m udp --dport 1 -j DROP"\n'))
    for _, family in ipairs(tables.families) do
      local after = tables.filter(lab.server, family)
      assert.equal(3, #after.INPUT, family)
      assert.same(ping_rule(before[family].INPUT, family), ping_rule(after.INPUT, family))
      for _, chain in ipairs { "INPUT", "FORWARD", "OUTPUT" } do
        -- Nothing else is sent in IPv4; IPv6 itself may still announce groups.
        if family == "ipv4" then
          assert.equal(before[family][chain].packets, after[chain].packets, chain)
          assert.equal(before[family][chain].bytes, after[chain].bytes, chain)
        else
          assert.truthy(after[chain].packets >= before[family][chain].packets, chain)
        end
      end
    end
  end)

  it("lets rules take their counters along, wherever they move", function()
    local save, policy = { "*filter", ":INPUT ACCEPT [0:0]", ":FORWARD ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]" }, {}
    for i = 1, 300 do
      save[#save + 1] = ("[%d:%d] -A INPUT -p tcp -m tcp --dport %d -j ACCEPT"):format(i, i * 100, i)
      table.insert(policy, 1, ('c:append "-p tcp -m tcp --dport %d -j ACCEPT"'):format(i))
    end
    tables.restore(lab.server, "ipv4", table.concat(save, "\n") .. "\nCOMMIT\n", "-c")
    program:apply(program:policy('local c = chain("filter", "INPUT", { family = "ipv4" })\n'
      .. table.concat(policy, "\n") .. "\n"))
    local input = tables.filter(lab.server, "ipv4").INPUT
    assert.equal(300, #input)
    for place, rule in ipairs(input) do
      local i = 301 - place
      assert.truthy(rule.text:find(("--dport %d "):format(i), 1, true), rule.text)
      assert.same({ i, i * 100 }, { rule.packets, rule.bytes })
    end
  end)

  it("keeps a rule's counters when the rule before it goes away", function()
    local dropped = 'chain("filter", "INPUT"):append "-p tcp -m tcp --dport 1 -j DROP"\n'
    program:apply(program:policy(dropped .. counting))
    packets.ping(lab.friend, network.addresses.server_for.friend.ipv4, 2)
    program:apply(program:policy(counting))
    local input = tables.filter(lab.server, "ipv4").INPUT
    assert.equal(1, #input)
    assert.equal(2, input[1].packets)
  end)
end)

describe("apply and the kernel #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  it_traced("writes nothing to the kernel when nothing changes", function()
    local path = program:policy(base)
    local first, first_trace = program:traced({ trace.expression }, "apply", path, "--no-confirm")
    assert.equal(0, first.code, first.err)
    assert.same({ ipv4 = 1, ipv6 = 1 }, trace.replaces(first_trace), "the first apply:\n" .. first_trace)
    for _, mode in ipairs { { "--no-confirm" }, { "--confirm", "5" } } do
      local again, again_trace = program:traced({ trace.expression }, "apply", path, table.unpack(mode))
      assert.equal(0, again.code, again.err)
      assert.same({ ipv4 = 0, ipv6 = 0 }, trace.replaces(again_trace), again_trace)
      assert.truthy(again.seconds < 3, "an empty plan must not wait to be confirmed")
      assert.truthy((again.out .. again.err):lower():find("nothing to do", 1, true), again.out .. again.err)
    end
  end)

  it_traced("does not replace a family in which nothing changes", function()
    program:apply(program:policy(counting))
    local path = program:policy(counting
      .. 'chain("filter", "INPUT", { family = "ipv4" }):append "-p udp -j DROP"\n')
    local before = tables.save(lab.server, "ipv6")
    local result, text = program:traced({ trace.expression }, "apply", path, "--no-confirm")
    assert.equal(0, result.code, result.err)
    assert.equal(before, tables.save(lab.server, "ipv6"))
    assert.same({ ipv4 = 1, ipv6 = 0 }, trace.replaces(text), text)
  end)

  it("touches nothing where no file may grow, and says why", function()
    local before = tables.both(lab.server)
    -- through a pipe: what the specs write what it says to is a file, too
    local result = lab.server:run { "bash", "-c", ("set -o pipefail; (ulimit -f 0; %s) 2>&1 | cat"):format(
      program:line("apply", program:policy(base), "--confirm", "1")) }
    assert.equal(7, result.code, result.out)
    assert.truthy(result.out:find("File too large", 1, true), result.out)
    assert.equal(before, tables.both(lab.server))
  end)

  it("touches no family when the kernel refuses a rule of one", function()
    program:apply(program:policy(base))
    local before = tables.both(lab.server)
    local path = program:policy(base .. 'allow_inbound { tcp = 7002 }\n'
      .. 'chain("filter", "INPUT", { family = "ipv6" }):append "-m owner --uid-owner 0 -j ACCEPT"\n')
    local result = program:run("apply", path, "--no-confirm")
    assert.equal(6, result.code, result.out .. result.err)
    assert.equal(before, tables.both(lab.server))
  end)

  -- The n-th setsockopt() of each process fails, for one n after the other, so
  -- that a commit of either family and what follows it are hit in turn.
  it_traced("has the old tables or the new ones, whichever write fails", function()
    local old, new = base, (base:gsub("7000", "7100"))
    program:apply(program:policy(new))
    local new_tables = tables.both(lab.server)
    program:apply(program:policy(old))
    local old_tables = tables.both(lab.server)
    assert.are_not.equal(old_tables, new_tables)
    local path, failures = program:policy(new, "new.lua"), 0
    for nth = 1, 8 do
      local inject = ("inject=setsockopt:error=EPERM:when=%d"):format(nth)
      local result = program:traced({ "trace=setsockopt", inject }, "apply", path, "--no-confirm")
      if result.code == 0 then
        assert.equal(new_tables, tables.both(lab.server), "write " .. nth .. " failed, exit code 0")
        program:apply(program:policy(old))
      else
        failures = failures + 1
        assert.truthy(result.code == 6 or result.code == 7 or result.code == 3,
          ("write %d: exit code %d: %s"):format(nth, result.code, result.err))
        assert.equal(old_tables, tables.both(lab.server), "write " .. nth .. " failed: " .. result.err)
        assert.truthy(#result.err > 0, "a failure must say something")
      end
      assert.are_not.equal(0, program:run("confirm", "--console").code, "something is pending after " .. nth)
    end
    assert.truthy(failures >= 2, "no write was made to fail")
  end)

  -- Each of the ten commits in turn: what is before it in their order goes back.
  it_traced("puts every table back, counters too, when the kernel refuses a later one", function()
    local names = { "raw", "mangle", "security", "nat", "filter" }
    local function rules(port)
      local lines = {}
      for _, name in ipairs(names) do
        lines[#lines + 1] = ('chain("%s", "OUTPUT"):append "-p icmp -j ACCEPT"'):format(name)
        lines[#lines + 1] = ('chain("%s", "OUTPUT"):append "-p udp --dport %d -j ACCEPT"'):format(name, port)
      end
      return table.concat(lines, "\n")
    end
    local function counted()
      return tables.save_counted(lab.server, "ipv4") .. tables.save_counted(lab.server, "ipv6")
    end
    program:apply(program:policy(rules(1)))
    lab.server:must { "ping", "-q", "-c", "3", "-i", "0.01", "127.0.0.1" }
    local before = counted()
    local pings = "[6:504] -A OUTPUT -p icmp -j ACCEPT\n" -- their answers too
    assert.truthy(before:find(pings, 1, true), before)
    local path, order = program:policy(rules(2), "new.lua"), {}
    for nth = 1, 19, 2 do -- between them are the counters
      local inject = ("inject=setsockopt:error=EINVAL:when=%d"):format(nth)
      local result = program:traced({ "trace=setsockopt", inject, alone = true }, "apply", path, "--no-confirm")
      assert.equal(6, result.code, result.err)
      assert.equal(before, counted(), result.err)
      order[#order + 1] = result.err:match("the kernel refuses the (%S+ table %w+): ")
      assert.equal("", run.must { "find", program.state_dir, "-name", "pending.json" })
    end
    local expected = {}
    for _, name in ipairs(names) do
      expected[#expected + 1] = "IPv4 table " .. name
      expected[#expected + 1] = "IPv6 table " .. name
    end
    assert.same(expected, order)
    program:apply(path)
    assert.truthy(counted():find(pings .. "[0:0] -A OUTPUT -p udp -m udp --dport 2 ", 1, true), counted())
  end)

  it("makes no table of a family that it has no rules for and does not own", function()
    program:must("plan", program:policy(base))
    for _, family in ipairs(tables.families) do
      assert.equal("", tables.names(lab.server, family))
    end
  end)

  it("says so where it leaves what an earlier policy put into a table that is named no more", function()
    local with_nat = base .. 'chain("nat", "PREROUTING"):append "-p tcp --dport 80 -j REDIRECT --to-ports 8080"\n'
    local empty_nat = base .. 'chain("nat", "OUTPUT")\n'
    local function nat()
      local _, count = tables.both(lab.server):gsub("REDIRECT", "")
      return count
    end
    program:apply(program:policy(with_nat))
    local path = program:policy(base)
    for option, of in pairs { ["-v"] = "", ["-4"] = "IPv4 ", ["-6"] = "IPv6 " } do
      local result = program:must("plan", path, option)
      local told = "does not name the " .. of .. "table nat any more: the rules that generation 1 put there stay"
      assert.truthy(result.err:find(told, 1, true), result.err)
      assert.truthy(result.err:find('remedy: chain("nat", "OUTPUT")', 1, true), result.err)
    end
    assert.truthy(program:apply(path).err:find("the table nat any more", 1, true))
    assert.equal(2, nat())
    assert.equal("", program:must("plan", path).err)
    -- the remedy, and nothing to say where nothing is left
    program:apply(program:policy(with_nat))
    program:apply(program:policy(empty_nat))
    assert.equal(0, nat())
    assert.equal("", program:must("plan", program:policy(base)).err)
  end)

  it("leaves tables alone that the policy does not name", function()
    tables.restore(lab.server, "ipv4",
      "*mangle\n-A PREROUTING -p tcp -m tcp --dport 99 -j MARK --set-xmark 0x1/0xffffffff\nCOMMIT\n")
    local function mangle()
      return tables.save(lab.server, "ipv4"):match("%*mangle.-COMMIT")
    end
    local before = assert(mangle())
    program:apply(program:policy(base))
    assert.equal(before, mangle())
  end)
end)
