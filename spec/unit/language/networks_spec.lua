-- SPDX-License-Identifier: GPL-2.0-or-later
-- Networks within networks, and interfaces likewise.
local address_sets = require "moongate.address_sets"
local interface_sets = require "moongate.interface_sets"
local networks = require "moongate.networks"

describe("networks", function()
  it("are compared by the bits of their prefix", function()
    assert.equal("", networks.bits(false))
    assert.equal("", networks.bits("0.0.0.0/0"))
    assert.equal("110", networks.bits("192.0.2.0/3"))
    assert.equal("00001010000000000000000100000011", networks.bits("10.0.1.3/32"))
    assert.equal("0010000000000001", networks.bits("2001:db8::/16"))
    assert.equal(("0"):rep(127) .. "1", networks.bits("::1/128"))
    assert.equal(128, #networks.bits("1:2:3:4:5:6:7:8/128"))
    assert.equal(networks.bits("::ffff:a00:1/128"), networks.bits("::ffff:10.0.0.1/128"))
    assert.equal(networks.bits("fe80:0:0:0:0:0:0:5/128"), networks.bits("fe80::5/128"))
  end)

  it("lie within others, or do not", function()
    assert.is_true(networks.within("10.1.0.0/16", "10.0.0.0/8"))
    assert.is_true(networks.within("10.1.0.0/16", false))
    assert.is_true(networks.within("10.1.0.0/16", "10.1.0.0/16"))
    assert.is_false(networks.within("10.0.0.0/8", "10.1.0.0/16"))
    assert.is_false(networks.within("11.1.0.0/16", "10.0.0.0/8"))
    assert.is_true(networks.within("2001:db8:1::/48", "2001:db8::/32"))
    assert.is_false(networks.within("2001:db9::/48", "2001:db8::/32"))
  end)

  it("have in common what the narrower ones are", function()
    assert.same({ "10.0.0.5/32", "10.2.0.0/16" },
      networks.common({ "10.0.0.5/32", "10.2.0.0/15", "192.0.2.1/32" }, { "10.0.0.0/24", "10.2.0.0/16" }))
    assert.same({ "10.0.0.0/8" }, networks.common({ false }, { "10.0.0.0/8" }))
    assert.same({ false, "10.0.0.0/8" }, networks.common({ false, "10.0.0.0/8" }, { false }))
    assert.same({}, networks.common({ "10.0.0.0/8" }, {}))
    assert.same({ "11.0.0.0/8" }, networks.outside({ "10.1.0.0/16", "11.0.0.0/8" }, { "10.0.0.0/8" }))
    assert.same({ "10.1.0.0/16" }, networks.touching({ "10.1.0.0/16", "11.0.0.0/8" }, { "10.1.2.0/24" }))
  end)

  -- Addresses small enough to be counted: what a set says of each of them.
  local function holds(set, address)
    if not set then
      return true
    end
    local function in_list(list)
      for _, network in ipairs(list) do
        if networks.within(address, network) then
          return true
        end
      end
      return false
    end
    return not set.all[1] and not in_list(set.exc[1]) and (not set.positive or in_list(set.inc[1]))
  end

  it("of two sets are those that are in both", function()
    math.randomseed(7)
    local function draw(most)
      local list = {}
      for i = 1, math.random(0, most) do
        local prefix = math.random(29, 32)
        list[i] = ("10.0.0.%d/%d"):format(math.random(0, 15) >> (32 - prefix) << (32 - prefix), prefix)
      end
      return list
    end
    for _ = 1, 2000 do
      local sets = {}
      for i = 1, 2 do
        sets[i] = { positive = math.random() < 0.6, inc = { {}, {} }, exc = { draw(2), {} },
          all = { math.random() < 0.1, false } }
        if sets[i].positive then
          sets[i].inc[1] = draw(3)
        end
      end
      local both = address_sets.both(sets[1], sets[2])
      local any = false
      for i = 0, 15 do
        local address = ("10.0.0.%d/32"):format(i)
        local expected = holds(sets[1], address) and holds(sets[2], address)
        any = any or expected
        assert.equal(expected, holds(both, address), address)
      end
      if any then
        assert.equal(1, address_sets.families(both) & 1)
      end
    end
  end)
end)

describe("sets of interfaces", function()
  local function set(negative, ...)
    return { negative = negative, ... }
  end

  local function words(found)
    return (found.negative and "not " or "") .. table.concat(found, ",")
      .. (found.but and #found.but > 0 and " but " .. table.concat(found.but, ",") or "")
  end

  it("have the narrower names in common", function()
    local both = interface_sets.both
    assert.equal("eth0", words(both(set(false, "eth+", "lan0"), set(false, "eth0", "wan0"))))
    assert.equal("eth1+", words(both(set(false, "eth+"), set(false, "eth1+"))))
    assert.equal("lan0", words(both(set(false, "eth0", "lan0"), set(true, "eth+"))))
    assert.equal("eth+ but eth0", words(both(set(true, "eth0", "lan0"), set(false, "eth+"))))
    assert.equal("not eth0,eth1", words(both(set(true, "eth0"), set(true, "eth1", "eth0"))))
    assert.equal("lan0", words(both(nil, set(false, "lan0"))))
    assert.is_true(interface_sets.is_empty(both(set(false, "eth0"), set(false, "eth1"))))
    assert.is_false(interface_sets.is_empty(set(true)))
    assert.is_false(interface_sets.is_empty(nil))
  end)

  it("keep what was taken off a wildcard", function()
    local first = interface_sets.both(set(false, "eth+"), set(true, "eth0"))
    assert.equal("eth+ but eth0,eth1", words(interface_sets.both(first, set(true, "eth1"))))
    assert.equal("eth1", words(interface_sets.both(first, set(false, "eth1"))))
  end)
end)
