-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What is live as text, and a policy's text with counters: beside what
-- iptables-legacy-save prints, and back through both restores.

local features = require "spec.support.features"
local generator = require "spec.support.generator"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)
local it_with_nft = features.it(it, pending, "nft")

local seed = tonumber(os.getenv("MOONGATE_SEED")) or os.time() % 1000000

local flags = { ipv4 = "-4", ipv6 = "-6" }
local restores = { ipv4 = "iptables-%s-restore", ipv6 = "ip6tables-%s-restore" }
local saves = { ipv4 = "iptables-%s-save", ipv6 = "ip6tables-%s-save" }

local counted = [[
*nat
:PREROUTING ACCEPT [1:60]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [2:120]
:POSTROUTING ACCEPT [3:180]
[4:240] -A POSTROUTING -o wan0 -j MASQUERADE
COMMIT
*filter
:INPUT DROP [18446744073709551615:18446744073709551614]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [7:700]
:GUARD - [0:0]
[10:1000] -A INPUT -p tcp -m tcp --dport 22 -m comment --comment "say \"hi\" [1:2]" -j ACCEPT
[0:0] -A INPUT -j GUARD
[5:5] -A GUARD
[4294967296:8589934592] -A GUARD -m limit --limit 5/min -j LOG --log-prefix "x: "
COMMIT
]]

-- Tables by name, each as its lines.
local function by_table(text)
  local out = {}
  for name, lines in text:gmatch("%*(%S+)\n(.-COMMIT\n)") do
    out[name] = lines
  end
  return out
end

describe("an export #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  local function saved(namespace, family, kind, ...)
    return namespace:must({ saves[family]:format(kind or "legacy"), ... },
      { env = { XTABLES_LOCKFILE = lab.dir .. "/xtables.lock" } })
  end

  local function export(...)
    local result = program:run("export", ...)
    assert.equal(0, result.code, result.err)
    return result.out
  end

  -- What a fresh namespace has after a restore -c.
  local function loaded(family, kind, text)
    local other = network.host()
    local done = other.server:run({ restores[family]:format(kind), "-c" },
      { input = text, env = { XTABLES_LOCKFILE = other.dir .. "/xtables.lock" } })
    assert.equal(0, done.code, done.err .. text)
    local now = saved(other.server, family, kind, "-c")
    other:close()
    return now
  end

  -- ip6tables-nft-restore 1.8.9 takes no counters of rules, of iptables-save's own text neither.
  local function as_nft_takes_it(chain, family)
    local out = {}
    for key, value in pairs(chain) do
      out[key] = family == "ipv6" and type(key) == "number" and { text = value.text, packets = 0, bytes = 0 } or value
    end
    return out
  end

  describe("of what is live", function()
    local function assert_as_saved(family)
      for _, counters in ipairs { {}, { "-c" } } do
        local text = export("--live", flags[family], table.unpack(counters))
        assert.same(by_table(saved(lab.server, family, "legacy", table.unpack(counters))), by_table(text))
        assert.truthy(text:find("^# IPv%d rules of [^\n]+ as they are live, printed by Moongate [%d.]+\n%*"), text)
      end
    end

    for _, family in ipairs(tables.families) do
      it("is what iptables-save prints, and is loaded again, " .. family, function()
        tables.restore(lab.server, family, counted, "-c")
        assert_as_saved(family)
        local text = export("--live", flags[family], "--counters")
        assert.same(by_table(saved(lab.server, family, "legacy", "-c")), by_table(loaded(family, "legacy", text)))
      end)

      it_with_nft("is loaded by the nft restore, " .. family, function()
        tables.restore(lab.server, family, counted, "-c")
        local live = tables.parse(saved(lab.server, family, "legacy", "-c"))
        local there = tables.parse(loaded(family, "nft", export("--live", "-c", flags[family])))
        for _, name in ipairs { "filter", "nat" } do
          for chain, rules in pairs(live[name]) do
            local wanted = as_nft_takes_it(rules, family)
            assert.equal(#rules, #there[name][chain])
            for i, rule in ipairs(wanted) do
              assert.same(rule, there[name][chain][i])
            end
          end
        end
      end)

      it("is what iptables-save prints: random tables, " .. family, function()
        print(("seed %d (MOONGATE_SEED=%d repeats it)"):format(seed, seed))
        for round = 1, 6 do
          local random = generator.new(seed * 1000 + round, family, features.takes)
          tables.restore(lab.server, family, generator.restore_text(random:table(false)))
          assert_as_saved(family)
        end
      end)
    end

    it("has counters as traffic makes them", function()
      tables.restore(lab.server, "ipv4", "*filter\n-A OUTPUT -o lo -p icmp -j ACCEPT\nCOMMIT\n")
      lab.server:must { "ping", "-c", "3", "-i", "0.01", "127.0.0.1" }
      assert.truthy(export("--live", "-4", "-c"):find("\n[6:504] -A OUTPUT -o lo -p icmp -j ACCEPT\n", 1, true))
    end)

    it("is of one table, which is not created for that", function()
      tables.restore(lab.server, "ipv4", counted, "-c")
      local text = export("--live", "-4", "nat")
      assert.same({ nat = by_table(saved(lab.server, "ipv4", "legacy", "-t", "nat")).nat }, by_table(text))
      local before = tables.names(lab.server, "ipv4")
      text = export("--live", "-4", "mangle")
      assert.equal(before, tables.names(lab.server, "ipv4"))
      -- iptables-save creates it
      assert.same(by_table(saved(lab.server, "ipv4", "legacy", "-t", "mangle")), by_table(text))
    end)

    it("is nothing where nothing is, and touches nothing", function()
      local text = export("--live", "-4")
      assert.truthy(text:find("^#[^\n]*\n$"), text)
      assert.equal("", tables.names(lab.server, "ipv4"))
      assert.equal("", loaded("ipv4", "legacy", text))
    end)

    it("is imported again as what is live", function()
      tables.restore(lab.server, "ipv4", counted)
      local file = run.write_file(lab.dir .. "/live.v4", export("--live", "-4", "-c"))
      local policy = program:must("import", file).out
      assert.equal(policy:gsub("^[^\n]*\n", ""), (program:must("import", "--live", "-4").out:gsub("^[^\n]*\n", "")))
    end)

    it("fails where a rule cannot be written down", function()
      tables.restore(lab.server, "ipv4", counted)
      local result = program:run_with({ env = { XTABLES_LIBDIR = lab.dir } }, "export", "--live", "-4")
      assert.equal(7, result.code, result.err)
      assert.equal("", result.out)
      assert.truthy(result.err:find("table nat, chain POSTROUTING, rule 1: an extension", 1, true), result.err)
    end)
  end)

  describe("of a policy with counters", function()
    local first = 'default_deny()\nallow_loopback()\nallow_inbound_ssh()\nallow_inbound { tcp = 80 }\n'

    -- Make every live rule count something of its own.
    local function count_on(family)
      local text, number = tables.save_counted(lab.server, family), 0
      text = text:gsub("\n%[%d+:%d+%]", function()
        number = number + 1
        return ("\n[%d:%d]"):format(number, number * 100)
      end):gsub("\n(:%S+ %u+) %[0:0%]", "\n%1 [9:900]")
      tables.restore(lab.server, family, text, "-c")
    end

    for _, family in ipairs(tables.families) do
      it("has those of what is live, and 0 for the rest, " .. family, function()
        program:apply(program:policy(first), "--force")
        count_on(family)
        local live = by_table(tables.save_counted(lab.server, family)).filter
        local path = program:policy(first, "same.lua")
        local text = export("-c", flags[family], path):gsub("#[^\n]*\n", "")
        assert.equal(live, by_table(text).filter)
        assert.equal(live, by_table(loaded(family, "legacy", text)).filter)
        -- one rule is new, another has moved, and the others stay
        path = program:policy('default_deny()\nallow_inbound { tcp = 80 }\nallow_inbound { udp = 53 }\n'
          .. "allow_loopback()\nallow_inbound_ssh()\n", "other.lua")
        text = export("--counters", flags[family], path)
        local old, new = tables.parse(tables.save_counted(lab.server, family)).filter, tables.parse(text).filter
        assert.equal(#old.INPUT + 1, #new.INPUT)
        for _, rule in ipairs(new.INPUT) do
          local there = tables.find(old.INPUT, rule.text)
          if rule.text:find("--dport 53", 1, true) then
            assert.same({ 0, 0 }, { rule.packets, rule.bytes })
          else
            assert.same({ there.packets, there.bytes }, { rule.packets, rule.bytes })
          end
        end
        assert.same({ 9, 900 }, { new.INPUT.packets, new.INPUT.bytes })
        assert.equal(text:gsub("\n%[%d+:%d+%] ", "\n"):gsub(" %[%d+:%d+%]\n", " [0:0]\n"),
          (export(flags[family], path)))
      end)

      it_with_nft("is loaded by the nft restore with them, " .. family, function()
        program:apply(program:policy(first), "--force")
        count_on(family)
        local text = export("-c", flags[family], program:policy(first))
        local live, there = tables.parse(tables.save_counted(lab.server, family)).filter,
          tables.parse(loaded(family, "nft", text)).filter
        for _, chain in ipairs { "INPUT", "OUTPUT", "FORWARD" } do
          assert.same(as_nft_takes_it(live[chain], family), there[chain])
        end
      end)
    end

    it("has 0 everywhere where nothing is live, and makes nothing live", function()
      local path = program:policy(first)
      local text = export("-c", "-4", path)
      assert.equal(text:gsub("\n%[0:0%] ", "\n"), (export("-4", path)))
      assert.equal("", tables.names(lab.server, "ipv4"))
    end)

    it("counts nothing for a plain user", function()
      local result = program:run_with({ nobody = true }, "export", "-c", "-4", program:policy(first))
      assert.equal(7, result.code, result.err)
      assert.equal("", result.out)
    end)
  end)

  it("refuses what makes no sense together", function()
    local facts = run.write_file(lab.dir .. "/facts.json", "{}")
    local path = program:policy("default_deny()\n")
    for _, case in ipairs {
      { 64, "--facts is about another host, and --live", "--live", "-4", "--facts", facts },
      { 64, "--facts is about another host, and --counters", "-c", "-4", "--facts", facts, path },
      { 64, "which family", "--live" },
      { 64, "unexpected argument", "--live", "-4", "filter", "INPUT" },
      { 1, "there is no table `fliter': did you mean `filter'", "--live", "-4", "fliter" },
      { 1, "there is no table `INPUT', but a chain", "--live", "-4", "INPUT" },
    } do
      local result = program:run("export", table.unpack(case, 3))
      assert.equal(case[1], result.code, result.err)
      assert.equal("", result.out)
      assert.truthy(result.err:find(case[2], 1, true), case[2] .. " is not in " .. result.err)
    end
  end)
end)
