-- SPDX-License-Identifier: GPL-2.0-or-later
--- Calls for rules that differ in nothing but plain values from one whose call
-- is known: its text, with their values in it.
local calls = require "moongate.import_calls"
local text = require "moongate.import_text"

local M = {}

local fields = { "source", "destination", "to_ports", "from_ports", "comment" }

-- What stands in a text for a value; to read and to write it as a value is.
local marks = {}
for _, field in ipairs(fields) do
  marks[field] = ("@%s@"):format(field)
end

-- A text with marks as a format, and the fields in their order.
local function new_layout(marked)
  local order = {}
  local form = marked:gsub("%%", "%%%%"):gsub('"?@([%a_]+)@"?', function(field)
    if not marks[field] then
      return nil
    end
    order[#order + 1] = field
    return field:find("ports", 1, true) and "%s" or '"%s"'
  end)
  return { form = form, order[1], order[2], order[3], order[4], order[5] }
end

local function several(value)
  return value:find("[,:]") ~= nil
end

local function fill(layout, values)
  return layout.form:format(values[layout[1]], values[layout[2]], values[layout[3]], values[layout[4]],
    values[layout[5]])
end

--- The form of a call, from one that is known to make its rule.
-- @param rule that rule, see moongate.import_rule
-- @param columns the rules of its chain, see moongate.import
-- @param at its place there
-- @param chain its chain
-- @param number which of the candidates the call is
-- @return { line =, broken = } to be filled in
local function new_form(rule, columns, at, chain, number)
  local marked = {}
  for key, value in next, rule do
    marked[key] = value
  end
  for _, field in ipairs(fields) do
    local value = columns[field][at]
    if value and not (field == "to_ports" and calls.special_ports(rule.protocol)[value]) then
      marked[field] = marks[field]
    end
  end
  local call = calls.candidates(marked, chain, { marked.source }, { marked.destination })[number]
  if not call then
    return nil
  end
  local line, broken = text.layouts(call.name, call.options)
  return { line = new_layout(line), broken = broken and new_layout(broken) }
end

--- Begin, for the rules of one kind in one chain.
-- @param rule the first of them, see moongate.import_rule
-- @param columns the rules of its chain
-- @param chain the chain's name
-- @return a function of a place, which gives Lua source, or nil if the rule there is not plain or not known; and a
--   function of a rule, its place, which candidate has made it, and the call's source, to make its likes known
function M.new(rule, columns, chain)
  local protocol, to_ports, from_ports, comments = rule.protocol, columns.to_ports, columns.from_ports, columns.comment
  local sources, destinations = columns.source, columns.destination
  local by_port, shown, values, ordinary = {}, {}, {}, nil
  local special = protocol and calls.special_ports(protocol)

  -- Ports as a policy says them; false for those that it would say in another way.
  local function ports(value)
    local known = shown[value]
    if known == nil then
      known = calls.ports({ to_ports = value, negated = {}, protocol = protocol }, "to_ports")
      if known:find("\n", 1, true) then
        known = false
      end
      shown[value] = known
    end
    return known
  end

  local function source(at)
    local to, from, comment = to_ports[at], from_ports[at], comments[at]
    local form = ordinary
    if to and special[to] then
      form = by_port[to]
    elseif to and several(to) then
      to = ports(to)
    end
    if from and (special[from] or several(from)) then
      from = ports(from)
    end
    if not form or to == false or from == false or comment and calls.is_special_comment(comment) then
      return nil
    end
    values.source, values.destination, values.comment = sources[at], destinations[at], comment
    values.to_ports, values.from_ports = to, from
    local line = fill(form.line, values)
    return form.broken and not text.fits(line) and fill(form.broken, values) or line
  end

  local function learn(of, at, number, code)
    local form = new_form(of, columns, at, chain, number)
    local to = to_ports[at]
    if not form then
      return
    elseif to and special[to] then
      by_port[to] = form
    else
      ordinary = form
    end
    if source(at) ~= code then
      by_port, ordinary = {}, nil
    end
  end

  return source, learn
end

return M
