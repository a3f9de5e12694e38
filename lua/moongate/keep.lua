-- SPDX-License-Identifier: GPL-2.0-or-later
--- What other software owns and the policy leaves where it is.
-- Only patterns are said here: what they fit is found in the live tables when
-- the policy meets them.
local lists = require "moongate.lists"
local nearest = require "moongate.nearest"
local order = require "moongate.order"
local schema = require "moongate.schema"
local stages = require "moongate.stages"

local M = {}

local type, next, select, math_type = type, next, select, math.type

local helper = "keep"
local kinds = { "chains", "rules", "sets", "tables" }

local options_schema = schema.helper(helper, {
  preset = "presets", chains = "patterns", rules = "patterns", sets = "patterns", tables = "patterns",
  before = "stage", after = "stage",
}, { positional = "preset", list = true, example = { preset = "docker" } })

local built_in = { "INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING" }
local table_names = { "filter", "mangle", "nat", "raw", "security" }

-- What somebody may call a preset, or a part of it.
local meant = {
  calico = "kubernetes", cilium = "kubernetes", flannel = "kubernetes", weave = "kubernetes", k3s = "kubernetes",
  kube = "kubernetes", kubelet = "kubernetes", f2b = "fail2ban", kvm = "libvirt", qemu = "libvirt", virsh = "libvirt",
  ["docker-ce"] = "docker", ["docker.io"] = "docker", dockerd = "docker", swarm = "docker", cni = "podman",
  ts = "tailscale", tailscaled = "tailscale",
}

-- Texts that have nothing in common: a pattern that fits all of a kind fits
-- whatever there is.
local anything = {
  rules = { "-s 192.0.2.1/32 -j DROP", "-i lo -p tcp -m tcp --dport 7 -j ACCEPT" },
  sets = { "blocklist", "Q-7_x" },
}

-- Where the records of a stage begin and end, see enum mg_rank.
local first_rank = { guard = stages.rank.before_guard }
local last_rank = { guard = stages.rank.guard_limit, last = stages.rank.last_reject }

local function rank_of(session, options)
  if options.before and options.after then
    session.fail(helper, "after", "`before` already says where: give one of them")
  elseif options.before then
    return first_rank[options.before] or stages.of(options.before)
  elseif options.after then
    return (last_rank[options.after] or stages.of(options.after)) + 1
  end
end

-- The texts of an option, with the path of each.
local function each_text(session, option, value, use)
  if type(value) == "string" then
    use(value, option)
    return
  end
  for i = 1, lists.length(session, helper, option, value) do
    local path = ("%s[%d]"):format(option or "", i)
    if type(value[i]) ~= "string" then
      session.fail(helper, path, ("a text is needed, not %s"):format(lists.shown(value[i])))
    end
    use(value[i], path)
  end
end

-- Keep one thing; saying it again is fine, saying it otherwise is not.
local function record(session, kind, pattern, owner, rank)
  local key = ("keep %s %s %s"):format(kind, owner or "", pattern)
  local before = session.kept[key]
  if before and before.rank ~= rank then
    session.fail(helper, nil, ("%s is kept at %s already, at another place: leave one of them out")
      :format(owner or lists.shown(pattern), before.place))
  elseif before then
    return
  end
  local place = session.core.place()
  session.kept[key] = { rank = rank, place = place }
  if kind == "chains" then
    local chains = session.kept_chains
    chains[#chains + 1] = { pattern = pattern, owner = owner, place = place .. session.core.uses() }
  end
  session.core.keep(kind, pattern, owner, rank, helper)
end

local function keep_preset(session, name, path, rank)
  local presets = session.core.presets()
  local preset = presets[name]
  if not preset then
    local names = order.keys(presets)
    session.fail(helper, path, ("%s is no preset%s (one of %s); keep { chains = \"...\" } keeps by name")
      :format(lists.shown(name), meant[name:lower()] and (": did you mean `%s`?"):format(meant[name:lower()])
        or nearest.suggestion(name, names), table.concat(names, ", ")))
  end
  for _, part in ipairs(preset) do
    record(session, part[1], part[2], preset.name, rank or preset.rank)
  end
end

local function fits_all(session, pattern, texts)
  for _, text in ipairs(texts) do
    if not session.core.glob(pattern, text) then
      return false
    end
  end
  return true
end

local function check_pattern(session, kind, pattern, path)
  local wrong = schema.bad_text(pattern, 255)
  if wrong then
    session.fail(helper, path, wrong)
  elseif kind == "tables" then
    for _, name in ipairs(table_names) do
      if name == pattern then
        return
      end
    end
    session.fail(helper, path, ("%s is no table%s (one of %s)"):format(lists.shown(pattern),
      nearest.suggestion(pattern, table_names), table.concat(table_names, ", ")))
  elseif kind == "chains" then
    for _, name in ipairs(built_in) do
      if session.core.glob(pattern, name) then
        session.fail(helper, path, ("%s fits the built-in chain %s, which no other software owns; "
          .. "`rules` keeps single rules in it, `tables` all that is in a table"):format(lists.shown(pattern), name))
      end
    end
  elseif fits_all(session, pattern, anything[kind]) then
    session.fail(helper, path, ("%s fits everything: say more of the %s that are meant, or keep the whole table "
      .. "with `tables`"):format(lists.shown(pattern), kind))
  end
end

local function keep_patterns(session, options, rank)
  for _, kind in ipairs(kinds) do
    if options[kind] then
      each_text(session, kind, options[kind], function(pattern, path)
        check_pattern(session, kind, pattern, path)
        record(session, kind, pattern, nil, rank or stages.rank.established)
      end)
    end
  end
end

local function is_presets(value)
  if type(value) ~= "table" or getmetatable(value) == false or value[1] == nil then
    return type(value) == "string"
  end
  for key in next, value do
    if math_type(key) ~= "integer" then
      return false
    end
  end
  return true
end

-- keep("docker", { before = "allow" }) says the same as { "docker", before = "allow" }.
local function take(session, first, second, ...)
  if type(second) ~= "table" or not is_presets(first) or select("#", ...) > 0 then
    return schema.take(session, helper, options_schema, first, second, ...)
  end
  schema.check(session, helper, options_schema, second)
  if second.preset or second[1] ~= nil then
    session.fail(helper, "preset", "the first argument already says which: give one of them")
  end
  local options = { preset = first }
  for key, value in next, second do
    options[key] = value
  end
  return options
end

-- The presets that stand without a name: one alone needs no number in errors.
local function nameless(options)
  local found = {}
  for key, value in next, options do
    if math_type(key) == "integer" then
      found[key] = value
    end
  end
  if next(found) == 1 and next(found, 1) == nil then
    return found[1]
  end
  return next(found) and found
end

--- Offer `keep` to policies. Options: presets, as a list without a name or in
-- `preset`; `chains`, `rules`, `sets` (patterns, as in a shell), `tables`
-- (names), each a text or a list; `before` or `after` (a stage: where kept rules
-- of filter's built-in chains stand).
-- @param language table of names
-- @param session the evaluation under way
-- @usage keep "fail2ban"
-- @usage keep("docker", { before = "allow" })
-- @usage keep { chains = "ban-*", sets = { "ban4", "ban6" }, before = "established" }
function M.install(language, session)
  session.kept, session.kept_chains = {}, {}
  language.keep = function(...)
    local options = select("#", ...) < 2 and schema.take(session, helper, options_schema, ...)
      or take(session, ...)
    local rank = rank_of(session, options)
    local listed = nameless(options)
    if listed and options.preset then
      session.fail(helper, "preset", "the list already says which are meant: give one of them")
    end
    local presets = listed or options.preset
    if presets then
      each_text(session, not listed and type(presets) == "table" and "preset" or nil, presets,
        function(name, path)
          keep_preset(session, name, path, rank)
        end)
    end
    if not (presets and (type(presets) == "string" or presets[1])) and not (options.chains or options.rules
        or options.sets or options.tables) then
      session.fail(helper, nil, 'nothing says what to keep: name a preset, as keep "docker", '
        .. "or give chains, rules, sets or tables")
    end
    keep_patterns(session, options, rank)
  end
end

--- Whether a chain that the policy does not make may be there: it is kept.
-- @param session the evaluation under way
-- @param name of the chain
-- @return boolean
function M.has_chain(session, name)
  for _, kept in ipairs(session.kept_chains or {}) do
    if session.core.glob(kept.pattern, name) then
      return true
    end
  end
  return false
end

--- Check that no pattern fits a chain that a helper of this policy makes. One
-- that the policy names itself, it shares with its owner.
-- @param session the evaluation that has ended
-- @raise at the first one that does
function M.finish(session)
  for _, kept in ipairs(session.kept_chains) do
    for _, chain in ipairs(session.core.chain_names()) do
      local maker = chain.origin:match(" ([%w_]+)$")
      if maker and maker ~= "chain" and maker ~= "append" and session.core.glob(kept.pattern, chain.name) then
        error(("%s: keep: %s fits chain %s, which %s makes at %s: say more of the chains that are meant")
          :format(kept.place, lists.shown(kept.pattern), chain.name, maker, (chain.origin:match("^(.*) "))), 0)
      end
    end
  end
end

return M
