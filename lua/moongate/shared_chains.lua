-- SPDX-License-Identifier: GPL-2.0-or-later
--- Chains that the language makes by itself, for what one rule cannot say.
-- Equal ones are shared; both families use the same name, so that they are told
-- together.
local lists = require "moongate.lists"
local names = require "moongate.names"
local stages = require "moongate.stages"

local M = {}

local concat, joined = table.concat, lists.joined
local rank_script = stages.rank.script

-- Write a chain once in each family.
local function write(session, rule, families, name, fill)
  local core, written = session.core, session.written_chains
  for family = 1, 2 do
    local key = name .. family
    if families & family ~= 0 and not written[key] then
      written[key] = true
      core.chain(family, rule.table, name, rule.helper)
      fill(function(args)
        core.append(family, rule.table, name, rank_script, rule.helper, args)
      end, family)
    end
  end
  return { "-j", name }
end

-- What a set excludes, and whether the chain has to: a rule that lists what it
-- means can say no exception itself, one that means all others can say one.
local function describe(set)
  if not set then
    return ""
  elseif set.sets then
    return require("moongate.kernel_sets").identity(set)
  elseif set.exc then
    return (set.positive and "within;" or "") .. concat(set.exc[1], ",") .. ";" .. concat(set.exc[2], ",")
  end
  return set.negative and concat(set, ",") or ""
end

-- The protocol that a target is for. The kernel wants to read it in the
-- target's own rule, although nothing else enters the chain.
local function protocol_of(rule, target)
  return target == rule.target_tcp and "tcp" or target.protocol
end

-- An address may be a look-up into a set of the kernel.
local function excluded_arguments(session, rule, option, value)
  if type(value) == "table" then
    return require("moongate.kernel_sets").arguments(session, rule.helper, option, value)
  end
  return { option, value }
end

local function append_endings(append, endings, protocol)
  for _, ending in ipairs(endings) do
    append(joined(protocol and { "-p", protocol } or {}, ending))
  end
end

--- A chain that returns for what is excluded and else ends as the rule does.
-- @param session the evaluation under way
-- @param rule the request, see moongate.rules
-- @param families the families in which it is needed
-- @param excluded sequence of { option =, values... }; rule.returns has more, by
--   family, as argument lists
-- @param endings how the rule ends: argument lists, in this order
-- @param target what a plain rule would end with; its field `protocol` names the
--   one that it is for, since a target that knows ports takes no other
-- @param identity text that tells a limited or logged rule from others, or nil
-- @return the arguments that jump to it
function M.exception(session, rule, families, excluded, endings, target, identity)
  local protocol = protocol_of(rule, target)
  local content = concat({ rule.table, describe(rule.source), describe(rule.destination),
    describe(rule.ins), describe(rule.outs), concat(target, " "), protocol or "" }, "\0")
  if rule.returns then
    content = content .. "\0" .. rule.returns.identity
  end
  if identity then
    content = content .. "\0" .. identity
  end
  return write(session, rule, families, names.unique(session, "EXCEPT_", content), function(append, family)
    for _, args in ipairs(rule.returns and rule.returns[family] or {}) do
      append(joined(args, { "-j", "RETURN" }))
    end
    for _, side in ipairs(excluded) do
      for _, value in ipairs(side) do
        append(joined(excluded_arguments(session, rule, side.option, value), { "-j", "RETURN" }))
      end
    end
    append_endings(append, endings, protocol)
  end)
end

--- A chain of endings, so that several rules share them: one limit then holds
-- for all of them together.
-- @param session the evaluation under way
-- @param rule the request, see moongate.rules
-- @param families the families in which it is needed
-- @param prefix how the chain's name begins ("LIMIT_")
-- @param endings argument lists, in this order
-- @param target what a plain rule would end with, as for `exception`
-- @param identity text that tells the rule from others
-- @return the arguments that jump to it
function M.ending(session, rule, families, prefix, endings, target, identity)
  local content = concat({ rule.table, identity, concat(target, "\0") }, "\0")
  return write(session, rule, families, names.unique(session, prefix, content), function(append)
    append_endings(append, endings, protocol_of(rule, target))
  end)
end

return M
