-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Recognising helpers in rules, and writing a policy that a person would keep.

local columns = require "spec.support.columns"
local fake = require "spec.unit.language.fake_core"
local import = require "moongate.import"
local text = require "moongate.import_text"

-- As iptables-save prints a rule, as far as these specs need it.
local function print_rule(_, _, _, words)
  local out = {}
  for i, word in ipairs(words) do
    out[i] = word:find("[%s\"']") and '"' .. word .. '"' or word
  end
  return table.concat(out, " ")
end

-- Import rules: "CHAIN text" lines by family, and policies by chain.
local function policy(families, lines, more)
  local chains, index = {}, {}
  for family, list in pairs(lines) do
    for number, line in ipairs(list) do
      local table_name, chain, rule = line:match("^(%l+) (%S+) ?(.*)$")
      local key = family .. table_name .. chain
      if not index[key] then
        index[key] = { family = family, table = table_name, name = chain, rules = {} }
        chains[#chains + 1] = index[key]
      end
      table.insert(index[key].rules, { rule, "rules:" .. number })
    end
  end
  local input = { families = families, source = "rules", chains = chains, remarks = {}, print = print_rule }
  for key, value in pairs(more or {}) do
    input[key] = value
  end
  local kinds = {}
  for _, chain in ipairs(input.chains) do
    chain.rules = columns.new(chain.rules, fake.new().split, kinds)
  end
  return import.policy(input, fake.new())
end

-- The lines behind the head.
local function body(...)
  return (policy(...):gsub("^.-\n\n", ""):gsub('^.-only_family "%w+"\n\n', ""))
end

local new = "-m conntrack --ctstate NEW "

describe("an import", function()
  it("writes the helper of a service, with who may come", function()
    assert.equal('\nallow_inbound_ssh { from = { "10.0.0.0/8", "192.0.2.1" } }\n', "\n" .. body(1, { {
      "filter INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 22 " .. new .. "-m comment --comment SSH -j ACCEPT",
      "filter INPUT -s 192.0.2.1/32 -p tcp -m tcp --dport 22 " .. new .. "-m comment --comment SSH -j ACCEPT",
    } }))
  end)

  it("merges what both families say, and tells apart what one says", function()
    local shared = "filter INPUT -p tcp -m tcp --dport 443 " .. new .. "-m comment --comment HTTPS -j ACCEPT"
    local only = "filter INPUT -m length --length 5 -j DROP"
    assert.equal('allow_inbound_https()\nchain("filter", "INPUT"):append "-6 -m length --length 5 -j DROP"\n',
      body(3, { { shared }, { shared, only } }))
    assert.equal('chain("filter", "INPUT"):append "-4 -m length --length 5 -j DROP"\nallow_inbound_https()\n',
      body(3, { { only, shared }, { shared } }))
    assert.equal('chain("filter", "INPUT"):append "-m length --length 5 -j DROP"\n', body(3, { { only }, { only } }))
  end)

  it("says the family once, where the chain is of one", function()
    local written = body(3, { { "filter INPUT -j MINE", "filter MINE -m length --length 5 -j DROP" },
      { "filter OUTPUT -m length --length 5 -j DROP" } })
    for _, line in ipairs {
      'chain("filter", "MINE", { family = "ipv4" }):append "-m length --length 5 -j DROP"',
      'chain("filter", "OUTPUT"):append "-6 -m length --length 5 -j DROP"',
    } do
      assert.truthy(written:find(line .. "\n", 1, true), written)
    end
  end)

  -- Lua finds the line of each call slowly in a statement of thousands of lines.
  it("begins another statement behind fifty appends, but not between a remark and its rule", function()
    local lines, remarks = {}, {}
    for i = 1, 101 do
      lines[i] = ("filter GUARD -m length --length %d -j DROP"):format(i)
    end
    remarks[1] = { family = 1, table = "filter", chain = "GUARD", index = 50, text = " the fiftieth" }
    local starts, number, before = {}, 0, ""
    for line in body(1, { lines }, { remarks = remarks }):gmatch("[^\n]+") do
      number = number + (line:find(":append ", 1, true) and 1 or 0)
      if line:find("^chain") then
        starts[#starts + 1] = number
      elseif line:find("length 50 ", 1, true) then
        assert.equal("  -- the fiftieth", before)
      end
      before = line
    end
    assert.equal(101, number)
    assert.same({ 0, 50, 101 }, starts)
  end)

  it("takes a service of several ports whole, or names the port", function()
    local function dns(protocol)
      return ("filter OUTPUT -p %s -m %s --dport 53 %s-m comment --comment DNS -j ACCEPT"):format(protocol, protocol,
        new)
    end
    assert.equal("allow_outbound_dns()\n", body(1, { { dns "tcp", dns "udp" } }))
    assert.equal('allow_outbound { udp = "dns", comment = "DNS" }\nallow_outbound { tcp = "dns", comment = "DNS" }\n',
      body(1, { { dns "udp", dns "tcp" } }))
  end)

  it("says what a rule leaves out", function()
    assert.equal('allow_inbound_ssh { state = "any", comment = false }\n',
      body(1, { { "filter INPUT -p tcp -m tcp --dport 22 -j ACCEPT" } }))
    assert.equal('drop_inbound { tcp = 10001, source_ports = { "ssh", "8000-8010" } }\n', body(1, { {
      "filter INPUT -p tcp -m tcp --dport 10001 -m multiport --sports 22,8000:8010 -j DROP" } }))
    assert.equal('allow_forward { on = "lan0", out = except("wan0"), state = "any" }\n',
      body(1, { { "filter FORWARD -i lan0 ! -o wan0 -j ACCEPT" } }))
  end)

  it("writes primitives for what no helper makes, one below the other", function()
    assert.equal('chain("filter", "X")\n  :append "-m length --length 5 -j DROP"\n  :append {}\n\n'
      .. 'chain("filter", "EMPTY")\n', (body(1, { {}, }, { chains = {
        { family = 1, table = "filter", name = "X",
          rules = { { "-m length --length 5 -j DROP", "r:1" }, { "", "r:2" } } },
        { family = 1, table = "filter", name = "EMPTY", rules = {} },
      } })))
  end)

  it("knows default_deny, and chain policies where it is not", function()
    local function chains(forward)
      local out = {}
      for i, name in ipairs { "INPUT", "FORWARD", "OUTPUT" } do
        out[i] = { family = 1, table = "filter", name = name, rules = {}, policy = i == 2 and forward or "DROP" }
      end
      return { chains = out }
    end
    assert.equal("default_deny()\n", body(1, {}, chains("DROP")))
    assert.equal('chain("filter", "INPUT", { policy = "DROP" })\nchain("filter", "OUTPUT", { policy = "DROP" })\n',
      body(1, {}, chains("ACCEPT")))
  end)

  it("keeps remarks beside their rules, as comments whatever they say", function()
    local rules = { { "filter INPUT -p tcp -m tcp --dport 22 -j ACCEPT", "filter INPUT -m length --length 5 -j DROP" } }
    local function remark(index, words)
      return { family = 1, table = "filter", chain = "INPUT", index = index, text = words }
    end
    assert.equal('-- [[ the admin\nallow_inbound_ssh { state = "any", comment = false }\n'
      .. 'chain("filter", "INPUT")\n  -- short\n  :append "-m length --length 5 -j DROP"\n',
      body(1, rules, { remarks = { remark(1, "[[ the admin"), remark(2, " short") } }))
    assert.truthy(policy(1, rules, { remarks = { { family = 1, text = " of all" } } }):find("\n-- of all\n", 1, true))
  end)

  it("makes rules of one family only where one was imported", function()
    local written = policy(2, { nil, { "filter INPUT -p tcp -m tcp --dport 22 -j ACCEPT" } })
    assert.truthy(written:find('\nonly_family "ipv6"\n', 1, true), written)
    local core = fake.run(written)
    assert.equal(2, core.only_families)
  end)

  it("uses primitives alone if that is asked for", function()
    assert.equal('chain("filter", "INPUT"):append "-p tcp -m tcp --dport 22 -j ACCEPT"\n',
      body(1, { { "filter INPUT -p tcp -m tcp --dport 22 -j ACCEPT" } }, { plain = true }))
  end)

  it("names the rule that the language cannot say", function()
    local ok, message = pcall(policy, 1, { { "filter INPUT -t nat -j DROP" } }, { careful = true })
    assert.falsy(ok)
    assert.equal("rules:1: the policy language cannot say this rule: -t nat -j DROP", message)
  end)

  it("says so where there is nothing", function()
    assert.equal('-- There are no rules.\nchain("filter", "INPUT", { policy = "ACCEPT" })\n', body(3, {}))
  end)
end)

describe("a value in a policy", function()
  it("is quoted so that it is read back", function()
    for _, value in ipairs { "plain", 'say "hi"', "back\\slash", 'a]] "b"', '"]=]"', "tab\there", '"]', '\\]=' } do
      assert.equal(value, load("return " .. text.quoted(value))(), value)
    end
  end)

  it("is broken over lines where it is long", function()
    local values = {}
    for i = 1, 40 do
      values[i] = ("10.0.%d.0/24"):format(i)
    end
    local source = text.call("allow_inbound", { { "tcp", "22" }, { "from", text.list(values) } })
    for line in source:gmatch("[^\n]+") do
      assert.truthy(#line <= 100, line)
    end
    assert.same(values, load("local allow_inbound = ... return " .. source, "=x", "t")(function(o) return o.from end))
  end)
end)

describe("only_family", function()
  it("takes one family", function()
    assert.equal(1, fake.run('only_family "ipv4"').only_families)
    assert.equal(2, fake.run('only_family { family = "ipv6" }').only_families)
    assert.truthy(fake.failure('only_family "both"'):find('takes "ipv4" or "ipv6"', 1, true))
    assert.truthy(fake.failure("only_family()"):find('takes "ipv4" or "ipv6"', 1, true))
    assert.truthy(fake.failure('only_family "ip4"'):find("policy.lua:1: only_family", 1, true))
  end)
end)
