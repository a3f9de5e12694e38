-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Wholesale: for every extension that is installed, every option of its table,
-- rules in all its forms, as people write them, and in ways that are wrong. What
-- iptables-legacy takes, Moongate takes, with the same text and the same bytes;
-- what it refuses, Moongate refuses, in the plugin's words.
--
-- Each form is tried in some of the ways of spec/support/variants.lua: the same ones
-- unless MOONGATE_SEED picks others. MOONGATE_WHOLE=1 tries all of them, and takes
-- minutes.

local c_program = require "spec.support.c_program"
local extensions = require "spec.support.extensions"
local features = require "spec.support.features"
local generator = require "spec.support.text_generator"
local judge = require "spec.support.judge"
local moongate = require "spec.support.moongate"
local netfilter = require "spec.support.netfilter"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"
local variants = require "spec.support.variants"
local written = require "spec.support.written_rules"

local kernel_it = features.it(it, pending, "nat")

local seed = tonumber(os.getenv("MOONGATE_SEED")) or 275597
local whole = os.getenv("MOONGATE_WHOLE") == "1"

-- Cases that are loaded together; a wrong one has them all read again.
local AT_ONCE = 60

-- Tables in this order: the estimators of mangle must be there for filter's rules.
local table_order = { "filter", "nat", "raw", "security", "mangle" }

-- What iptables says by itself, where Moongate has its own words: no names are
-- resolved, and what was meant is suggested.
local own_words = {
  "^Bad argument", "^unknown option", "^Couldn't load ", "^host/network", "^invalid mask", "^getaddrinfo",
  "^option \"[^\"]*\" requires", "Address family", "^Illegal option", "^cannot have !", "^unknown arguments",
  "cannot be inverted", "not found$", "^$",
}

-- The words of a refusal without warnings, the program's name and its advice.
local function plugin_words(text)
  local words = ""
  for line in text:gmatch("[^\n]+") do
    if not line:find("^Warning: ") and not line:find("^Error occurred") and not line:find("^Try ") then
      words = line:gsub("^ip6?tables%-restore v[%d.]+ %(legacy%): ", "")
    end
  end
  return words:match("^%s*(.-)%s*$")
end

local function is_own(words)
  for _, pattern in ipairs(own_words) do
    if words:find(pattern) then
      return true
    end
  end
  return false
end

-- Option names that a form has, its choices taken apart.
local function names_in(form, names)
  for option in form:gmatch("%-%-([%w-{}|]+)") do
    local before, choice, after = option:match("^(.-){([^}]+)}(.*)$")
    for word in (choice or ""):gmatch("[^|]+") do
      names[before .. word .. after] = true
    end
    names[option] = true
  end
end

local function installed(namespace)
  return load("return " .. netfilter.must([[
    local netfilter = require "moongate.netfilter"
    print "{"
    for _, family in ipairs { "ipv4", "ipv6" } do
      local found = assert(netfilter.extensions(family))
      for kind, list in pairs { match = found.matches, target = found.targets } do
        for _, extension in ipairs(list) do
          local names = {}
          for _, option in ipairs(extension.options) do
            names[#names + 1] = ("%q"):format(option.name)
          end
          print(("{ family = %q, kind = %q, name = %q, options = { %s } },"):format(family, kind, extension.name,
            table.concat(names, ", ")))
        end
      end
    end
    print "}"
  ]], { namespace = namespace }))()
end

-- The cases of a family: { request =, of = "match tcp" }.
local function cases_of(family)
  local random = generator.new(seed * 2 + #family + family:byte(-1), family)
  local cases = {}
  local function add(of, table_name, chain, text)
    cases[#cases + 1] = { of = of, request = { family, table_name, chain, text, { "USER" } } }
  end
  for _, list in ipairs { extensions.matches, extensions.targets } do
    for _, entry in ipairs(list) do
      local of = entry.kind .. " " .. entry.name
      local ending = entry.kind == "match" and " -j ACCEPT" or ""
      local beginning = entry.p and "-p " .. entry.p .. " " or ""
      for _, form in ipairs(entry.forms[family]) do
        local text = random:fill(extensions.words(entry, form))
        add(of, entry.table, entry.chain, beginning .. text .. ending)
        for _, other in ipairs(variants.of(text, function()
          return whole or random:one_in(variants.count)
        end)) do
          add(of, entry.table, entry.chain, beginning .. other .. ending)
        end
      end
    end
  end
  for _, group in ipairs(written.rules) do
    for _, text in ipairs { table.unpack(group, 3) } do
      add("written", group[1], group[2], text)
    end
  end
  return cases
end

local function by_table(cases, wanted)
  local parts = {}
  for _, case in ipairs(cases) do
    if wanted(case) then
      local name = case.request[2]
      parts[name] = parts[name] or {}
      table.insert(parts[name], case)
    end
  end
  return parts
end

local function shown(case)
  return ("seed %d: %s -t %s -A %s %s"):format(seed, table.unpack(case.request, 1, 4))
end

describe("every match and target", function()
  local lab, program

  setup(function()
    print(("seed %d (MOONGATE_SEED=%d repeats it)"):format(seed, seed))
    program = run.must({ "mktemp", "-d" }):gsub("\n", "") .. "/entries_check"
    local done = c_program.compile("spec/integration/entries_check.c", program)
    assert.equal(0, done.code, done.err)
  end)

  teardown(function()
    run.must { "rm", "-rf", (program:gsub("/[^/]*$", "")) }
  end)

  after_each(network.close_all)

  -- A namespace with what some extensions need: a set, estimators, an accounting object.
  local function prepared(family)
    lab = network.host()
    judge.prepare(lab.server, family)
    return lab.server
  end

  local function judge_all(server, family, name, cases)
    judge.load_estimators(server, family)
    for first = 1, #cases, AT_ONCE do
      judge.judge(server, family, name, cases, first, math.min(first + AT_ONCE - 1, #cases))
    end
  end

  -- How iptables and Moongate see a case: "taken", "refused", "kernel", or a disagreement.
  local function verdict(case)
    local result = case.result
    if case.saved then
      local text = table.concat(result, "\n")
      return text == case.saved and "taken"
        or ("iptables has %s\nMoongate has %s"):format(case.saved, result.error or text)
    elseif case.refused ~= judge.WORDS then
      -- not even its plugin could print this one
      local sound = not result.error or result.error:find("^rateest: one of")
      return sound and "kernel" or ("only the kernel refuses it, but: %s"):format(result.error)
    elseif not result.error then
      return ("iptables refuses it: %s"):format(case.words)
    end
    local words = plugin_words(case.words)
    return (is_own(words) or result.error:find(words, 1, true)) and "refused"
      or ("iptables says: %s\nMoongate says: %s"):format(words, result.error)
  end

  local function report(family, counts, installed_names)
    local parts = {}
    for name, count in pairs(counts) do
      parts[#parts + 1] = ("%s %d"):format(name:gsub("^%l+ ", ""), count.taken + count.refused)
      assert.truthy(name == "written" or installed_names[name] or count.taken == 0, name)
    end
    table.sort(parts)
    print(("%s, rules compared: %s"):format(family, table.concat(parts, ", ")))
  end

  it("has each option of its table among the forms", function()
    local names = {}
    for _, list in ipairs { extensions.matches, extensions.targets } do
      for _, entry in ipairs(list) do
        for family, forms in pairs(entry.forms) do
          local key = ("%s %s %s"):format(family, entry.kind, entry.name)
          names[key] = names[key] or {}
          for _, form in ipairs(forms) do
            names_in(form, names[key])
          end
        end
      end
    end
    local missing, options = {}, 0
    for _, extension in ipairs(installed()) do
      local key = ("%s %s %s"):format(extension.family, extension.kind, extension.name)
      for _, option in ipairs(extension.options) do
        options = options + 1
        if not (names[key] and names[key][option]) then
          missing[#missing + 1] = key .. " --" .. option
        end
      end
    end
    assert.same({}, missing)
    assert.truthy(options > 600, options)
  end)

  for _, family in ipairs(tables.families) do
    kernel_it("is taken and refused as iptables does, with its text and its words, " .. family, function()
      local server = prepared(family)
      local cases, requests, counts, wrong = cases_of(family), {}, {}, {}
      for index, case in ipairs(cases) do
        requests[index] = case.request
      end
      for index, result in ipairs(netfilter.compile_all(requests, { namespace = server })) do
        cases[index].result = result
      end
      local parts = by_table(cases, function() return true end)
      for _, name in ipairs(table_order) do
        judge_all(server, family, name, parts[name] or {})
      end
      local total, agreed = 0, 0
      for _, case in ipairs(cases) do
        local said = verdict(case)
        local count = counts[case.of] or { taken = 0, refused = 0, kernel = 0 }
        counts[case.of] = count
        if count[said] then
          count[said] = count[said] + 1
          agreed = agreed + 1
        else
          wrong[#wrong + 1] = shown(case) .. "\n" .. said
        end
        total = total + 1
      end
      local there, uncompared = {}, {}
      for _, extension in ipairs(installed(server)) do
        local of = extension.kind .. " " .. extension.name
        if extension.family == family and of ~= "target standard" then
          there[of] = true
          if not counts[of] or counts[of].taken == 0 and counts[of].kernel == 0 then
            uncompared[#uncompared + 1] = of
          end
        end
      end
      report(family, counts, there)
      print(("%s: %d of %d agree"):format(family, agreed, total))
      assert.equal("", table.concat(wrong, "\n"))
      assert.same({}, uncompared)

      -- The bytes: all that is taken, loaded by iptables and compiled here.
      local compared = 0
      for _, name in ipairs(table_order) do
        local taken = by_table(cases, function(case) return case.saved and case.request[2] == name end)[name] or {}
        judge.load_estimators(server, family)
        judge.judge(server, family, name, taken, 1, #taken, function(first, last)
          local lines = {}
          for index = first, last do
            lines[#lines + 1] = taken[index].request[3] .. "\t" .. taken[index].request[4]
          end
          local done = server:run({ program, family:sub(-1), name }, {
            input = table.concat(lines, "\n") .. "\n", limit = 60, env = { ASAN_OPTIONS = "detect_leaks=0" },
          })
          assert.equal(("%d compared\n"):format(#lines), done.out .. done.err, "seed " .. seed)
          compared = compared + #lines
        end)
      end
      print(("%s: %d loaded by iptables, the same bytes here"):format(family, compared))
      assert.truthy(compared > 300, compared)

      -- And through a policy: append in iptables' syntax, exported.
      local policy = { "local chains = {}" }
      for _, name in ipairs(table_order) do
        policy[#policy + 1] = ("chain(%q, 'USER', { family = %q })"):format(name, family)
      end
      local wanted = {}
      for _, case in ipairs(cases) do
        local _, name, chain, text = table.unpack(case.request)
        if case.saved and text ~= "" then
          local key = name .. " " .. chain
          if not wanted[key] then
            wanted[key] = {}
            policy[#policy + 1] = ("chains[%q] = chain(%q, %q, { family = %q })"):format(key, name, chain, family)
          end
          policy[#policy + 1] = ("chains[%q]:append(%q)"):format(key, text)
          table.insert(wanted[key], case)
        end
      end
      local path = run.write_file(lab.dir .. "/policy.lua", table.concat(policy, "\n") .. "\n")
      local done = server:run({ moongate.binary, "export", "-" .. family:sub(-1), path },
        { limit = 60, env = { ASAN_OPTIONS = "detect_leaks=0" } })
      assert.equal(0, done.code, done.err:sub(-2000))
      local exported = tables.parse(done.out)
      for key, list in pairs(wanted) do
        local name, chain = key:match("(%S+) (%S+)")
        local at = 0
        for _, case in ipairs(list) do
          for index = 1, #case.result do
            at = at + 1
            assert.equal(case.result[index], (exported[name][chain][at] or {}).text, shown(case))
          end
        end
        assert.equal(at, #exported[name][chain], key)
      end
    end)
  end

  for _, family in ipairs(tables.families) do
    kernel_it("is refused at its line of a policy, " .. family, function()
      local server = prepared(family)
      local cases = {}
      for _, case in ipairs(cases_of(family)) do
        if case.of == "written" and case.request[2] == "filter" then
          cases[#cases + 1] = case
        end
      end
      judge_all(server, family, "filter", cases)
      local refused = 0
      for _, case in ipairs(cases) do
        if case.refused == judge.WORDS then
          refused = refused + 1
          local path = run.write_file(lab.dir .. "/policy.lua",
            ("chain('filter', 'USER')\nlocal c = chain('filter', %q, { family = %q })\n\nc:append(%q)\n"):format(
              case.request[3], family, case.request[4]))
          local done = server:run({ moongate.binary, "check", path }, { limit = 10 })
          assert.equal(1, done.code, shown(case) .. "\n" .. done.out .. done.err)
          assert.truthy(done.err:find("policy.lua:4: append: ", 1, true), shown(case) .. "\n" .. done.err)
        end
      end
      assert.truthy(refused > 60, refused)
    end)
  end
end)
