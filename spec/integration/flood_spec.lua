-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Exact counters: while packets come by the thousand, both families at once, other
-- rules of the same chains are added, removed and moved, again and again. Each
-- packet must be counted once by each rule that it meets and by the policy in whose
-- chain it ends, whether the rule stays where it is or moves itself.
--
-- What came in is told by a rule in table raw, which no policy here names.
--
-- MOONGATE_SEED repeats a run; MOONGATE_ROUNDS makes it longer.

local features = require "spec.support.features"
local generator = require "spec.support.generator"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local services = require "spec.support.services"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local seed = tonumber(os.getenv("MOONGATE_SEED")) or os.time() % 1000000
local rounds = tonumber(os.getenv("MOONGATE_ROUNDS")) or 60

local PORT = 7000

-- Neighbour discovery must not end in the policies, whose packets are counted.
local silence = "-p ipv6-icmp -j ACCEPT"
-- Without a verdict: the packet goes on to all the others.
local stays = ("-p udp -m udp --dport %d"):format(PORT)
local moves = ("-p udp -m udp --dport 1:%d"):format(PORT)
local within = ("-p udp -m udp --sport 1:65535 --dport %d"):format(PORT)

local function append(lines, chain, rule, family)
  lines[#lines + 1] = ('chain("filter", %q, { family = "%s" }):append %q'):format(chain, family or "both", rule)
end

-- Up to `most` rules that nothing matches, in any order and number.
local function fill(lines, random, chain, most)
  for _ = 1, random:between(0, most) do
    append(lines, chain, ("-p tcp -m tcp --dport %d -j ACCEPT"):format(random:between(1, 40)))
  end
end

-- A policy whose rules for UDP are always there, among others that change.
local function policy(random, round)
  local lines = {
    'chain("filter", "INPUT", { policy = "DROP" })', 'chain("filter", "WITHIN")',
  }
  append(lines, "INPUT", silence, "ipv6")
  if round % 2 == 0 then
    append(lines, "INPUT", moves)
  end
  fill(lines, random, "INPUT", 12)
  append(lines, "INPUT", stays)
  fill(lines, random, "WITHIN", 12)
  append(lines, "WITHIN", within)
  fill(lines, random, "WITHIN", 6)
  append(lines, "INPUT", "-j WITHIN")
  fill(lines, random, "INPUT", 12)
  if round % 2 == 1 then
    append(lines, "INPUT", moves)
  end
  return table.concat(lines, "\n") .. "\n"
end

describe("a flood through what is being changed", function()
  local lab, program, random

  before_each(function()
    lab = network.lab()
    program = moongate.new(lab)
    random = generator.new(seed)
    print(("seed %d (MOONGATE_SEED=%d repeats it), %d rounds"):format(seed, seed, rounds))
    program:apply(program:policy(policy(random, 0)))
    for _, family in ipairs(tables.families) do
      tables.edit(lab.server, family, "-t raw -A PREROUTING -p udp -m udp --dport " .. PORT)
    end
  end)

  after_each(network.close_all)

  local function begin()
    local senders = {}
    for _, family in ipairs(tables.families) do
      local address = network.addresses.server_for.friend[family]
      senders[family] = services.start(lab.friend, "flood", packets.script("flood.py", address, PORT))
    end
    return senders
  end

  -- How many each family has sent.
  local function finish(senders)
    local sent = {}
    for family, sender in pairs(senders) do
      sender:signal("TERM")
      local done = sender:wait()
      assert.equal(0, done.code, done.err)
      sent[family] = assert(tonumber(done.out:match("(%d+)\n$")), done.out)
    end
    return sent
  end

  -- All that has come in, in each place where it must be counted.
  local function assert_counted(sent, what)
    for _, family in ipairs(tables.families) do
      local all = tables.parse(tables.save_counted(lab.server, family))
      local came = all.raw.PREROUTING[1].packets
      assert.equal(sent[family], came, family .. " is lost before it comes to any table")
      local input = all.filter.INPUT
      local counted = {
        stays = tables.find(input, stays).packets, moves = tables.find(input, moves).packets,
        jump = tables.find(input, "-j WITHIN").packets,
        within = tables.find(all.filter.WITHIN, within).packets, policy = input.packets,
      }
      assert.same({ stays = came, moves = came, jump = came, within = came, policy = came }, counted,
        ("seed %d, %s, %s"):format(seed, family, what))
      print(("%s: %d packets while %s, each counted"):format(family, came, what))
    end
  end

  it("is counted packet by packet, however often other rules change", function()
    local senders = begin()
    local changed = 0
    for round = 1, rounds do
      local done = program:apply(program:policy(policy(random, round)))
      changed = changed + (done.out:find("nothing to do", 1, true) and 0 or 1)
    end
    local sent = finish(senders)
    assert.equal(rounds, changed)
    assert_counted(sent, ("%d plans were applied"):format(changed))
    for family, number in pairs(sent) do
      assert.truthy(number > 1000 * rounds / 10, family .. ": too few packets to prove anything: " .. number)
    end
  end)

  it("is counted packet by packet when changes are taken back", function()
    local senders = begin()
    local times = math.max(1, rounds // 12)
    for round = 1, times do
      local done = program:run("apply", program:policy(policy(random, round)), "--confirm", "1s")
      assert.equal(3, done.code, done.out .. done.err)
    end
    assert_counted(finish(senders), ("%d plans were applied and taken back"):format(times))
  end)
end)
