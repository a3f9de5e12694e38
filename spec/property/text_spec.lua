-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Properties of rules as text, over every extension that is installed:
--
--   print -> parse -> print is a fixed point;
--   what Moongate prints is what iptables-legacy-save prints of the same rule;
--   what iptables refuses in the words of a rule, Moongate refuses.
--
-- MOONGATE_SEED repeats a run; MOONGATE_ROUNDS makes it longer.

local features = require "spec.support.features"
local generator = require "spec.support.text_generator"
local judge = require "spec.support.judge"
local netfilter = require "spec.support.netfilter"
local network = require "spec.support.network"
local tables = require "spec.support.tables"

local kernel_it = features.it(it, pending)

local seed = tonumber(os.getenv("MOONGATE_SEED")) or os.time() % 1000000
local rounds = tonumber(os.getenv("MOONGATE_ROUNDS")) or 30

local function shown(request)
  return ("seed %d: %s -t %s -A %s %s"):format(seed, request[1], request[2], request[3], request[4])
end

-- What is asked of the generator, by family and table.
local function requests_of(family)
  return generator.new(seed * 2 + #family + family:byte(-1), family):rules(rounds * 10)
end

-- Those that the kernel can take; what needs more than a rule is left out.
local function by_table(requests, results)
  local parts, total = {}, 0
  for index, request in ipairs(requests) do
    if not request.needs then
      local part = parts[request[2]] or {}
      parts[request[2]] = part
      part[#part + 1] = { request = request, result = results[index] }
      total = total + 1
    end
  end
  return parts, total
end

describe("the text of random rules #property", function()
  local lab

  setup(function()
    print(("seed %d (MOONGATE_SEED=%d repeats it), %d rounds"):format(seed, seed, rounds))
  end)

  after_each(network.close_all)

  for _, family in ipairs(tables.families) do
    it("is a fixed point of print and parse, " .. family, function()
      local requests = requests_of(family)
      local again, original = {}, {}
      for index, result in ipairs(netfilter.compile_all(requests)) do
        if not result.error then
          local request = requests[index]
          assert.equal(1, #result, shown(request))
          again[#again + 1] = { request[1], request[2], request[3], result[1], request[5] }
          original[#original + 1] = request
        end
      end
      assert.truthy(#again > #requests * 0.9, ("only %d of %d rules were taken"):format(#again, #requests))
      for index, result in ipairs(netfilter.compile_all(again)) do
        assert.same({ again[index][4] }, result, shown(original[index]))
      end
    end)

    kernel_it("is what iptables-legacy-save prints, " .. family, function()
      lab = network.host()
      local requests = requests_of(family)
      local parts, total = by_table(requests, netfilter.compile_all(requests))
      local compared, refused = 0, {}
      for name, cases in pairs(parts) do
        judge.judge(lab.server, family, name, cases, 1, #cases)
        for _, case in ipairs(cases) do
          if case.saved then
            assert.same({ case.saved }, case.result, shown(case.request))
            compared = compared + 1
          elseif case.refused == judge.WORDS then
            assert.truthy(case.result.error, shown(case.request) .. "\niptables refuses it: " .. case.words)
          else
            refused[#refused + 1] = shown(case.request) .. ": " .. case.words
          end
        end
      end
      assert.truthy(compared > total * 0.9, ("only %d of %d rules were compared:\n%s"):format(
        compared, total, table.concat(refused)))
    end)
  end

  it("is the same for the same seed", function()
    assert.same(requests_of("ipv6"), requests_of("ipv6"))
  end)
end)
