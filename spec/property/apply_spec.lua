-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Properties of apply over random tables, with the kernel and iptables as judges:
--
--   apply(diff(a, b), a) == b, rule by rule as iptables-legacy-restore loads b;
--   a rule that is in both and was not moved keeps its counters;
--   print -> parse -> print is a fixed point: the live rules, fed back as a
--   policy, leave nothing to do.
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

describe("random tables #property", function()
  local lab, reference_lab, program

  before_each(function()
    lab = network.host()
    reference_lab = network.host()
    program = moongate.new(lab)
    print(("seed %d (MOONGATE_SEED=%d repeats it), %d rounds"):format(seed, seed, rounds))
  end)

  after_each(network.close_all)

  local function families_in_turn(round)
    return tables.families[round % 2 + 1]
  end

  -- What iptables-legacy-restore makes of a table; nil and its words if it refuses.
  local function reference(made, family)
    local done = tables.try_restore(reference_lab.server, family, generator.restore_text(made))
    assert(done.code == 0, "the generator made what iptables does not take: " .. done.err
      .. "\n" .. generator.restore_text(made))
    return tables.save(reference_lab.server, family)
  end

  local function apply(made, family, label)
    local path = program:policy(generator.policy_text(made, family), label .. ".lua")
    local result = program:run("apply", path, "--no-confirm", "--force")
    assert.equal(0, result.code, ("%s: %s%s\n%s"):format(label, result.out, result.err,
      generator.policy_text(made, family)))
    return path
  end

  -- Give every rule that is live counters of its own, as packets would.
  local function count_up(family, made_up)
    local number = 0
    local text = tables.save_counted(lab.server, family):gsub("\n%[%d+:%d+%] ", function()
      number = number + 1
      return ("\n[%d:%d] "):format(number + made_up, (number + made_up) * 40)
    end)
    tables.restore(lab.server, family, text, "-c")
  end

  -- Each chain's rules and how often each stands there.
  local function census(chain)
    local seen = {}
    for _, rule in ipairs(chain) do
      seen[rule.text] = (seen[rule.text] or 0) + 1
    end
    return seen
  end

  -- Rules that stand once before and once after must have kept their counters.
  local function assert_counters_kept(before, after, label)
    for name, chain in pairs(after) do
      local old = before[name] or {}
      local old_census, new_census = census(old), census(chain)
      for _, rule in ipairs(chain) do
        if old_census[rule.text] == 1 and new_census[rule.text] == 1 then
          local was = tables.find(old, rule.text)
          for _, candidate in ipairs(old) do
            was = candidate.text == rule.text and candidate or was
          end
          assert.same({ was.packets, was.bytes }, { rule.packets, rule.bytes },
            ("%s: counters of -A %s %s"):format(label, name, rule.text))
        end
      end
    end
  end

  it("become each other, counters of what stays included", function()
    for round = 1, rounds do
      local family = families_in_turn(round)
      local random = generator.new(seed * 1000 + round, family, features.takes)
      local label = ("seed %d, round %d, %s"):format(seed, round, family)
      local from = random:table(true)
      local to = random:edited(from, false)
      apply(from, family, "from")
      assert.equal(reference(from, family), tables.save(lab.server, family), label .. ", from nothing or another")
      count_up(family, random:between(1, 100000))
      local before = tables.filter(lab.server, family)
      apply(to, family, "to")
      assert.equal(reference(to, family), tables.save(lab.server, family), label)
      assert_counters_kept(before, tables.filter(lab.server, family), label)
    end
  end)

  it("become each other when rules are moved, stand twice, or all is new", function()
    for round = 1, rounds // 2 do
      local family = families_in_turn(round)
      local random = generator.new(seed * 1000 + 500 + round, family, features.takes)
      local label = ("seed %d, round %d with moves, %s"):format(seed, round, family)
      local from = random:table(false)
      local to = random:one_in(3) and random:table(false) or random:edited(from, true)
      apply(from, family, "from")
      apply(to, family, "to")
      assert.equal(reference(to, family), tables.save(lab.server, family), label)
    end
  end)

  -- Save text as the data of the generator: what is live becomes a policy again.
  local function read_back(family)
    local made = { policies = {}, order = {}, rules = {} }
    for line in tables.save(lab.server, family):gmatch("[^\n]+") do
      local name, policy = line:match("^:(%S+) (%S+)")
      local chain, rule = line:match("^%-A (%S+) ?(.*)")
      if name then
        made.order[#made.order + 1] = name
        made.policies[name] = policy ~= "-" and policy or nil
        made.rules[name] = {}
      elseif chain then
        table.insert(made.rules[chain], rule)
      end
    end
    return made
  end

  it("have nothing to do when their own print is their policy", function()
    for round = 1, rounds // 2 do
      local family = families_in_turn(round)
      local random = generator.new(seed * 1000 + 700 + round, family, features.takes)
      local first = apply(random:table(false), family, "first")
      local again = program:policy(generator.policy_text(read_back(family), family), "again.lua")
      for _, path in ipairs { first, again } do
        local result = program:run("plan", path, "--detailed-exitcode")
        assert.equal(0, result.code, ("seed %d, round %d, %s: %s%s"):format(seed, round, family, result.out,
          result.err))
      end
    end
  end)

  it("are the same for the same seed", function()
    for _, family in ipairs(tables.families) do
      local once = generator.restore_text(generator.new(seed, family):table(false))
      assert.equal(once, generator.restore_text(generator.new(seed, family):table(false)))
    end
  end)
end)
