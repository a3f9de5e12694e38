-- SPDX-License-Identifier: GPL-2.0-or-later
--- Rules as a policy: calls of helpers where they do just the same, primitives
-- for the rest. What a helper does is not known here: it is called, and what it
-- did is compared (moongate.import_trial).
local text = require "moongate.import_text"
local trials = require "moongate.import_trial"
local walks = require "moongate.import_walk"
local whole = require "moongate.import_whole"

local M = {}

local key = whole.key
local tables = { "filter", "nat", "mangle", "raw", "security" }
local filter_chains = { "INPUT", "OUTPUT", "FORWARD" }
local is_built_in = {
  INPUT = true, OUTPUT = true, FORWARD = true, PREROUTING = true, POSTROUTING = true,
}
-- Chains for which there are helpers that write one rule after the other.
local has_helpers = {
  ["filter INPUT"] = true, ["filter OUTPUT"] = true, ["filter FORWARD"] = true, ["nat POSTROUTING"] = true,
  ["mangle FORWARD"] = true,
}
local family_names = { "ipv4", "ipv6" }
local family_titles = { "IPv4", "IPv6" }

-- A chain that is not there.
local nothing = { count = 0 }

-- The rules by chain, and which tables are to be named in each family: those
-- in which there is something, and filter.
local function new_model(input)
  local model = { chains = {}, order = {}, named = {} }
  for _, chain in ipairs(input.chains) do
    model.chains[key(chain.family, chain.table, chain.name)] = {
      table = chain.table, name = chain.name, policy = chain.policy, rules = chain.rules,
    }
    local order = model.order[chain.table] or {}
    model.order[chain.table] = order
    if not order[chain.name] then
      order[chain.name] = true
      order[#order + 1] = chain.name
    end
    if chain.rules.count > 0 or not is_built_in[chain.name] or chain.policy == "DROP" then
      model.named[chain.table] = (model.named[chain.table] or 0) | chain.family
    end
  end
  model.named.filter = input.families
  return model
end

-- Remarks by chain and by the rule that they stand beside; and those beside no rule.
local function new_remarks(input)
  local remarks = { loose = {} }
  for _, remark in ipairs(input.remarks) do
    local list = remarks.loose
    if remark.chain then
      local place = key(remark.family, remark.table, remark.chain)
      remarks[place] = remarks[place] or {}
      list = remarks[place][remark.index] or {}
      remarks[place][remark.index] = list
    end
    list[#list + 1] = "-- " .. remark.text:gsub("^%s+", ""):gsub("%c", " ")
  end
  return remarks
end

-- Appends in one statement. Lua finds the line of a call slowly where the
-- statement has begun more than 127 lines above, and finds it for each rule.
local most_appends = 50

-- What is written, line by line; appends to one chain that follow each other
-- are chained.
local function new_writer(remarks)
  local writer = { lines = {}, object = nil, at = nil }
  local no_remarks = {}

  function writer.add(line)
    writer.close()
    writer.lines[#writer.lines + 1] = line
  end

  function writer.blank()
    writer.close()
    if writer.lines[#writer.lines] ~= "" then
      writer.lines[#writer.lines + 1] = ""
    end
  end

  -- One statement with appends: those from `first` to `last`.
  local function write_appends(body, first, last)
    local lines = writer.lines
    if first == last and #writer.object + #body[first] < 112 then
      lines[#lines + 1] = writer.object .. body[first]:sub(3)
    else
      lines[#lines + 1] = writer.object
      table.move(body, first, last, #lines + 1, lines)
    end
  end

  function writer.close()
    local body = writer.body
    if body then
      writer.body = nil
      local first = 1
      for last, line in ipairs(body) do
        if last == #body or last - first + 1 >= most_appends and not line:find("^%s*%-%-") then
          write_appends(body, first, last)
          first = last + 1
        end
      end
    end
  end

  -- What somebody wrote beside the rules of a chain in one family.
  local function remarks_of(walk, family)
    return remarks[key(family, walk.table, walk.chain)] or no_remarks
  end

  -- The remarks beside the rules that a call makes, each once.
  local function beside(walk, at, made)
    local found, seen = {}, {}
    for family = 1, 2 do
      local all = remarks_of(walk, family)
      for i = at[family], next(all) and at[family] + made[family] - 1 or 0 do
        for _, line in ipairs(all[i] or no_remarks) do
          if not seen[line] then
            seen[line] = true
            found[#found + 1] = line
          end
        end
      end
    end
    return found
  end

  local function append(walk, code)
    local body = writer.body
    if writer.object ~= walk.object or not body then
      writer.close()
      body = {}
      writer.object, writer.body = walk.object, body
    end
    body[#body + 1] = code
  end

  function writer.call(walk, code, is_primitive, at, made)
    for _, line in ipairs(beside(walk, at, made)) do
      if is_primitive then
        append(walk, "  " .. line)
      else
        writer.add(line)
      end
    end
    writer.many(walk, { code }, is_primitive)
  end

  function writer.many(walk, sources, is_primitive)
    if is_primitive then
      for _, source in ipairs(sources) do
        append(walk, "  :append " .. source)
      end
    elseif sources[1] then
      writer.close()
      table.move(sources, 1, #sources, #writer.lines + 1, writer.lines)
    end
  end

  writer.remarks = remarks_of

  return writer
end

-- Lua source of a chain object: for both families unless it is of one only.
-- And the families that it is for.
local function object(job, table_name, name)
  local families = 0
  for family = 1, 2 do
    if (job.model.named[table_name] or 0) & family ~= 0
        and (is_built_in[name] or job.model.chains[key(family, table_name, name)]) then
      families = families | family
    end
  end
  if families == job.input.families then
    return ('chain("%s", %s)'):format(table_name, text.quoted(name)), families
  end
  return ('chain("%s", %s, { family = "%s" })'):format(table_name, text.quoted(name), family_names[families]), families
end

-- Write a stretch of a chain: from `first` to `last`, by family.
local function write_stretch(job, table_name, name, first, last)
  local rules = {}
  for family = 1, 2 do
    local chain = job.model.chains[key(family, table_name, name)]
    rules[family] = chain and chain.rules or nothing
  end
  local source, families = object(job, table_name, name)
  local walk = {
    table = table_name, chain = name, object = source, families = job.input.families,
    object_families = families,
    verbs = not job.input.plain and has_helpers[table_name .. " " .. name] or false,
    rules = rules, at = { first[1], first[2] }, last = last, trial = job.trial, split = job.split,
    core = job.core, careful = job.input.careful,
  }
  function walk.write(code, is_primitive, at, made)
    job.writer.call(walk, code, is_primitive, at, made)
  end
  function walk.write_many(sources, is_primitive)
    job.writer.many(walk, sources, is_primitive)
  end
  walk.remarks = { job.writer.remarks(walk, 1), job.writer.remarks(walk, 2) }
  walks.run(walk)
end

-- The part of a chain that is before, or behind, the helper that stands among
-- its rules.
local function stretch(job, name, is_behind)
  local first, last = {}, {}
  for family = 1, 2 do
    local chain_key = key(family, "filter", name)
    local chain, place = job.model.chains[chain_key], job.found.places[chain_key]
    local from, to = 1, chain and chain.rules.count or 0
    if place then
      from, to = place.first, place.last
    end
    if place and place.at and is_behind then
      from = place.at + place.count
    elseif place and place.at then
      to = place.at - 1
    elseif not is_behind then -- nothing of the helper is in this chain
      to = from - 1
    end
    first[family], last[family] = from, to
  end
  return first, last
end

local function write_filter_chains(job, is_behind)
  for _, name in ipairs(filter_chains) do
    local first, last = stretch(job, name, is_behind)
    if first[1] <= last[1] or first[2] <= last[2] then
      job.writer.blank()
      write_stretch(job, "filter", name, first, last)
    end
  end
end

local function write_policies(job)
  local all, dropped = true, {}
  for family = 1, 2 do
    for _, name in ipairs(filter_chains) do
      local chain = job.model.chains[key(family, "filter", name)]
      if job.input.families & family ~= 0 and not (chain and chain.policy == "DROP") then
        all = false
      end
    end
  end
  if all and not job.input.plain then
    job.writer.add("default_deny()")
    dropped.filter = true
  end
  for _, table_name in ipairs(tables) do
    for _, name in ipairs(dropped[table_name] and {} or job.model.order[table_name] or {}) do
      local families = 0
      for family = 1, 2 do
        local chain = job.model.chains[key(family, table_name, name)]
        families = families | (chain and chain.policy == "DROP" and family or 0)
      end
      if families ~= 0 then
        job.writer.add(('chain("%s", "%s", { policy = "DROP"%s })'):format(table_name, name,
          families == job.input.families and "" or (', family = "%s"'):format(family_names[families])))
      end
    end
  end
end

-- Is the chain one that a helper has made?
local function is_done(job, table_name, name)
  return job.found.places[key(1, table_name, name)] or job.found.places[key(2, table_name, name)]
end

local function write_other_chains(job, table_name)
  for _, name in ipairs(job.model.order[table_name] or {}) do
    if (table_name ~= "filter" or not is_built_in[name]) and not is_done(job, table_name, name)
        and (job.model.named[table_name] or 0) ~= 0 then
      local last = {}
      for family = 1, 2 do
        local chain = job.model.chains[key(family, table_name, name)]
        last[family] = chain and chain.rules.count or 0
      end
      if last[1] + last[2] > 0 then
        job.writer.blank()
        write_stretch(job, table_name, name, { 1, 1 }, last)
      elseif not is_built_in[name] then
        job.writer.blank()
        job.writer.add((object(job, table_name, name)))
      end
    end
  end
end

-- Are there lines that made no sense, and are remarks now?
local function has_left_out(input)
  for _, remark in ipairs(input.remarks) do
    if remark.text:find("^%s*NOT IMPORTED") then
      return true
    end
  end
  return false
end

local function write_header(job)
  local writer, input = job.writer, job.input
  writer.add("-- Imported by `moongate import` from " .. input.source:gsub("%c", " ") .. ".")
  writer.add(("-- Planned where %s are live, it has nothing to do."):format(
    has_left_out(input) and "the other lines" or "those rules"))
  for _, line in ipairs(job.remarks.loose) do
    writer.add(line)
  end
  writer.blank()
  if input.keep then
    writer.add("-- What others put there is theirs, and stays: none of their rules is below.")
    for line in input.keep:gmatch("[^\n]+") do
      writer.add(line)
    end
    writer.blank()
  end
  if input.families ~= 3 then
    local is_empty = (input.empty or 0) ~= 0
    writer.add((is_empty and "-- %s has no rules: without the next line, those below are for both families."
      or "-- Only the %s rules were imported: no line below is for the other family.")
      :format(family_titles[is_empty and input.empty or input.families]))
    writer.add(('only_family "%s"'):format(family_names[input.families]))
    writer.blank()
  end
end

-- A policy that says nothing would be taken for a truncated one.
local function write_nothing(job)
  job.writer.add("-- There are no rules.")
  job.writer.add('chain("filter", "INPUT", { policy = "ACCEPT" })')
end

--- Write a policy.
-- @param input what was read: { families = 1 to 3, empty = the family that was read, too, and has no rules, or 0,
--   source = where from, keep = calls of keep() or nil, plain = whether primitives only, careful = whether to try each
--   of these, apart = whether to leave out helpers that write into several chains, chains = { { family =, table =,
--   name =, policy =, rules = columns }... }, remarks = { { family =, table =, chain =, index =, text = }... },
--   print = function(family, table, chain, words) -> text or nil }. Columns: { count =, kinds = { a number each, the
--   same for rules that differ in plain values only }, source, destination, to_ports, from_ports, comment = { the plain
--   values by place }, text = function(place), place = function(place) -> "file:line", find = function(text, first,
--   last) -> place or nil }
-- @param primitives the core's, as for moongate.language
-- @return the text of the policy
-- @raise with the place of a rule that the language cannot say
function M.policy(input, primitives)
  local remarks = new_remarks(input)
  local job = {
    input = input, model = new_model(input), trial = trials.new(input, primitives), split = primitives.split,
    core = primitives, remarks = remarks, writer = new_writer(remarks), found = { first = {}, last = {}, places = {} },
  }
  if not input.plain and not input.apart then
    job.found = whole.find(job.model, job.trial)
  end
  write_header(job)
  local before = #job.writer.lines
  write_policies(job)
  for _, call in ipairs(job.found.first) do
    job.writer.add(call)
  end
  if job.found.among then
    write_filter_chains(job, false)
    job.writer.add(job.found.among)
  end
  write_filter_chains(job, true)
  if #job.found.last > 0 then
    job.writer.blank()
  end
  for _, call in ipairs(job.found.last) do
    job.writer.add(call)
  end
  for _, table_name in ipairs(tables) do
    write_other_chains(job, table_name)
  end
  job.writer.close()
  if #job.writer.lines == before then
    write_nothing(job)
  end
  return table.concat(job.writer.lines, "\n") .. "\n"
end

return M
