-- SPDX-License-Identifier: GPL-2.0-or-later
--- Going down the rules of one chain, both families side by side, and writing
-- the calls that make them.
local addresses = require "moongate.addresses"
local calls = require "moongate.import_calls"
local rules = require "moongate.import_rule"
local scope = require "moongate.rule_scope"
local stages = require "moongate.stages"
local text = require "moongate.import_text"

local M = {}

local family_names = { "ipv4", "ipv6" }

-- What a rule is recognised by; once, since a chain may be walked in stretches.
local function look(walk, rule)
  if rule.parsed == nil then
    rule.parsed = walk.verbs and rules.parse(walk.split(rule.text)) or false
    rule.key = rule.parsed and rules.shape(rule.parsed) or rule.text
  end
end

local function shape_but(rule, field)
  local name = "but_" .. field
  rule[name] = rule[name] or rules.shape(rule.parsed, field)
  return rule[name]
end

-- How many rules from `at` on differ in one address only.
local function run_of(walk, family, at, field)
  local list, last = walk.rules[family], walk.last[family]
  local first = list[at]
  if not first.parsed[field] or first.parsed.negated[field] then
    return 1
  end
  local count = 1
  while at + count <= last do
    local rule = list[at + count]
    if not rule.parsed or not rule.parsed[field] or shape_but(rule, field) ~= shape_but(first, field) then
      break
    end
    count = count + 1
  end
  return count
end

local function values(walk, family, at, count, field, into)
  for i = at, at + count - 1 do
    into[#into + 1] = walk.rules[family][i].parsed[field]
  end
end

-- Does an effect say just what stands at the places? Returns how many rules it
-- makes in each family, or nil.
local function counts(walk, effect, wanted)
  local made = { 0, 0 }
  for _, rule in ipairs(effect) do
    local family = rule.family
    local at = walk.at[family] + made[family]
    local there = at <= walk.last[family] and walk.rules[family][at]
    if wanted & family == 0 or not there or there.text ~= rule.text or rule.table ~= walk.table
        or rule.chain ~= walk.chain or rule.rank ~= stages.rank.allow then
      return nil
    end
    made[family] = made[family] + 1
  end
  for family = 1, 2 do
    if wanted & family ~= 0 and made[family] == 0 then
      return nil
    end
  end
  return made
end

local function write(walk, code, is_primitive, made)
  walk.write(code, is_primitive, walk.at, made)
  for family = 1, 2 do
    walk.at[family] = walk.at[family] + made[family]
  end
end

-- Try a call; if it makes what stands there, write it. Returns whether it does.
local function try(walk, code, wanted, is_primitive, shown)
  local effect, chains = walk.trial.effect(code)
  if not effect or not is_primitive and #chains > 0 then
    return false
  end
  local made = counts(walk, effect, wanted)
  if not made then
    return false
  end
  write(walk, shown or code, is_primitive, made)
  return true
end

-- Verbs for the rules that stand there in the wanted families, with so many
-- different addresses in each.
local function try_calls(walk, wanted, field, runs)
  local family = wanted & 1 ~= 0 and 1 or 2
  local rule = walk.rules[family][walk.at[family]].parsed
  local lists = { source = {}, destination = {} }
  for _, side in ipairs { "source", "destination" } do
    for one = 1, 2 do
      if wanted & one ~= 0 then
        local count = side == field and runs[one] or 1
        values(walk, one, walk.at[one], count, side, lists[side])
      end
    end
  end
  local is_single = not walk.careful and not field
  for _, call in ipairs(calls.candidates(rule, walk.chain, lists.source, lists.destination)) do
    local pattern = is_single and call[2] == 1 and calls.pattern(call[1], rule) .. wanted
    if pattern and walk.trial.trusted[pattern] then
      write(walk, call[1], false, { wanted & 1, wanted >> 1 })
      return true
    elseif try(walk, call[1], wanted) then
      if pattern then
        walk.trial.trusted[pattern] = true
      end
      return true
    end
  end
  if wanted ~= 3 and walk.families == 3 and not rule.source and not rule.destination then
    for _, call in ipairs(calls.candidates(rule, walk.chain, { addresses.whole[wanted] }, {})) do
      if try(walk, call[1], wanted) then
        return true
      end
    end
  end
  return false
end

-- Rules that differ in their addresses only, as one call.
local function try_folded(walk, wanted)
  for _, field in ipairs { "source", "destination" } do
    local runs, longest, folded = { 1, 1 }, 1, true
    for family = 1, 2 do
      if wanted & family ~= 0 then
        local at = walk.at[family]
        if at <= walk.no_fold[family] then
          folded = false
        else
          runs[family] = run_of(walk, family, at, field)
          longest = math.max(longest, runs[family])
        end
      end
    end
    if folded and longest > 1 then
      if try_calls(walk, wanted, field, runs) then
        return true
      end
      for family = 1, 2 do
        if wanted & family ~= 0 and wanted ~= 3 then -- do not try again at each of them
          walk.no_fold[family] = walk.at[family] + runs[family] - 1
        end
      end
    end
  end
  return false
end

local function try_verbs(walk, wanted)
  local first = walk.rules[wanted & 1 ~= 0 and 1 or 2][walk.at[wanted & 1 ~= 0 and 1 or 2]]
  for _, code in ipairs(calls.special(walk.table, walk.chain, first.text, wanted)) do
    if try(walk, code, wanted) then
      return true
    end
  end
  for family = 1, 2 do
    if wanted & family ~= 0 and not walk.rules[family][walk.at[family]].parsed then
      return false
    end
  end
  return try_folded(walk, wanted) or try_calls(walk, wanted, nil, { 1, 1 })
end

-- The rule in iptables' syntax. Whether the language takes it to be for the
-- same families is found out by trying only where care is asked for: the
-- whole is compared with the source anyway.
local function primitive(walk, wanted)
  local family = wanted & 1 ~= 0 and 1 or 2
  local rule = walk.rules[family][walk.at[family]]
  local forms = {}
  if rule.text ~= "" then
    forms[1] = text.quoted(rule.text)
    if wanted ~= 3 then
      forms[2] = text.quoted(("-%d %s"):format(family * 2 + 2, rule.text))
    end
  else
    forms[1] = "{}"
    if wanted ~= 3 then
      forms[2] = ('{ family = "%s" }'):format(family_names[family])
    end
  end
  if not walk.careful then
    local is_said = wanted == 3 or walk.families ~= 3 or rule.text ~= ""
      and scope.families(walk.core, walk.split(rule.text)) == wanted
    write(walk, forms[is_said and 1 or 2], true, { wanted & 1, wanted >> 1 })
    return true
  end
  for _, form in ipairs(forms) do
    if try(walk, ("%s:append %s"):format(walk.object, form), wanted, true, form) then
      return true
    end
  end
  if wanted ~= 3 then
    error(("%s: the policy language cannot say this rule: %s"):format(rule.place, rule.text), 0)
  end
  return false
end

-- How far it is to what is like `rule` in the other family.
local function distance(walk, rule, other)
  local places = walk.places[other][rule.key]
  local at = walk.at[other]
  while places and places[places.next] and places[places.next] < at do
    places.next = places.next + 1
  end
  return places and places[places.next] and places[places.next] - at or math.huge
end

-- Which family's rule is to be written, where the two differ: 1 or 2.
local function choose(walk)
  if walk.at[1] > walk.last[1] then
    return 2
  elseif walk.at[2] > walk.last[2] then
    return 1
  end
  local to_second = distance(walk, walk.rules[1][walk.at[1]], 2)
  local to_first = distance(walk, walk.rules[2][walk.at[2]], 1)
  if to_second == math.huge or to_second > to_first then
    return 1
  end
  return 2
end

local function step(walk)
  local both = walk.at[1] <= walk.last[1] and walk.at[2] <= walk.last[2]
  if both then
    local first, second = walk.rules[1][walk.at[1]], walk.rules[2][walk.at[2]]
    if first.key == second.key and (walk.verbs and try_verbs(walk, 3) or first.text == second.text
        and primitive(walk, 3)) then
      return
    end
  end
  local family = choose(walk)
  if not (walk.verbs and try_verbs(walk, family)) then
    primitive(walk, family)
  end
end

-- Look at all rules, and note where each key stands, by family.
local function index(walk)
  for family = 1, 2 do
    for at = walk.at[family], walk.last[family] do
      local rule = walk.rules[family][at]
      look(walk, rule)
      local places = walk.places[family][rule.key] or { next = 1 }
      walk.places[family][rule.key] = places
      places[#places + 1] = at
    end
  end
end

--- Write what makes a stretch of a chain.
-- @param walk { table =, chain =, object = Lua source of the chain, families = those imported, verbs = whether
--   helpers may be used, rules = { {...}, {...} } by family, at = { 1, 1 }, last = { n, m }, trial =, split =,
--   core =, careful =, write = function(code, is_primitive, at, made) }; changed
-- @raise with the place of a rule that the language cannot say
function M.run(walk)
  walk.places, walk.no_fold = { {}, {} }, { 0, 0 }
  index(walk)
  while walk.at[1] <= walk.last[1] or walk.at[2] <= walk.last[2] do
    step(walk)
  end
end

return M
