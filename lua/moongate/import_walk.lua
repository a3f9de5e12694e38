-- SPDX-License-Identifier: GPL-2.0-or-later
--- Going down the rules of one chain, both families side by side, and writing
-- the calls that make them.
local addresses = require "moongate.addresses"
local calls = require "moongate.import_calls"
local kinds = require "moongate.import_kinds"
local stages = require "moongate.stages"
local text = require "moongate.import_text"

local M = {}

local family_names = { "ipv4", "ipv6" }

-- So often a helper may not make a rule before the kind of rule is taken for one that none makes.
local patience = 16

local address_fields = { ["-s"] = "source", ["-d"] = "destination" }

-- Do the words of a rule differ from those of one that stands at a place in
-- just what the rule at the next place differs in: an address?
local function follows(columns, before, args, at)
  local changed
  if #before ~= #args then
    return false
  end
  for i = 1, #args do
    if before[i] ~= args[i] then
      if changed then
        return false
      end
      changed = i
    end
  end
  local field = changed and address_fields[args[changed - 1]]
  return field and text.address(before[changed]) == columns[field][at]
    and text.address(args[changed]) == columns[field][at + 1] and kinds.are_like(columns, field, at, at + 1)
end

-- Does an effect say just what stands at the places? Returns how many rules it
-- makes in each family, or nil.
local function counts(walk, effect, wanted)
  local made, before = { 0, 0 }, {}
  for _, rule in ipairs(effect) do
    local family = rule.family
    local at, columns = walk.at[family] + made[family], walk.rules[family]
    if wanted & family == 0 or at > walk.last[family] or rule.table ~= walk.table or rule.chain ~= walk.chain
        or rule.rank ~= stages.rank.allow or not (before[family] and follows(columns, before[family], rule.args, at - 1)
        or walk.trial.text(rule) == columns.text(at)) then
      return nil
    end
    made[family] = made[family] + 1
    before[family] = rule.args
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

-- Try the candidates one after the other; one rule a call is made like others of its kind.
local function try_candidates(walk, wanted, rule, lists, is_single)
  local family = wanted & 1 ~= 0 and 1 or 2
  local at = walk.at[family]
  for number, call in ipairs(calls.candidates(rule, walk.chain, lists.source, lists.destination)) do
    local code = text.call(call.name, call.options)
    local pattern = is_single and calls.pattern(call, rule)
    local is_done = false
    pattern = pattern and pattern .. wanted
    if pattern and walk.trial.trusted[pattern] then
      write(walk, code, false, { wanted & 1, wanted >> 1 })
      is_done = true
    elseif try(walk, code, wanted) then
      if pattern then
        walk.trial.trusted[pattern] = true
      end
      is_done = true
    end
    if is_done and pattern and wanted ~= 3 then
      kinds.of(walk, family, at).learn(rule, at, number, code)
    end
    if is_done then
      return true
    end
  end
  return false
end

-- Verbs for the rules that stand there in the wanted families, with so many
-- different addresses in each.
local function try_calls(walk, wanted, field, runs)
  local family = wanted & 1 ~= 0 and 1 or 2
  local rule = kinds.parsed(walk, family, walk.at[family])
  local lists = { source = {}, destination = {} }
  for _, side in ipairs { "source", "destination" } do
    for one = 1, 2 do
      if wanted & one ~= 0 then
        local count = side == field and runs[one] or 1
        kinds.values(walk, one, walk.at[one], count, side, lists[side])
      end
    end
  end
  if try_candidates(walk, wanted, rule, lists, not walk.careful and not field) then
    return true
  elseif wanted ~= 3 and walk.families == 3 and not rule.source and not rule.destination then
    for _, call in ipairs(calls.candidates(rule, walk.chain, { addresses.whole[wanted] }, {})) do
      if try(walk, text.call(call.name, call.options), wanted) then
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
          runs[family] = kinds.run(walk, family, at, field)
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
  local one = wanted & 1 ~= 0 and 1 or 2
  for _, code in ipairs(calls.special(walk.table, walk.chain, walk.rules[one].text(walk.at[one]), wanted)) do
    if try(walk, code, wanted) then
      return true
    end
  end
  for family = 1, 2 do
    if wanted & family ~= 0 and not kinds.of(walk, family, walk.at[family]).parsed then
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
  local columns, at = walk.rules[family], walk.at[family]
  local rule_text = columns.text(at)
  local sources = {}
  if rule_text ~= "" then
    sources[1] = text.quoted(rule_text)
    if wanted ~= 3 then
      sources[2] = text.quoted(("-%d %s"):format(family * 2 + 2, rule_text))
    end
  else
    sources[1] = "{}"
    if wanted ~= 3 then
      sources[2] = ('{ family = "%s" }'):format(family_names[family])
    end
  end
  if not walk.careful then
    local is_said = wanted == 3 or kinds.says_family(walk, family, at)
    write(walk, sources[is_said and 1 or 2], true, { wanted & 1, wanted >> 1 })
    return true
  end
  for _, form in ipairs(sources) do
    if try(walk, ("%s:append %s"):format(walk.object, form), wanted, true, form) then
      return true
    end
  end
  if wanted ~= 3 then
    error(("%s: the policy language cannot say this rule: %s"):format(columns.place(at), rule_text), 0)
  end
  return false
end

-- How far it is to what is like the rule at hand in the other family.
local function distance(walk, family, other)
  local places = walk.places[other][kinds.key(walk, family, walk.at[family])]
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
  local to_second, to_first = distance(walk, 1, 2), distance(walk, 2, 1)
  if to_second == math.huge or to_second > to_first then
    return 1
  end
  return 2
end

-- The call or the primitive for a rule of a kind that is known, and whether it
-- is a primitive; nil for a rule that has to be looked at.
local function known_source(walk, family, at)
  local columns = walk.rules[family]
  local kind = walk.kinds[family][columns.kinds[at]]
  if not kind or walk.remarks[family][at] then
    return nil
  elseif not kind.parsed or kind.failed >= patience then
    local rule_text = columns.text(at)
    local is_plain = rule_text ~= "" and not (walk.verbs and walk.table == "mangle")
    return is_plain and kinds.says_family(walk, family, at) and text.quoted(rule_text)
      or nil, true
  end
  local next_one = at < walk.last[family] and at > walk.no_fold[family] and at + 1
  local folds = next_one and (kinds.are_like(columns, "source", at, next_one)
    or kinds.are_like(columns, "destination", at, next_one))
  return not folds and kind.source(at) or nil, false
end

-- Go down the rules of one family for as long as they are of known kinds.
local function write_known(walk, family)
  local at, last, sources, are_primitives = walk.at[family], walk.last[family], {}, false
  while at <= last do
    local code, is_primitive = known_source(walk, family, at)
    if not code then
      break
    elseif is_primitive ~= are_primitives then
      walk.write_many(sources, are_primitives)
      sources, are_primitives = {}, is_primitive
    end
    sources[#sources + 1] = code
    at = at + 1
  end
  walk.write_many(sources, are_primitives)
  walk.at[family] = at
end

local function step(walk)
  local both = walk.at[1] <= walk.last[1] and walk.at[2] <= walk.last[2]
  if both and kinds.key(walk, 1, walk.at[1]) == kinds.key(walk, 2, walk.at[2]) then
    local is_same = walk.rules[1].text(walk.at[1]) == walk.rules[2].text(walk.at[2])
    if walk.verbs and try_verbs(walk, 3) or is_same and primitive(walk, 3) then
      return
    end
  end
  local family = choose(walk)
  if not both and not walk.careful then
    write_known(walk, family)
    if walk.at[family] > walk.last[family] then
      return
    end
  end
  local kind = kinds.of(walk, family, walk.at[family])
  if walk.verbs and try_verbs(walk, family) then
    kind.failed = 0
  else
    kind.failed = kind.failed + 1
    primitive(walk, family)
  end
end

-- Where each key stands, by family: asked for where there are rules of both.
local function index(walk)
  for family = 1, 2 do
    for at = walk.at[family], walk.at[3 - family] <= walk.last[3 - family] and walk.last[family] or 0 do
      local key = kinds.key(walk, family, at)
      local places = walk.places[family][key] or { next = 1 }
      walk.places[family][key] = places
      places[#places + 1] = at
    end
  end
end

--- Write what makes a stretch of a chain.
-- @param walk { table =, chain =, object = Lua source of the chain, object_families = those that it is for,
--   families = those imported, verbs = whether helpers may be used, rules = { columns, columns } by family,
--   at = { 1, 1 }, last = { n, m }, trial =, split =, core =, careful =, write = function(code, is_primitive, at,
--   made), write_many = function(sources, is_primitive) for single rules that nothing stands beside,
--   remarks = { {}, {} } by family and place }; changed
-- @raise with the place of a rule that the language cannot say
function M.run(walk)
  walk.places, walk.no_fold, walk.kinds = { {}, {} }, { 0, 0 }, { {}, {} }
  index(walk)
  while walk.at[1] <= walk.last[1] or walk.at[2] <= walk.last[2] do
    step(walk)
  end
end

return M
