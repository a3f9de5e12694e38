-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Random zones, lists and exceptions: the rules that come out say of each packet
-- exactly what the words mean, whether a list is rules or a set of the kernel's. A
-- small world, so that all packets can be tried: five interfaces, sixteen addresses of
-- each family, both ends.
-- MOONGATE_SEED repeats a run; MOONGATE_ROUNDS makes it longer.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"
local networks = require "moongate.networks"

local names = { "a0", "a1", "b0", "b1", "c0" }
local interface_words = { "a0", "a1", "b0", "b1", "c0", "a+", "b+" }
local hosts = { { "10.0.0.%d/32", 32 }, { "fd00::%x/128", 128 } }
local prefixes = { { "10.0.0.%d/%d", 32 }, { "fd00::%x/%d", 128 } }

local rounds = tonumber(os.getenv("MOONGATE_ROUNDS")) or 150

-- Values as Lua text, with what they mean: a function of (interface, address)
-- that says whether it is in there.

local function any_of(list, ...)
  for _, item in ipairs(list) do
    if item.holds(...) then
      return true
    end
  end
  return false
end

local function random_network()
  local family = math.random(1, 2)
  local form, bits = prefixes[family][1], prefixes[family][2]
  local prefix = bits - math.random(0, 4)
  local text = form:format(math.random(0, 15) >> (bits - prefix) << (bits - prefix), prefix)
  return { text = ("%q"):format(text), holds = function(_, address)
    return (text:find(":") ~= nil) == (address:find(":") ~= nil) and networks.within(address, text)
  end }
end

local function random_name()
  local word = interface_words[math.random(#interface_words)]
  return { text = ("%q"):format(word), holds = function(interface)
    return word == interface or word:sub(-1) == "+" and interface:sub(1, #word - 1) == word:sub(1, -2)
  end }
end

local function list_of(make, most, excepted)
  local items = {}
  for i = 1, math.random(1, most) do
    items[i] = make()
  end
  local texts = {}
  for i, item in ipairs(items) do
    texts[i] = item.text
  end
  local text = "{ " .. table.concat(texts, ", ") .. " }"
  return { text = excepted and "except " .. text or text, holds = function(...)
    return any_of(items, ...) ~= excepted
  end }
end

-- Networks as they are, or as a set.
local function random_addresses()
  if math.random() < 0.6 then
    return random_network()
  end
  local list = list_of(random_network, 3, false)
  return { text = ("addresses { %s, as = \"set\" }"):format(list.text), holds = list.holds }
end

-- Zones with at most one exception a side can be excepted themselves.
local function random_zone(simple)
  local kind = math.random(3)
  local links = kind ~= 2 and list_of(random_name, 2, not simple and math.random() < 0.2)
  local nets = kind ~= 1 and list_of(random_addresses, 3, not simple and math.random() < 0.2)
  local parts = {}
  parts[#parts + 1] = links and "interfaces = " .. links.text or nil
  parts[#parts + 1] = nets and "networks = " .. nets.text or nil
  return { text = "zone { " .. table.concat(parts, ", ") .. " }", holds = function(interface, address)
    return (not links or links.holds(interface)) and (not nets or nets.holds(interface, address))
  end }
end

-- A value for from= or to=: a list of networks and zones, with exceptions or all excepted.
local function random_places(leaf)
  local positive, negative = {}, {}
  for _ = 1, math.random(0, 3) do
    positive[#positive + 1] = math.random() < 0.5 and random_zone(false) or leaf()
  end
  for _ = 1, math.random(0, #positive == 0 and 2 or 1) do
    negative[#negative + 1] = math.random() < 0.6 and random_zone(true) or leaf()
  end
  local texts = {}
  for i, item in ipairs(positive) do
    texts[i] = item.text
  end
  for _, item in ipairs(negative) do
    texts[#texts + 1] = ("except(%s)"):format(item.text)
  end
  if #texts == 0 then
    return nil
  end
  return { text = "{ " .. table.concat(texts, ", ") .. " }", holds = function(...)
    return (#positive == 0 or any_of(positive, ...)) and not any_of(negative, ...)
  end }
end

-- A value for on= or out=: names and zones, or except around all of them.
local function random_links()
  local excepted = math.random() < 0.3
  local items = list_of(function()
    return math.random() < 0.4 and random_zone(excepted) or random_name()
  end, 2, excepted)
  return items
end

local function is_in_set(sets, name, address)
  for text in sets[name]:gmatch("%S+") do
    if networks.within(address, text) then
      return true
    end
  end
  return false
end

-- What rules do with a packet: the little of iptables that zones come out as.
local function matches(words, packet, sets)
  local i, negated, target = 1, false, nil
  while words[i] do
    local option, value = words[i], words[i + 1]
    if option == "!" then
      negated, i = true, i + 1
    elseif option == "-m" then
      assert(value == "set", value)
      i = i + 2
    else
      local found
      if option == "--match-set" then
        found = is_in_set(sets, value, packet[words[i + 2] == "src" and "-s" or "-d"])
        i = i + 1
      elseif option == "-s" or option == "-d" then
        found = networks.within(packet[option], value)
      elseif option == "-i" or option == "-o" then
        found = packet[option] == value or value:sub(-1) == "+" and packet[option]:find(value:sub(1, -2), 1, true) == 1
      elseif option == "-j" then
        target, found = value, true
      else
        error("unknown word " .. option)
      end
      if found == negated then
        return false
      end
      negated, i = false, i + 2
    end
  end
  return true, target
end

local function is_dropped(chains, chain, packet)
  for _, words in ipairs(chains[chain]) do
    local found, target = matches(words, packet, chains.sets)
    if found and target == "DROP" then
      return true
    elseif found and target == "RETURN" then
      return false
    elseif found and is_dropped(chains, target, packet) then
      return true
    end
  end
  return false
end

-- The rules of one family as lists of words by chain.
local function chains_of(core, family)
  local chains = { FORWARD = {} }
  for _, chain in ipairs(core.chains) do
    chains[chain.name] = {}
  end
  for name, list in pairs(chains) do
    for _, text in ipairs(fake.chain(core, family, name)) do
      local words = {}
      for word in text:gmatch("%S+") do
        words[#words + 1] = word
      end
      list[#list + 1] = words
    end
  end
  chains.sets = {}
  for _, set in ipairs(core.sets) do
    chains.sets[set.name] = set.members
  end
  return chains
end

-- The packets that one end can be told apart by.
local function each_end(visit)
  for family = 1, 2 do
    for _, name in ipairs(names) do
      for number = 0, 15, math.random(1, 3) do
        visit(family, name, hosts[family][1]:format(number))
      end
    end
  end
end

local function holds(value, ...)
  return not value or value.holds(...)
end

describe("zones at random #property", function()
  local seed = tonumber(os.getenv("MOONGATE_SEED")) or os.time() % 1000000

  it("say of each packet what their words mean", function()
    math.randomseed(seed)
    local refused, compared, with_sets = 0, 0, 0
    for round = 1, rounds do
      local from = math.random() < 0.7 and random_places(random_addresses) or nil
      local on = math.random() < 0.5 and random_links() or nil
      local to = math.random() < 0.3 and random_places(random_addresses) or nil
      local out = math.random() < 0.3 and random_links() or nil
      local options = {}
      for _, one in ipairs { { "from", from }, { "on", on }, { "to", to }, { "out", out } } do
        options[#options + 1] = one[2] and one[1] .. " = " .. one[2].text or nil
      end
      local text = ("drop_forward { protocol = \"all\", %s }"):format(table.concat(options, ", "))
      local where = ("MOONGATE_SEED=%d, round %d: %s"):format(seed, round, text)
      local ok, core = pcall(fake.run, text)
      if not ok then
        assert.truthy(core:find("no packet can match", 1, true)
          or core:find("except takes no", 1, true), where .. "\n" .. core)
        refused = refused + 1
      end
      with_sets = with_sets + (ok and #core.sets > 0 and 1 or 0)
      -- a fixed other end that is in there, if there is one
      local ways = {}
      for side, pair in pairs { from = { from, on }, to = { to, out } } do
        each_end(function(family, name, address)
          if not (ways[side .. family] and ways[side .. family].good) then
            ways[side .. family] = { name = name, address = address,
              good = holds(pair[1], name, address) and holds(pair[2], name, address) }
          end
        end)
      end
      local chains = ok and { chains_of(core, 1), chains_of(core, 2) }
      local function compare(family, source, target)
        local packet = { ["-i"] = source.name, ["-s"] = source.address, ["-o"] = target.name, ["-d"] = target.address }
        local expected = holds(from, source.name, source.address) and holds(on, source.name, source.address)
          and holds(to, target.name, target.address) and holds(out, target.name, target.address)
        if not ok then
          assert.falsy(expected and core:find("no packet can match", 1, true), where .. "\n" .. core)
          return
        end
        compared = compared + 1
        assert.equal(expected, is_dropped(chains[family], "FORWARD", packet),
          ("%s\n%s %s -> %s %s"):format(where, source.name, source.address, target.name, target.address))
      end
      each_end(function(family, name, address)
        compare(family, { name = name, address = address }, ways["to" .. family])
        compare(family, ways["from" .. family], { name = name, address = address })
      end)
    end
    assert.truthy(refused < rounds * 0.5, refused .. " refused")
    assert.truthy(compared > rounds * 50, compared .. " compared")
    assert.truthy(with_sets > rounds * 0.1, with_sets .. " with sets")
  end)
end)
