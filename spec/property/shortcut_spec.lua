-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The shortcuts of the core for rules that loops make (verb_shortcut.c,
-- append_shortcut.c) change nothing but the time it takes: random calls, plain and
-- nearly plain, give the same rulesets, origins, notes and errors without them.
--
-- MOONGATE_SEED repeats a run; MOONGATE_ROUNDS makes it longer.

local c_program = require "spec.support.c_program"
local call_generator = require "spec.support.call_generator"
local lfs = require "lfs"
local run = require "spec.support.run"

local seed = tonumber(os.getenv("MOONGATE_SEED")) or os.time() % 1000000
local rounds = tonumber(os.getenv("MOONGATE_ROUNDS")) or 30

-- Stands before the language itself, and gives it no shortcuts.
local without_shortcuts = [[
local language = require "moongate.whole_language"
return {
  new = function(core)
    local function slow(helper)
      return helper
    end
    core.verb_shortcut, core.append_shortcut = slow, slow
    return language.new(core)
  end,
}
]]

-- Stands before it, too, and says how many calls came past the shortcuts.
local counting = [[
local language = require "moongate.whole_language"
return {
  new = function(core)
    local count = 0
    for _, name in ipairs { "verb_shortcut", "append_shortcut" } do
      local make = core[name]
      core[name] = function(helper, ...)
        return make(function(...)
          count = count + 1
          return helper(...)
        end, ...)
      end
    end
    local env, finish = language.new(core)
    return env, function()
      finish()
      core.note("info", "slow calls: " .. count)
    end
  end,
}
]]

describe("the shortcuts #property", function()
  local dir, program

  local function language(name, text)
    local folder = dir .. "/" .. name
    assert(lfs.mkdir(folder))
    run.must { "cp", "-R", "lua/moongate", folder }
    assert(os.rename(folder .. "/moongate/language.lua", folder .. "/moongate/whole_language.lua"))
    run.write_file(folder .. "/moongate/language.lua", text)
    return folder
  end

  setup(function()
    print(("seed %d (MOONGATE_SEED=%d repeats it), %d rounds"):format(seed, seed, rounds))
    dir = run.must({ "mktemp", "-d" }):gsub("\n", "")
    program = dir .. "/evaluate"
    local done = c_program.compile("spec/property/evaluate.c", program)
    assert.equal(0, done.code, done.err)
    language("slow", without_shortcuts)
    language("counting", counting)
  end)

  teardown(function()
    run.must { "rm", "-rf", dir }
  end)

  -- What comes of policies, as a list of texts.
  local function evaluate(folder, texts)
    local words = { program, folder }
    for index, text in ipairs(texts) do
      words[index + 2] = run.write_file(("%s/%d.lua"):format(dir, index), text)
    end
    local done = run.run(words, { limit = 120, env = { ASAN_OPTIONS = "detect_leaks=0" } })
    assert.equal(0, done.code, done.err)
    local results = {}
    for result in done.out:gmatch("(.-)== [^\n]*\n") do
      results[#results + 1] = result
    end
    assert.equal(#texts, #results)
    return results
  end

  local function policies(count)
    local random, texts = call_generator.new(seed), {}
    for index = 1, count do
      texts[index] = random:policy()
    end
    return texts
  end

  it("change no rule, origin, note or error", function()
    local texts = policies(rounds * 10)
    local fast, slow = evaluate("lua", texts), evaluate(dir .. "/slow", texts)
    local rules, errors = 0, 0
    for index, text in ipairs(texts) do
      assert.equal(slow[index], fast[index], ("seed %d, policy %d:\n%s"):format(seed, index, text))
      rules = rules + select(2, slow[index]:gsub("\n  %d", ""))
      errors = errors + select(2, slow[index]:gsub("%[false", "")) + select(2, slow[index]:gsub("error 1", ""))
    end
    -- both ways were gone often enough for this to mean something
    assert.truthy(rules > 2 * #texts, ("only %d rules of %d policies"):format(rules, #texts))
    assert.truthy(errors > #texts / 2, ("only %d errors of %d policies"):format(errors, #texts))
  end)

  it("are taken", function()
    local calls, slow_calls = 0, 0
    local texts = policies(rounds * 5)
    for index, result in ipairs(evaluate(dir .. "/counting", texts)) do
      local count = result:match("slow calls: (%d+)")
      if count then -- it came to its end
        slow_calls = slow_calls + tonumber(count)
        calls = calls + select(2, texts[index]:gsub('[_:.]%l+[%w_]* ?[({"]', ""))
      end
    end
    assert.truthy(calls > rounds * 10 and slow_calls < calls * 0.8,
      ("%d of %d calls were slow"):format(slow_calls, calls))
  end)

  it("keep to each line of a loop", function()
    local text = [[
for i = 1, 300 do
  allow_inbound { from = ("10.0.%d.%d"):format(i // 256, i % 256), tcp = 1000 + i % 3, comment = "number " .. i }
  chain("filter", "INPUT"):append { source = ("10.1.%d.%d"):format(i // 256, i % 256), protocol = "tcp",
    destination_port = i, match = { { "conntrack", ctstate = i % 2 == 0 and "NEW" or "INVALID" } }, jump = "DROP" }
  chain("filter", "INPUT"):append(("-s 10.2.0.%d -p udp -m udp --dport %d -j LOG --log-prefix \"%d: \""):format(
    i % 256, i, i))
  allow_outbound { to = ("2001:db8::%d"):format(i), udp = i, state = i % 2 == 0 and "any" or "NEW" }
end
]]
    local fast, slow = evaluate("lua", { text }), evaluate(dir .. "/slow", { text })
    assert.equal(slow[1], fast[1])
    assert.equal(300, select(2, fast[1]:gsub("\n  %d[^\n]* by %[1%.lua:2 allow_inbound%]", "")))
    assert.equal(300, select(2, fast[1]:gsub("\n  %d[^\n]* by %[1%.lua:3 append%]", "")))
    assert.equal(300, select(2, fast[1]:gsub("\n  %d[^\n]* by %[1%.lua:5 append%]", "")))
    assert.equal(300, select(2, fast[1]:gsub("\n  %d[^\n]* by %[1%.lua:7 allow_outbound%]", "")))
  end)

  it("tell an IPv6 address of digits from a number", function()
    local text = [[
for _, to in ipairs { "2001:470::10", ":8080", "1:2:3:4:5:6:7:8", ":8081" } do
  chain("nat", "PREROUTING"):append("-p tcp -m tcp --dport 80 -j DNAT --to-destination " .. to)
end
]]
    local fast, slow = evaluate("lua", { text }), evaluate(dir .. "/slow", { text })
    assert.equal(slow[1], fast[1])
    assert.equal(6, select(2, fast[1]:gsub("\n  %d[^\n]* by %[1%.lua:2 append%]", ""))) -- of ports, one in each family
  end)
end)
