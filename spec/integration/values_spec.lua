-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- No change is missed, and none is seen that is none: for every form of every
-- extension a rule that iptables has loaded is compared with others in which one
-- value is another one, one option is turned about, or one is left out. The diff
-- must call a rule the same just where iptables-legacy-save would print the same.

local c_program = require "spec.support.c_program"
local extensions = require "spec.support.extensions"
local features = require "spec.support.features"
local judge = require "spec.support.judge"
local moongate = require "spec.support.moongate"
local netfilter = require "spec.support.netfilter"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"
local variants = require "spec.support.variants"
local written = require "spec.support.written_rules"

local it = features.it(it, pending, "nat")

-- Rules that are loaded together; those that iptables refuses are searched for among them.
local AT_ONCE = 40

-- Ways of spec/support/variants.lua: turned about, left out.
local wanted_ways = { [2] = true, [4] = true }

-- A place of a form, if nothing else is asked for: its first value. Of 1 to 4 the
-- last, which stands for no negation.
local function usual(low, high)
  return low == 1 and high == 4 and high or low
end

-- A form with the usual values but in one place, where it has the n-th other; nil
-- if there is no such place or value.
local function filled(words, family, place, n)
  local at, other = 0, nil
  local text = extensions.fill(words, family, function(low, high)
    at = at + 1
    if at ~= place then
      return usual(low, high)
    end
    local values = { low + 1, high, low + 2, low + 3, low }
    other = values[n]
    return other and other <= high and other or usual(low, high)
  end)
  return (not place or at >= place and other) and text or nil
end

-- A text with each number in its values, one after the other, changed by one.
local function renumbered(text)
  local out = {}
  for first, digits, last in text:gmatch("()(%d+)()") do
    local before = text:sub(1, first - 1)
    if not before:match("%S*$"):find("^%-") then
      local number = tonumber(digits:sub(-9))
      local other = ("%0" .. #digits:sub(-9) .. "d"):format(number % 10 == 9 and number - 1 or number + 1)
      out[#out + 1] = before .. digits:sub(1, -10) .. other .. text:sub(last)
    end
  end
  return out
end

-- Other texts of a form.
local function others_of(words, family, base)
  local out, seen = {}, { [base] = true }
  local function add(text)
    if text and not seen[text] then
      seen[text] = true
      out[#out + 1] = text
    end
  end
  for place = 1, 8 do
    for n = 1, 5 do
      add(filled(words, family, place, n))
    end
  end
  for _, text in ipairs(renumbered(base)) do
    add(text)
  end
  for _, text in ipairs(variants.of(base, function(way) return wanted_ways[way] end)) do
    add(text)
  end
  return out
end

-- What is loaded, and what is compared with it: { request =, others = { texts }, of = }.
local function bases_of(family)
  local bases = {}
  local function add(of, table_name, chain, text, others)
    local base = { of = of, request = { family, table_name, chain, text, { "USER" } }, others = others }
    bases[#bases + 1] = base
    return base
  end
  for _, list in ipairs { extensions.matches, extensions.targets } do
    for _, entry in ipairs(list) do
      local ending = entry.kind == "match" and " -j ACCEPT" or ""
      local beginning = entry.p and "-p " .. entry.p .. " " or ""
      for _, form in ipairs(entry.forms[family]) do
        local words = extensions.words(entry, form)
        local base, others = filled(words, family), {}
        for i, text in ipairs(others_of(words, family, base)) do
          others[i] = beginning .. text .. ending
        end
        add(entry.kind .. " " .. entry.name, entry.table, entry.chain, beginning .. base .. ending, others).needs =
          entry.needs
      end
    end
  end
  for _, group in ipairs(written.rules) do
    local rules = { table.unpack(group, 3) }
    for i, text in ipairs(rules) do
      add("written", group[1], group[2], text, { rules[i + 1], table.unpack(renumbered(text)) })
    end
  end
  return bases
end

-- Compile all that is compared: each base gets `compared`, a list of { text, printed }.
local function compile_others(bases, server, family)
  local requests, whose = {}, {}
  for _, base in ipairs(bases) do
    base.compared = {}
    for _, text in ipairs { base.request[4], table.unpack(base.others) } do
      requests[#requests + 1] = { family, base.request[2], base.request[3], text, { "USER" } }
      whose[#whose + 1] = base
    end
  end
  for index, result in ipairs(netfilter.compile_all(requests, { namespace = server, limit = 120 })) do
    if not result.error and #result == 1 then
      table.insert(whose[index].compared, { requests[index][4], result[1] })
    end
  end
end

local table_names = { "filter", "nat", "raw", "security", "mangle" }

local function by_table(bases)
  local parts = {}
  for _, name in ipairs(table_names) do
    parts[name] = {}
  end
  for _, base in ipairs(bases) do
    table.insert(parts[base.request[2]], base)
  end
  return parts
end

-- Have iptables load all of a table, some at once.
local function judge_all(namespace, family, name, list, loaded)
  judge.load_estimators(namespace, family)
  for first = 1, #list, AT_ONCE do
    judge.judge(namespace, family, name, list, first, math.min(first + AT_ONCE - 1, #list), loaded)
  end
end

describe("a value of any extension", function()
  local lab, program

  setup(function()
    program = run.must({ "mktemp", "-d" }):gsub("\n", "") .. "/entries_check"
    local done = c_program.compile("spec/integration/entries_check.c", program)
    assert.equal(0, done.code, done.err)
  end)

  teardown(function()
    run.must { "rm", "-rf", (program:gsub("/[^/]*$", "")) }
  end)

  after_each(network.close_all)

  -- The lines for the program about bases first..last, which are loaded.
  local function lines_about(bases, first, last, counts)
    local lines, position = {}, {}
    for index = first, last do
      local base = bases[index]
      local chain = base.request[3]
      local number = position[chain] or 0
      local count = counts[base.of] or { same = 0, other = 0 }
      position[chain] = number + select(2, base.saved:gsub("\n", "")) + 1
      counts[base.of] = count
      for _, pair in ipairs(base.compared) do
        local relation = pair[2] == base.saved and "same" or "other"
        count[relation] = count[relation] + 1
        lines[#lines + 1] = table.concat({ chain, number, relation, pair[1] }, "\t")
      end
    end
    return lines
  end

  for _, family in ipairs(tables.families) do
    it("is the same or another just where iptables prints it so, " .. family, function()
      lab = network.host()
      judge.prepare(lab.server, family)
      local bases, counts, compared = bases_of(family), {}, 0
      compile_others(bases, lab.server, family)
      for name, list in pairs(by_table(bases)) do
        judge_all(lab.server, family, name, list, function(from, to)
          local lines = lines_about(list, from, to, counts)
          local done = lab.server:run({ program, family:sub(-1), name, "values" }, {
            input = table.concat(lines, "\n") .. "\n", limit = 60, env = { ASAN_OPTIONS = "detect_leaks=0" },
          })
          assert.equal(("%d compared\n"):format(#lines), done.out .. done.err)
          compared = compared + #lines
        end)
      end
      for _, base in ipairs(bases) do
        assert.truthy(counts[base.of] or base.needs, base.of .. " was never loaded")
      end
      local idle, others = {}, 0
      for of, count in pairs(counts) do
        others = others + count.other
        assert.truthy(count.same > 0, of)
        idle[#idle + 1] = count.other == 0 and of or nil
      end
      table.sort(idle)
      print(("%s: %d rules compared with %d loaded ones, %d of them others; nothing else to say: %s"):format(family,
        compared, #bases, others, table.concat(idle, ", ")))
      assert.truthy(others > 1000, others)
    end)

    it("goes through an apply, and leaves nothing to do, " .. family, function()
      lab = network.lab()
      judge.prepare(lab.server, family)
      judge.prepare(lab.friend, family)
      local bases, policy = bases_of(family), {}
      for name, list in pairs(by_table(bases)) do
        judge_all(lab.friend, family, name, list, nil)
      end
      local function append(table_name, chain, text)
        policy[#policy + 1] = ("chain(%q, %q, { family = %q }):append(%q)"):format(table_name, chain, family, text)
      end
      for _, name in ipairs(table_names) do
        policy[#policy + 1] = ("chain(%q, 'USER', { family = %q })"):format(name, family)
      end
      for _, text in ipairs(judge.estimators) do
        append("mangle", "USER", text)
      end
      local wanted = 0
      for _, base in ipairs(bases) do
        if base.saved then
          append(base.request[2], base.request[3], base.request[4])
          wanted = wanted + 1
        end
      end
      local here = moongate.new(lab)
      local path = here:policy(table.concat(policy, "\n") .. "\n")
      here:apply(path)
      local done = here:run("plan", path, "--detailed-exitcode")
      assert.equal(0, done.code, done.out .. done.err)
      assert.truthy(wanted > 400, wanted)
    end)
  end
end)
