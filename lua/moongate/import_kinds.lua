-- SPDX-License-Identifier: GPL-2.0-or-later
--- Kinds of rules: rules of one kind differ in nothing but plain values, so
-- that what is found out about one holds for the others.
local forms = require "moongate.import_forms"
local rules = require "moongate.import_rule"
local scope = require "moongate.rule_scope"

local M = {}

local value_fields = { "source", "destination", "to_ports", "from_ports", "comment" }

--- What is known of the kind of a rule.
-- @param walk see moongate.import_walk
-- @param family 1 or 2
-- @param at the rule's place
-- @return { parsed = the first of the kind as the verbs of the language see it, or false; source =, learn =, see
--   moongate.import_forms; failed = how often a helper did not make one }
function M.of(walk, family, at)
  local columns = walk.rules[family]
  local number = columns.kinds[at]
  local kind = walk.kinds[family][number]
  if not kind then
    kind = { parsed = walk.verbs and rules.parse(walk.split(columns.text(at))) or false, failed = 0 }
    if kind.parsed then
      kind.source, kind.learn = forms.new(kind.parsed, columns, walk.chain)
    end
    walk.kinds[family][number] = kind
  end
  return kind
end

--- A rule as the verbs see it.
-- @param walk see moongate.import_walk
-- @param family 1 or 2
-- @param at the rule's place
-- @return see moongate.import_rule; or false
function M.parsed(walk, family, at)
  local first = M.of(walk, family, at).parsed
  if not first then
    return false
  end
  local rule = {}
  for key, value in next, first do
    rule[key] = value
  end
  for _, field in ipairs(value_fields) do
    rule[field] = walk.rules[family][field][at] or rule[field]
  end
  return rule
end

--- What is the same in both families' rules of one call, whatever addresses they are for.
-- @param walk see moongate.import_walk
-- @param family 1 or 2
-- @param at the rule's place
-- @return a text
function M.key(walk, family, at)
  local columns, kind = walk.rules[family], M.of(walk, family, at)
  if not kind.parsed then
    return columns.text(at)
  end
  local to, from, comment = columns.to_ports[at], columns.from_ports[at], columns.comment[at]
  if not kind.shape then
    local rule = M.parsed(walk, family, at)
    rule.to_ports, rule.from_ports = to and "" or rule.to_ports, from and "" or rule.from_ports
    rule.comment = comment and "" or rule.comment
    kind.shape = rules.shape(rule)
  end
  return table.concat({ kind.shape, to or "", from or "", comment or "" }, "\0")
end

--- Do two rules of a chain differ in one field at most?
-- @param columns the chain's rules
-- @param field "source" or "destination"
-- @param one the place of a rule
-- @param other the place of the other
-- @return true or false
function M.are_like(columns, field, one, other)
  local rest = field == "source" and columns.destination or columns.source
  return columns.kinds[one] == columns.kinds[other] and rest[one] == rest[other]
    and columns.to_ports[one] == columns.to_ports[other] and columns.from_ports[one] == columns.from_ports[other]
    and columns.comment[one] == columns.comment[other]
end

--- How many rules from a place on differ in one address only.
-- @param walk see moongate.import_walk
-- @param family 1 or 2
-- @param at the place
-- @param field "source" or "destination"
-- @return a number
function M.run(walk, family, at, field)
  local columns, last = walk.rules[family], walk.last[family]
  local first = M.of(walk, family, at)
  if not columns[field][at] or first.parsed.negated[field] then
    return 1
  end
  local count = 1
  while at + count <= last and M.are_like(columns, field, at, at + count) do
    count = count + 1
  end
  return count
end

--- The addresses of some rules.
-- @param walk see moongate.import_walk
-- @param family 1 or 2
-- @param at the place of the first
-- @param count how many
-- @param field "source" or "destination"
-- @param into a sequence that gets them
function M.values(walk, family, at, count, field, into)
  local column = walk.rules[family][field]
  for i = at, at + count - 1 do
    into[#into + 1] = column[i] or M.of(walk, family, i).parsed[field]
  end
end

--- Does the text of a rule tell the language which family it is for, or its
-- chain? What tells it is the same in all rules of a kind.
-- @param walk see moongate.import_walk
-- @param family 1 or 2
-- @param at the rule's place
-- @return true or false
function M.says_family(walk, family, at)
  if walk.object_families ~= 3 then
    return true
  end
  local kind = M.of(walk, family, at)
  if kind.says_family == nil then
    local rule_text = walk.rules[family].text(at)
    kind.says_family = rule_text ~= "" and scope.families(walk.core, walk.split(rule_text)) == family
  end
  return kind.says_family
end

return M
