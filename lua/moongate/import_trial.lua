-- SPDX-License-Identifier: GPL-2.0-or-later
--- What a call of the language does: it is made, in an environment of its own,
-- and the rules that come of it are printed as iptables-save would.
local language = require "moongate.language"

local M = {}

-- A core that records. The shortcuts of the real one are left out, since they
-- would write into a ruleset.
local function recorder(primitives, families, record)
  local core = {}
  for name, value in next, primitives do
    core[name] = value
  end
  core.private_state = nil
  core.verb_shortcut = function(verb)
    return verb
  end
  core.append_shortcut = core.verb_shortcut
  function core.append(wanted, table_name, chain, rank, _, args, number, list)
    local rules = record.rules
    if not list then
      rules[#rules + 1] = { wanted & families, table_name, chain, rank, args }
    end
    for i = 1, list and #list or 0 do
      local words = table.move(args, 1, #args, 1, {})
      words[number] = list[i]
      rules[#rules + 1] = { wanted & families, table_name, chain, rank, words }
    end
  end
  function core.chain(wanted, table_name, chain)
    record.chains[#record.chains + 1] = { wanted & families, table_name, chain }
  end
  function core.policy(wanted, table_name, chain, policy)
    record.policies[#record.policies + 1] = { wanted & families, table_name, chain, policy }
  end
  core.note = function() end
  core.only = core.note
  return core
end

-- Rules by their rank, those of one rank by their `order`.
local function stands_before(one, other)
  if one.rank ~= other.rank then
    return one.rank < other.rank
  end
  return one.order < other.order
end

--- Bring rules into the order in which a chain has them.
-- @param rules a sequence of rules as `effect` gives them; changed
function M.sort(rules)
  for order, rule in ipairs(rules) do
    rule.order = order
  end
  table.sort(rules, stands_before)
end

--- Begin.
-- @param input as moongate.import gets it: `families`, `print`
-- @param primitives the core's
-- @return a trial: `run`, `effect`, `text`, `printed`, and `trusted`, for patterns of calls that have been tried
function M.new(input, primitives)
  local trial, printed = { trusted = {} }, {}
  local record = { rules = {}, chains = {}, policies = {} }
  local env

  -- The rule as iptables-save would print it; false if there is none.
  local function print_rule(family, table_name, chain, args)
    local key = family .. table_name .. " " .. chain .. "\0" .. table.concat(args, "\0")
    if printed[key] == nil then
      printed[key] = input.print(family, table_name, chain, args) or false
    end
    return printed[key]
  end

  --- Make a call.
  -- @param code Lua source
  -- @param fresh whether nothing of earlier calls may be known
  -- @return what it recorded, or nil if the language refuses it
  function trial.run(code, fresh)
    if fresh or not env then
      env = language.new(recorder(primitives, input.families, record))
    end
    record.rules, record.chains, record.policies = {}, {}, {}
    local chunk = load(code, "=import", "t", env)
    local ok = chunk and pcall(chunk)
    if fresh then
      env = nil
    end
    return ok and record or nil
  end

  --- A rule of an effect as iptables-save would print it.
  -- @param rule of an effect
  -- @return its text; false if there is no such rule
  function trial.text(rule)
    if rule.text == nil then
      rule.text = print_rule(rule.family, rule.table, rule.chain, rule.args)
    end
    return rule.text
  end

  --- What a call adds to each chain.
  -- @param code Lua source
  -- @param fresh as for `run`
  -- @return a sequence of { family =, table =, chain =, rank =, args = its words } sorted by rank, and the chains that
  --   it makes; or nil if there is no such call
  function trial.effect(code, fresh)
    local made = trial.run(code, fresh)
    if not made then
      return nil
    end
    local out, is_sorted = {}, true
    for _, rule in ipairs(made.rules) do
      for family = 1, 2 do
        if rule[1] & family ~= 0 then
          is_sorted = is_sorted and (#out == 0 or out[#out].rank <= rule[4])
          out[#out + 1] = { family = family, table = rule[2], chain = rule[3], rank = rule[4], args = rule[5] }
        end
      end
    end
    if not is_sorted then
      M.sort(out)
    end
    return out, made.chains
  end

  --- The same, each rule with its `text`.
  -- @param code Lua source
  -- @param fresh as for `run`
  -- @return what `effect` returns; nil also if a rule cannot be
  function trial.printed(code, fresh)
    local effect, made = trial.effect(code, fresh)
    for _, rule in ipairs(effect or {}) do
      if not trial.text(rule) then
        return nil
      end
    end
    return effect, made
  end
  return trial
end

return M
