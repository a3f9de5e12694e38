-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A rule that the kernel refuses is found among any number of likes, and it is
-- the first one: the trial in a private namespace looks at one rule of each
-- kind only. Which kinds are refused, iptables-legacy-restore is asked.
--
-- MOONGATE_SEED repeats a run; MOONGATE_ROUNDS makes it longer.

local features = require "spec.support.features"
local generator = require "spec.support.generator"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local seed = tonumber(os.getenv("MOONGATE_SEED")) or os.time() % 1000000
local rounds = tonumber(os.getenv("MOONGATE_ROUNDS")) or 30

-- Kinds of rules in INPUT; {a} is an address, {p} a port, {n} a number.
local kinds = {
  "-s {a} -p tcp -m tcp --dport {p} -m conntrack --ctstate NEW -m comment --comment \"rule {n}\" -j ACCEPT",
  "-s {a} -j DROP",
  "-s {a} -p udp -m udp --sport {p} -j REJECT",
  "-d {a} -p tcp -m tcp --dport {p} -j REJECT --reject-with tcp-reset",
  "-s {a} -m comment --comment {n}",
  "-s {a} -m addrtype --dst-type LOCAL --limit-iface-in -j DROP",
  "-s {a} -m policy --dir in --pol none -j ACCEPT",
  -- what follows is for other chains
  "-s {a} -m addrtype --dst-type LOCAL --limit-iface-out -j DROP",
  "-s {a} -m policy --dir out --pol none -j ACCEPT",
  "-s {a} -p tcp -m tcp --dport {p} -m owner --uid-owner 0 -j ACCEPT",
  "-s {a} -m comment --comment {n} -m physdev --physdev-out eth0 -j DROP",
}

local own_text = {
  ipv4 = function(random)
    return ("10.%d.%d.0/24"):format(random:between(0, 255), random:between(0, 255))
  end,
  ipv6 = function(random)
    return ("2001:db8:%x::/48"):format(random:between(1, 0xffff))
  end,
}

local function fill(random, kind, family)
  return (kind:gsub("{a}", function()
    return own_text[family](random)
  end):gsub("{p}", function()
    return random:between(1, 65535)
  end):gsub("{n}", function()
    return random:between(1, 100000)
  end))
end

describe("the kernel's trial #property", function()
  local lab, program
  local good, bad = { ipv4 = {}, ipv6 = {} }, { ipv4 = {}, ipv6 = {} }

  setup(function()
    print(("seed %d (MOONGATE_SEED=%d repeats it), %d rounds"):format(seed, seed, rounds))
    lab = network.host()
    program = moongate.new(lab)
    local random = generator.new(seed, "ipv4")
    for _, family in ipairs(tables.families) do
      for _, kind in ipairs(kinds) do
        local done = tables.try_restore(lab.server, family,
          ("*filter\n-A INPUT %s\nCOMMIT\n"):format(fill(random, kind, family)))
        local list = done.code == 0 and good[family] or bad[family]
        list[#list + 1] = kind
      end
    end
  end)

  teardown(network.close_all)

  -- A policy of rules in one family, and the line of the first bad one, or nil.
  local function policy(random, family, count, bad_ones)
    local rules, first = {}, nil
    local some = { random:pick(good[family]), random:pick(good[family]), random:pick(good[family]) }
    for index = 1, count do
      rules[index] = fill(random, random:pick(some), family)
    end
    for _ = 1, bad_ones do
      local index = random:between(1, count)
      rules[index] = fill(random, random:pick(bad[family]), family)
      first = math.min(first or index, index)
    end
    for index, rule in ipairs(rules) do
      rules[index] = ("c:append(%q)"):format(rule)
    end
    local text = ("local c = chain('filter', 'INPUT', { family = %q }) "):format(family) .. table.concat(rules, "\n")
    return program:policy(text), first
  end

  local function expect(path, first, what)
    local result = program:run("check", "--kernel", path)
    if not first then
      assert.equal(0, result.code, what .. result.err)
      return
    end
    assert.equal(6, result.code, what .. result.out .. result.err)
    assert.truthy(result.err:find(("policy.lua:%d: append: the kernel refuses this"):format(first), 1, true),
      ("%snot line %d: %s"):format(what, first, result.err))
  end

  it("has something to find", function()
    for _, family in ipairs(tables.families) do
      assert.truthy(#good[family] >= 5, #good[family])
      assert.truthy(#bad[family] >= 2, #bad[family])
    end
  end)

  for _, family in ipairs(tables.families) do
    it("finds the first rule that is refused, " .. family, function()
      local random = generator.new(seed + #family, family)
      for round = 1, rounds do
        local path, first = policy(random, family, random:between(1, 300), round % 5 == 0 and 0 or random:between(1, 3))
        expect(path, first, ("seed %d, round %d: "):format(seed, round))
      end
    end)

    it("finds one among 10,000, " .. family, function()
      local path, first = policy(generator.new(seed, family), family, 10000, 1)
      expect(path, first, ("seed %d: "):format(seed))
    end)
  end
end)
