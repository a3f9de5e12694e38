-- SPDX-License-Identifier: GPL-2.0-or-later
--- A core that records what the language asks of it, for specs.
local luassert = require "luassert"

local M = {}

local function v4(text)
  local a, b, c, d = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  if not a then
    return nil
  end
  local value = 0
  for _, part in ipairs { a, b, c, d } do
    local number = math.tointeger(part)
    if number > 255 or #part > 3 then
      return nil
    end
    value = value << 8 | number
  end
  return value
end

local function v4_network(text)
  local host, prefix = text:match("^([^/]+)/?(.*)$")
  local value = host and v4(host)
  if not value then
    return nil
  end
  local bits = 32
  if prefix:find("^%d+$") then
    bits = math.tointeger(prefix)
  elseif prefix ~= "" then
    local mask = v4(prefix)
    bits = nil
    for length = 0, 32 do
      if mask == (0xffffffff << (32 - length)) & 0xffffffff then
        bits = length
      end
    end
  end
  if not bits or bits > 32 or text:find("/$") then
    return nil
  end
  local kept = value & (0xffffffff << (32 - bits)) & 0xffffffff
  return ("%d.%d.%d.%d/%d"):format(kept >> 24, kept >> 16 & 255, kept >> 8 & 255, kept & 255, bits), kept ~= value
end

-- Good enough for specs: checks the form, leaves the text as it is.
local function v6_network(text)
  local host, prefix = text:match("^([%x:.]+)/?(%d*)$")
  if not host or not host:find(":") or host:find(":::") or text:find("/$") then
    return nil
  end
  for group in host:gmatch("[^:]+") do
    if #group > 4 then
      return nil
    end
  end
  local bits = prefix == "" and 128 or math.tointeger(prefix)
  if bits > 128 then
    return nil
  end
  return ("%s/%d"):format(host, bits), false
end

local function address(text)
  local canonical, host_bits = v4_network(text)
  if canonical then
    return 1, canonical, host_bits
  end
  canonical, host_bits = v6_network(text)
  if canonical then
    return 2, canonical, host_bits
  end
  return nil, "not an address"
end

-- Blanks part words, double quotes hold them together.
local function split(text)
  local words, i = {}, 1
  while true do
    i = text:find("%S", i)
    if not i then
      return words
    end
    local word
    if text:sub(i, i) == '"' then
      local last = text:find('"', i + 1, true)
      if not last then
        return nil, "unfinished quotes"
      end
      word, i = text:sub(i + 1, last - 1), last + 1
    else
      local last = text:find("%s", i) or #text + 1
      word, i = text:sub(i, last - 1), last
    end
    words[#words + 1] = word
  end
end

local function quote(word)
  return word:find("[%s\"']") and '"' .. word .. '"' or word
end

-- Facts as the core gives them, where a spec says only some.
local function complete(host)
  local all = { name = host.name or "fake", ipv6 = host.ipv6 ~= false, facts = host.facts or {},
    addresses = host.addresses or {}, interfaces = {} }
  for i, interface in ipairs(host.interfaces or {}) do
    all.interfaces[i] = { name = interface.name, up = interface.up ~= false, loopback = interface.loopback or false,
      leased = interface.leased or false, leased6 = interface.leased6 or false,
      addresses = interface.addresses or {} }
  end
  return all
end

--- Make a core.
-- @param host facts, or nil for a host with one leased interface
-- @param modules nil, or the texts of modules by path ("roles/web.lua")
-- @return the core; what it recorded is in `rules`, `chains`, `policies`, `notes`
function M.new(host, modules)
  local core = { rules = {}, chains = {}, policies = {}, notes = {}, kept = {}, sets = {} }
  core.host = complete(host or {
    interfaces = {
      { name = "eth0", up = true, loopback = false, leased = true, leased6 = false, addresses = { "192.0.2.5/24" } },
      { name = "lo", up = true, loopback = true, leased = false, leased6 = false, addresses = { "127.0.0.1/8" } },
    },
    addresses = { "192.0.2.5/24", "127.0.0.1/8" },
  })
  -- The shortcuts of the core change nothing but the time it takes.
  function core.verb_shortcut(verb)
    return verb
  end
  core.append_shortcut = core.verb_shortcut

  function core.append(families, table_name, chain, rank, helper, args, number, list)
    assert(families == 1 or families == 2 or families == 3)
    if list then
      for _, word in ipairs(list) do
        local own = table.move(args, 1, #args, 1, {})
        own[number] = word
        core.append(families, table_name, chain, rank, helper, own)
      end
      return
    end
    assert(math.type(rank) == "integer")
    local words = {}
    for i = 1, #args do
      assert(type(args[i]) == "string", "argument " .. i .. " is a " .. type(args[i]))
      words[i] = quote(args[i])
    end
    core.rules[#core.rules + 1] = {
      families = families, table = table_name, chain = chain, rank = rank, helper = helper,
      text = table.concat(words, " "), order = #core.rules,
    }
  end
  function core.only(families)
    core.only_families = families
  end
  function core.chain(families, table_name, name, helper)
    core.chains[#core.chains + 1] = { families = families, table = table_name, name = name, helper = helper }
  end
  function core.policy(families, table_name, chain, policy, helper)
    core.policies[#core.policies + 1] = ("%d %s %s %s %s"):format(families, table_name, chain, policy, helper)
  end
  function core.keep(kind, pattern, owner, rank, helper)
    core.kept[#core.kept + 1] = ("%d %s %s %s%s"):format(rank, helper, kind, pattern,
      owner and " (" .. owner .. ")" or "")
  end
  -- Good enough for specs: the shape of the core's, and one alias.
  function core.presets()
    local podman = { name = "podman", rank = 10, { "chains", "NETAVARK*" } }
    return {
      docker = { name = "docker", rank = 10, { "chains", "DOCKER-*" }, { "rules", "-o docker0 -j ACCEPT" } },
      fail2ban = { name = "fail2ban", rank = 10, { "chains", "f2b-*" }, { "sets", "f2b-*" } },
      ufw = { name = "ufw", rank = 50, { "chains", "ufw-*" } },
      podman = podman, netavark = podman,
    }
  end
  function core.glob(pattern, text)
    local lua = pattern:gsub("[%%%]^$().+-]", "%%%0"):gsub("%[!", "[^"):gsub("%*", ".*"):gsub("%?", ".")
    return text:find("^" .. lua:gsub("%%%]", "]") .. "$") ~= nil
  end
  function core.chain_names()
    local names = {}
    for i, chain in ipairs(core.chains) do
      names[i] = { name = chain.name, origin = "policy.lua:? " .. chain.helper }
    end
    return names
  end
  function core.place()
    for level = 2, 40 do
      local info = debug.getinfo(level, "Sl")
      if not info then
        break
      elseif info.source:find("^=policy") then
        return ("policy.lua:%d"):format(info.currentline)
      elseif info.source:find("^@") and modules and modules[info.source:sub(2)] then
        return ("%s:%d"):format(info.source:sub(2), info.currentline)
      end
    end
    return "policy.lua:?"
  end
  local use_places = {}
  function core.watch_uses(places)
    use_places = places
  end
  function core.uses()
    local out = {}
    for i = #use_places, 1, -1 do
      out[#out + 1] = use_places[i]
    end
    return #out > 0 and (" (used at %s)"):format(table.concat(out, ", ")) or ""
  end
  function core.module(path)
    local text = modules and modules[path]
    if not text then
      return nil, "there is no file " .. path, true
    end
    return text
  end
  -- Good enough for specs: each line is an address; nothing is merged.
  function core.address_file(path)
    local text = modules and modules[path] or path == "blocklist.txt" and "192.0.2.1\n"
    if not text then
      return nil, "there is no file " .. path
    end
    local texts = {}
    for line in text:gmatch("[^\n]+") do
      texts[#texts + 1] = line
    end
    local ipv4, ipv6 = core.fold(texts)
    return { ipv4, ipv6, is_file = true }, #ipv4, #ipv6
  end
  core.listed_files = 0
  function core.listed(list)
    core.listed_files = core.listed_files + 1
    return table.unpack(list)
  end
  function core.set_families(name)
    return ({ only4 = 1, only6 = 2 })[name] or 3
  end
  function core.set(family, label, list, helper)
    local members = table.concat(list.is_file and list[family] or list, " ")
    for _, set in ipairs(core.sets) do
      if not label and set.family == family and set.members == members then
        return set.name
      end
    end
    if not label then
      return nil
    end
    local name = ("mg%d-%s"):format(family == 1 and 4 or 6, label)
    assert(#name <= 20 and name:find("^[%w_-]+$"), name)
    for _, set in ipairs(core.sets) do
      if set.name == name then
        return set.members == members and name or nil, ("set %s has other members"):format(name)
      end
    end
    core.sets[#core.sets + 1] = { family = family, name = name, members = members, helper = helper }
    return name
  end
  function core.fold(texts)
    local lists, seen = { {}, {} }, {}
    for _, text in ipairs(texts) do
      local family, canonical = address(text)
      if not seen[canonical] then
        seen[canonical] = true
        table.insert(lists[family], canonical)
      end
    end
    table.sort(lists[1])
    table.sort(lists[2])
    return lists[1], lists[2]
  end
  local known_names = { ["www.example.org"] = { "192.0.2.80", "2001:db8::80" },
    ["backend.example.org"] = { "10.0.0.5" } }
  function core.resolve(name)
    if not known_names[name] then
      return nil, ("%q is not known"):format(name)
    end
    return known_names[name]
  end
  function core.module_names(folder)
    local found, prefix = {}, folder == "" and "" or folder .. "/"
    for path in pairs(modules or {}) do
      local name = path:sub(1, #prefix) == prefix and path:sub(#prefix + 1):match("^[^/]+/?")
      if name then
        found[#found + 1] = name .. "\n"
      end
    end
    table.sort(found)
    return table.concat(found)
  end
  function core.fail(message)
    error(core.place() .. ": " .. message, 0)
  end
  function core.note(severity, message, remedy)
    core.notes[#core.notes + 1] = severity .. ": " .. message .. (remedy and " -> " .. remedy or "")
  end
  core.split, core.address = split, address
  return core
end

--- Run a policy.
-- @param text its text
-- @param host facts, or nil
-- @param modules texts of modules by path, or nil
-- @return the core that recorded it
-- @raise what the policy raises
function M.run(text, host, modules)
  local core = M.new(host, modules)
  local env, finish = require("moongate.language").new(core)
  local chunk = assert(load(text, "=policy", "t", env))
  chunk()
  finish()
  return core
end

--- What a policy fails with.
-- @param text its text
-- @param modules texts of modules by path, or nil
-- @param host facts, or nil
-- @return the message
function M.failure(text, modules, host)
  local ok, message = pcall(M.run, text, host, modules)
  assert(not ok, "the policy did not fail")
  return message
end

--- Check what a policy fails with.
-- @param expected a part of the message
-- @param ... as for failure()
function M.fails(expected, ...)
  luassert.matches(expected, M.failure(...), 1, true)
end

--- The rules of one chain in one family, sorted by rank as the core does it.
-- @param core the core that recorded them
-- @param family 1 or 2
-- @param chain chain name
-- @param table_name table, "filter" without it
-- @return a sequence of texts
function M.chain(core, family, chain, table_name)
  local rules = {}
  for _, rule in ipairs(core.rules) do
    if rule.families & family ~= 0 and rule.chain == chain and rule.table == (table_name or "filter") then
      rules[#rules + 1] = rule
    end
  end
  table.sort(rules, function(a, b)
    if a.rank ~= b.rank then
      return a.rank < b.rank
    end
    return a.order < b.order
  end)
  for i, rule in ipairs(rules) do
    rules[i] = rule.text
  end
  return rules
end

--- All rules as "families chain text", in the order of the calls.
-- @param core the core that recorded them
-- @return a sequence of texts
function M.all(core)
  local out = {}
  for i, rule in ipairs(core.rules) do
    out[i] = ("%d %s %s"):format(rule.families, rule.chain, rule.text)
  end
  return out
end

--- All rules of a policy as "families chain text"; see run() and all().
function M.rules(...)
  return M.all(M.run(...))
end

--- All rules of a policy as "families table chain text"; see run().
function M.rules_with_tables(...)
  local out = {}
  for i, rule in ipairs(M.run(...).rules) do
    out[i] = ("%d %s %s %s"):format(rule.families, rule.table, rule.chain, rule.text)
  end
  return out
end

--- What one family loads, as iptables-save text of table filter.
-- @param core the core that recorded it
-- @param family 1 or 2
-- @return the text
function M.save_text(core, family)
  local out = { "*filter" }
  local names = { INPUT = true, FORWARD = true, OUTPUT = true }
  for _, line in ipairs(core.policies) do
    local families, chain, policy = line:match("^(%d) filter (%S+) (%S+)")
    if tonumber(families) & family ~= 0 then
      out[#out + 1] = (":%s %s [0:0]"):format(chain, policy)
    end
  end
  local order = { "INPUT", "FORWARD", "OUTPUT" }
  for _, chain in ipairs(core.chains) do
    if chain.families & family ~= 0 and chain.table == "filter" and not names[chain.name] then
      names[chain.name] = true
      order[#order + 1] = chain.name
      out[#out + 1] = (":%s - [0:0]"):format(chain.name)
    end
  end
  for _, name in ipairs(order) do
    for _, text in ipairs(M.chain(core, family, name)) do
      out[#out + 1] = ("-A %s %s"):format(name, text)
    end
  end
  out[#out + 1] = "COMMIT\n"
  return table.concat(out, "\n")
end

return M
