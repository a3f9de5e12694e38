-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Rules as a policy, and the policy against those rules, which are live: there
-- is nothing to do.

local dumps = require "spec.support.dumps"
local features = require "spec.support.features"
local generator = require "spec.support.generator"
local judge = require "spec.support.judge"
local layouts = require "spec.support.layouts"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"
local text_generator = require "spec.support.text_generator"

local it = features.it(it, pending)

local seed = tonumber(os.getenv("MOONGATE_SEED")) or os.time() % 1000000
local rounds = tonumber(os.getenv("MOONGATE_ROUNDS")) or 30

local flags = { ipv4 = "-4", ipv6 = "-6" }

describe("an import #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  local function file(name, text)
    return run.write_file(lab.dir .. "/" .. name, text)
  end

  local function import(...)
    local result = program:run("import", ...)
    assert.equal(0, result.code, result.err)
    return result.out, result.err
  end

  -- Planned where its rules are live, the policy has nothing to do.
  local function assert_nothing_to_do(policy, what, ...)
    local result = program:run("plan", program:policy(policy), "--detailed-exitcode", "--force", ...)
    assert.equal(0, result.code, ("%s\n%s\n%s%s"):format(what or "", policy, result.out, result.err))
  end

  -- Load dumps, import them from the files and from the kernel, and plan both.
  local function assert_round_trip(texts, what)
    local files = {}
    for _, family in ipairs(tables.families) do
      if texts[family] then
        tables.restore(lab.server, family, texts[family])
        files[#files + 1] = file("rules." .. family, texts[family])
      end
    end
    local policy = import(table.unpack(files))
    assert_nothing_to_do(policy, what)
    assert_nothing_to_do(import("--live"), what)
    return policy
  end

  local function assert_has(policy, ...)
    for _, part in ipairs { ... } do
      assert.truthy(policy:find(part, 1, true), part .. "\nis not in\n" .. policy)
    end
  end

  for name, texts in pairs(dumps) do
    it("changes nothing: " .. name, function()
      assert_round_trip(texts, name)
    end)
  end

  it("knows helpers in what somebody wrote by hand", function()
    local policy = assert_round_trip(dumps.by_hand)
    assert_has(policy, "default_deny()\nallow_loopback()\n",
      'allow_inbound_ssh { from = { "10.137.0.0/24", "192.0.2.9", "2001:db8:137::/48" } }',
      "-- the office, and the home of the admin\nallow_inbound_ssh",
      "\nallow_inbound_https()\n", [=[allow_inbound { udp = 9999, from = "0.0.0.0/0", comment = [[say "hi"]] }]=],
      'append "! -s 10.0.0.0/8 -p tcp -m tcp --dport 25 -j DROP"', 'allow_outbound { state = "any" }')
    assert.falsy(policy:find("only_family", 1, true))
  end)

  it("writes a long list as rules, which the language would make a set of", function()
    for _, case in ipairs { { 100, "drop_inbound { from = {\n" }, { 101, 'from = addresses { as = "rules",\n' } } do
      local texts = {}
      for family, form in pairs { ipv4 = "10.0.%d.0/24", ipv6 = "2001:db8:%x::/48" } do
        local lines = {}
        for i = 1, case[1] do
          lines[i] = ("-A INPUT -s %s -j DROP\n"):format(form:format(2 * i))
        end
        texts[family] = "*filter\n" .. table.concat(lines) .. "COMMIT\n"
      end
      local policy = assert_round_trip(texts)
      assert_has(policy, case[2], '"10.0.200.0/24",', '"2001:db8:2::/48",')
      assert.equal(1, select(2, policy:gsub("drop_inbound", "")))
    end
  end)

  it("says so where only one family was imported, and leaves the other alone", function()
    local policy = assert_round_trip(dumps.old_enterprise)
    assert_has(policy, '\nonly_family "ipv4"\n', "Only the IPv4 rules")
    local result = program:run("export", "-6", program:policy(policy))
    assert.equal(0, result.code, result.err)
    assert.falsy(result.out:find("\n-A", 1, true), result.out)
  end)

  it("is for one family where the other one says nothing, live or in its file", function()
    local empty = "*filter\n:INPUT ACCEPT [1:2]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
    local rules = "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
      .. "-A INPUT -m ttl --ttl-lt 3 -j DROP\nCOMMIT\n"
    tables.restore(lab.server, "ipv4", rules)
    local function assert_is_for_ipv4(policy)
      assert_has(policy, '-- IPv6 has no rules: without the next line, those below are for both families.\n'
        .. 'only_family "ipv4"\n', 'allow_inbound { on = "lo", state = "any" }',
        'allow_inbound_ssh { state = "any", comment = false }')
      assert.falsy(policy:find("-4 ", 1, true) or policy:find("0.0.0.0", 1, true), policy)
      assert_nothing_to_do(policy)
    end
    assert_is_for_ipv4(import("--live"))
    tables.restore(lab.server, "ipv6", empty)
    assert_is_for_ipv4(import("--live"))
    assert_is_for_ipv4(import(file("4", rules), file("6", "# Generated by ip6tables-save v1.8.9\n" .. empty)))
    for _, text in ipairs { ":MINE - [0:0]\n", ":FORWARD DROP [0:0]\n", "-A OUTPUT -j ACCEPT\n" } do
      tables.restore(lab.server, "ipv6", "*filter\n" .. text .. "COMMIT\n")
      local policy = import("--live")
      assert.falsy(policy:find("only_family", 1, true), policy)
      assert_nothing_to_do(policy)
    end
    -- What was left out may have been rules.
    local policy = import("--lenient", file("4", rules), file("6", "# Generated by ip6tables-save v1.8.9\n*filter\n"
      .. "-A INPUT -m nonsense -j ACCEPT\nCOMMIT\n"))
    assert.falsy(policy:find("only_family", 1, true), policy)
  end)

  it("is for one family where the other one holds what others own alone", function()
    layouts.load(lab.server, "docker-28")
    tables.edit(lab.server, "ipv4", "-A INPUT -p tcp --dport 22 -j ACCEPT")
    local policy = import("--live")
    assert_has(policy, 'keep "docker"', 'only_family "ipv4"', 'allow_inbound_ssh { state = "any", comment = false }')
    assert_nothing_to_do(policy)
  end)

  it("knows address translation", function()
    local policy = assert_round_trip { ipv4 = "*nat\n-A POSTROUTING -s 10.0.0.0/24 -o wan0 -j MASQUERADE\n"
      .. "-A POSTROUTING -s 10.0.1.9 -o wan0 -j SNAT --to-source 192.0.2.7\n"
      .. "-A POSTROUTING -o wan0 -p udp -m udp --dport 500 -j MASQUERADE --random\nCOMMIT\n"
      .. "*mangle\n-A FORWARD -o wan0 -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu\nCOMMIT\n" }
    assert_has(policy, '\nmasquerade { from = "10.0.0.0/24", out = "wan0" }\n', "random",
      '\nsnat { from = "10.0.1.9", out = "wan0", to_source = "192.0.2.7" }\n', '\nclamp_mss { out = "wan0" }\n')
  end)

  it("changes nothing: random tables", function()
    print(("seed %d (MOONGATE_SEED=%d repeats it), %d rounds"):format(seed, seed, rounds))
    for round = 1, rounds // 3 do
      local texts = {}
      for index, family in ipairs(tables.families) do
        local random = generator.new(seed * 1000 + 2 * round + index, family, features.takes)
        texts[family] = generator.restore_text(random:table(false))
      end
      assert_round_trip(texts, ("seed %d, round %d"):format(seed, round))
    end
  end)

  it("changes nothing: random tables of one family", function()
    for round = 1, rounds // 6 do
      for index, family in ipairs(tables.families) do
        local random = generator.new(seed * 1000 + 500 + 2 * round + index, family, features.takes)
        local text = generator.restore_text(random:table(false))
        tables.restore(lab.server, family, text)
        assert_nothing_to_do(import(flags[family], file("rules", text)), "seed " .. seed, flags[family])
      end
    end
  end)

  for _, name in ipairs { "remote_server", "gateway", "web_server" } do
    it("finds the helpers again of hosts/" .. name, function()
      local source = "policies/hosts/" .. name .. ".lua"
      local files = {}
      for _, family in ipairs(tables.families) do
        files[#files + 1] = file(family, program:must("export", flags[family], source).out)
      end
      program:apply(source, "--force")
      local policy = import(table.unpack(files))
      assert_nothing_to_do(policy)
      assert.equal(policy:gsub("^[^\n]*\n", ""), (import("--live"):gsub("^[^\n]*\n", "")))
      assert_has(policy, "default_deny()\n", "allow_established()\n", "allow_loopback()\n", "drop_bad_tcp_flags()\n",
        "drop_invalid()\n", "allow_icmp()\n", "allow_outbound_dns()\n", "allow_inbound_ssh { from = ")
    end)
  end

  it("finds more of the gateway's helpers, and those of a role that logs and rejects", function()
    local function again(policy)
      local files = {}
      for _, family in ipairs(tables.families) do
        files[#files + 1] = file(family, program:must("export", flags[family], policy).out)
      end
      return import(table.unpack(files))
    end
    assert_has(again("policies/hosts/gateway.lua"),
      '\ndrop_spoofed { on = "wan0" }\n', '\ndrop_spoofed { on = "lan0", ',
      '\nmasquerade { from = "10.137.0.0/24", out = "wan0" }\n', "\nclamp_mss()\n")
    assert_has(again(program:policy('use("roles.base", { log = true, reject = true, ping_from = "10.0.0.0/8" })\n')),
      "\nlog_denied()\n", "\nreject_denied()\n", '\nallow_icmp { from = "10.0.0.0/8" }\n')
  end)

  -- Every form of every extension that this kernel takes, as iptables-legacy-save
  -- prints it: what the import writes of them is compared by the import itself.
  for _, family in ipairs(tables.families) do
    it("takes every extension, " .. family, function()
      local parts, lines, count = {}, {}, 0
      for _, request in ipairs(text_generator.new(seed, family):rules(0)) do
        if not request.needs then
          parts[request[2]] = parts[request[2]] or {}
          table.insert(parts[request[2]], { request = request })
        end
      end
      for name, cases in pairs(parts) do
        judge.judge(lab.server, family, name, cases, 1, #cases)
        lines[#lines + 1] = ("*%s\n:USER - [0:0]"):format(name)
        for _, case in ipairs(cases) do
          if case.saved then
            lines[#lines + 1] = ("-A %s %s"):format(case.request[3], case.saved)
            count = count + 1
          end
        end
        lines[#lines + 1] = "COMMIT"
      end
      assert.truthy(count > 150, count)
      local policy = import("-q", flags[family], file("rules", table.concat(lines, "\n") .. "\n"))
      assert_has(policy, "-m hashlimit", "-j CONNMARK")
    end)
  end

  it("takes what other programs print: iptables -S, CRLF, counters, -t, tables in any order", function()
    local text = table.concat({
      "-P INPUT DROP", "-P FORWARD ACCEPT", "-P OUTPUT ACCEPT", "-N GUARD",
      "-A INPUT -p tcp -m tcp --dport 22 -c 10 840 -m conntrack --ctstate NEW -m comment --comment SSH -j ACCEPT",
      "-t nat -A POSTROUTING -o eth0 -j MASQUERADE", "-A GUARD -m comment --comment \"-c 1 2\" -j RETURN",
      "-A INPUT -j GUARD", "*raw", ":PREROUTING ACCEPT [0:0]", "[7:700] -A PREROUTING -p udp -j CT --notrack", "COMMIT",
    }, "\r\n")
    local policy = import(file("rules", text))
    assert_has(policy, "allow_inbound_ssh()\n", [[append [[-m comment --comment "-c 1 2" -j RETURN]].."]]",
      'masquerade { out = "eth0" }', "--notrack", 'chain("filter", "INPUT", { policy = "DROP" })')
    tables.restore(lab.server, "ipv4", "*raw\n-A PREROUTING -p udp -j CT --notrack\nCOMMIT\n*nat\n"
      .. "-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n*filter\n:INPUT DROP\n:GUARD -\n"
      .. "-A INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -m comment --comment SSH -j ACCEPT\n"
      .. "-A INPUT -j GUARD\n-A GUARD -m comment --comment \"-c 1 2\" -j RETURN\nCOMMIT\n")
    assert_nothing_to_do(policy)
  end)

  it("reads standard input, and finds out the family", function()
    local result = lab.server:run(program:words("import", "-"), program:options {})
    assert.equal(0, result.code, result.err)
    assert_has(result.out, "There are no rules", 'policy = "ACCEPT"')
    local text = dumps.by_hand.ipv6
    result = run.run(program:words("import"), { input = text })
    assert.equal(0, result.code, result.err)
    assert_has(result.out, 'only_family "ipv6"', 'from = "2001:db8:137::/48"', "from standard input")
  end)

  it("finds out the family by the name of a file, and by the other file, where its rules do not tell", function()
    local four, six = "*filter\n-A INPUT -p tcp --dport 80 -j ACCEPT\nCOMMIT\n",
      "*filter\n-A INPUT -p tcp --dport 443 -j ACCEPT\nCOMMIT\n"
    assert_has(import(file("ip6tables", six)), 'only_family "ipv6"')
    assert_has(import(file("rules.v6", six)), 'only_family "ipv6"')
    assert_has(import(file("rules", six)), 'only_family "ipv4"')
    tables.restore(lab.server, "ipv4", four)
    tables.restore(lab.server, "ipv6", six)
    assert_nothing_to_do(import(file("one", four), file("two", six)))
    assert_nothing_to_do(import(file("rules.v6", six), file("two", four)))
    assert_nothing_to_do(import(file("two", "# Generated by ip6tables-save v1.4.7\n" .. six), file("one", four)))
    local both = program:run("import", file("rules.v6", four), file("ip6tables", six))
    assert.equal(1, both.code)
    assert.truthy(both.err:find("one file of each family", 1, true), both.err)
  end)

  it("imports what is not there as a policy that changes nothing", function()
    local before = tables.both(lab.server)
    assert_nothing_to_do(import("--live"))
    assert.equal(before, tables.both(lab.server))
  end)

  describe("of lines that make no sense", function()
    local text = table.concat({ "*filter", ":INPUT DROP [0:0]", "-A INPUT -p tcp --dprot 22 -j ACCEPT",
      "-A INPUT -j NOWHERE", "-A MISSING -j ACCEPT", "what is this", ":X DROP", '-A INPUT -m comment --comment "open',
      "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT", "COMMIT", "" }, "\n")

    it("names each with its number, and writes nothing", function()
      local result = program:run("import", file("rules.v4", text))
      assert.equal(1, result.code)
      assert.equal("", result.out)
      for line = 3, 8 do
        assert.truthy(result.err:find(("rules.v4:%d: "):format(line), 1, true), line .. result.err)
      end
      assert.truthy(result.err:find("dprot", 1, true), result.err)
      assert.truthy(result.err:find("nothing was written", 1, true), result.err)
      assert.truthy(result.err:find("--lenient", 1, true), result.err)
    end)

    it("names a chain that cannot be with its number, too", function()
      local names = { ("y"):rep(29), "a\1b", "!x", "LOG", "ACCEPT" }
      local wrong = "*filter\n:GOOD - [0:0]\n:" .. table.concat(names, " - [0:0]\n:") .. " - [0:0]\n"
        .. "-A INPUT -j GOOD\n-A !x -j DROP\nCOMMIT\n"
      local result = program:run("import", file("rules.v4", wrong))
      assert.equal(1, result.code)
      for line = 3, 7 do
        assert.truthy(result.err:find(("rules.v4:%d: "):format(line), 1, true), line .. result.err)
      end
      local policy = import("--lenient", file("rules.v4", wrong))
      assert_has(policy, '  :append "-j GOOD"', "rules.v4:9: its chain is declared nowhere")
      assert.equal(0, program:run("check", program:policy(policy)).code)
    end)

    it("makes marked comments of them on request", function()
      local policy, warnings = import("--lenient", file("rules.v4", text))
      assert_has(policy, "-- NOT IMPORTED (", "rules.v4:3: ",
        "): -A INPUT -p tcp --dprot 22 -j ACCEPT\n", "what is this",
        "-- Planned where the other lines are live, it has nothing to do.",
        'allow_inbound_http { state = "any", comment = false }')
      assert.truthy(warnings:find("rules.v4:4: warning: not imported", 1, true), warnings)
      assert.equal(0, program:run("plan", "--force", program:policy(policy)).code)
    end)
  end)

  it("takes no dump that was cut off for a whole one", function()
    local whole = "# Generated by iptables-save v1.8.9\n*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n"
      .. "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp --dport 8080 -j ACCEPT\n"
    for _, text in ipairs { whole, whole:gsub("80 .*", ""), (whole:gsub(":INPUT.*", "")) } do
      local result = program:run("import", file("rules.v4", text))
      assert.equal(1, result.code)
      assert.equal("", result.out)
      assert.truthy(result.err:find("table filter, begun at line 5, is not ended by COMMIT", 1, true), result.err)
    end
    local mixed = program:run("import", file("rules.v4", whole .. "*raw\nCOMMIT\n"))
    assert.equal(1, mixed.code)
    assert.truthy(mixed.err:find("rules.v4:8: table filter, begun at line 5", 1, true), mixed.err)
    assert_has(import("--lenient", file("rules.v4", whole)), "is not ended by COMMIT", "allow_inbound")
  end)

  -- The match "rateest" prints what it would not take.
  it("keeps the words of a rule that iptables would print in wrong ones", function()
    local rule = "-m rateest --rateest1 spec --rateest-bps1 5 --rateest-gt --rateest2 spec2 --rateest-pps2 5"
    local policy = import(file("rules.v4", ("*filter\n-A INPUT %s\nCOMMIT\n"):format(rule)))
    assert_has(policy, rule)
    assert.equal(0, program:run("check", program:policy(policy)).code)
  end)

  it("refuses what it cannot be meant to read", function()
    local rules = file("rules", dumps.by_hand.ipv4)
    for _, case in ipairs {
      { 64, "either files or --live", "--live", rules },
      { 64, "two files are one of each family", "-4", rules, rules },
      { 64, "which family", "-4", "-6", rules },
      { 64, "unexpected argument", rules, rules, rules },
      { 1, "one file of each family", rules, rules },
      { 1, "cannot read", lab.dir .. "/missing" },
      { 1, "cannot read", lab.dir },
      { 1, "rules:8: ", "-6", rules },
    } do
      local result = program:run("import", table.unpack(case, 3))
      assert.equal(case[1], result.code, result.err)
      assert.equal("", result.out)
      assert.truthy(result.err:find(case[2], 1, true), case[2] .. " is not in " .. result.err)
    end
  end)
end)
