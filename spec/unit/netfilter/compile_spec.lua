-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- One rule at a time through the compiler: what it takes and prints, against
-- what iptables-legacy-save prints after iptables-legacy-restore has read the
-- same text; and what it refuses.

local features = require "spec.support.features"
local netfilter = require "spec.support.netfilter"
local network = require "spec.support.network"
local tables = require "spec.support.tables"

local unchecked = it
local it = features.it(it, pending)

local families = { "ipv4", "ipv6" }

-- What is written, in filter INPUT where no table and chain are said, and what
-- is printed: one text, or a list where there are several entries. A case is
-- for both families unless it says only. CUSTOM and OTHER are user chains.
-- beyond: iptables 1.8.9 takes the whole word ("-ptcp") for the value there.
local accepted = {
  { "no words", "", "" },
  { "-j alone", "-j ACCEPT", "-j ACCEPT" },
  { "--jump", "--jump DROP", "-j DROP" },
  { "an abbreviated option", "-p tcp --dp 22 -j ACCEPT", "-p tcp -m tcp --dport 22 -j ACCEPT" },
  { "an abbreviated option of the base", "--prot udp --in-int lo -j ACCEPT", "-i lo -p udp -j ACCEPT" },
  { "--long=value", "-p tcp --dport=22 -j ACCEPT", "-p tcp -m tcp --dport 22 -j ACCEPT" },
  { "--source=value", "--source=10.0.0.1 -j ACCEPT", "-s 10.0.0.1/32 -j ACCEPT", only = "ipv4", beyond = true },
  { "-ptcp", "-ptcp -jACCEPT", "-p tcp -j ACCEPT", beyond = true },
  { "-ieth0", "-ieth0 -j ACCEPT", "-i eth0 -j ACCEPT", beyond = true },
  { "a protocol's match, loaded when an option wants it", "-p udp --sport 53 -j ACCEPT",
    "-p udp -m udp --sport 53 -j ACCEPT" },
  { "a protocol without an option of its match", "-p tcp -j ACCEPT", "-p tcp -j ACCEPT" },
  { "-m tcp without options", "-p tcp -m tcp -j ACCEPT", "-p tcp -m tcp -j ACCEPT" },
  { "a service's name", "-p tcp --dport ssh -j ACCEPT", "-p tcp -m tcp --dport 22 -j ACCEPT" },
  { "a port range", "-p tcp --dport 1000:2000 -j ACCEPT", "-p tcp -m tcp --dport 1000:2000 -j ACCEPT" },
  { "a number for a protocol", "-p 6 -j ACCEPT", "-p tcp -j ACCEPT" },
  { "a number for a protocol, then its option", "-p 6 --dport 22 -j ACCEPT", "-p tcp -m tcp --dport 22 -j ACCEPT" },
  { "a number without a name", "-p 253 -j ACCEPT", "-p 253 -j ACCEPT" },
  { "-p all", "-p all -j ACCEPT", "-j ACCEPT" },
  { "two comments", "-m comment --comment one -m comment --comment two -j ACCEPT",
    "-m comment --comment one -m comment --comment two -j ACCEPT" },
  { "a comment with quotes", [[-m comment --comment "a \"b\" c" -j ACCEPT]],
    [[-m comment --comment "a \"b\" c" -j ACCEPT]] },
  { "two limits", "-m limit --limit 1/sec -m limit --limit 9/min --limit-burst 7 -j ACCEPT",
    "-m limit --limit 1/sec -m limit --limit 9/min --limit-burst 7 -j ACCEPT" },
  { "a negated option", "-p tcp ! --dport 22 -j DROP", "-p tcp -m tcp ! --dport 22 -j DROP" },
  { "a negated protocol", "! -p tcp -j DROP", "! -p tcp -j DROP" },
  { "a negated interface", "! -i lo -j DROP", "! -i lo -j DROP" },
  { "a negated address", "! -s 10.0.0.0/8 -j DROP", "! -s 10.0.0.0/8 -j DROP", only = "ipv4" },
  { "-g", "-g CUSTOM", "-g CUSTOM" },
  { "-j to a chain", "-p tcp -j CUSTOM", "-p tcp -j CUSTOM" },
  { "RETURN in a chain", "-j RETURN", "-j RETURN", chain = "CUSTOM" },
  { "-f", "-f -j DROP", "-f -j DROP", only = "ipv4" },
  { "a negated -f", "! -f -j DROP", "! -f -j DROP", only = "ipv4" },
  { "-c", "-c 7 900 -j ACCEPT", "-j ACCEPT" },
  { "-m state", "-m state --state NEW,ESTABLISHED -j ACCEPT", "-m state --state NEW,ESTABLISHED -j ACCEPT" },
  { "a wildcard", "-i eth+ -j ACCEPT", "-i eth+ -j ACCEPT" },
  { "-i +", "-i + -j ACCEPT", "-j ACCEPT" },
  { "one address", "-s 192.0.2.1 -j ACCEPT", "-s 192.0.2.1/32 -j ACCEPT", only = "ipv4" },
  { "host bits", "-s 192.0.2.1/24 -j ACCEPT", "-s 192.0.2.0/24 -j ACCEPT", only = "ipv4" },
  { "a dotted mask", "-d 192.0.2.0/255.255.255.0 -j ACCEPT", "-d 192.0.2.0/24 -j ACCEPT", only = "ipv4" },
  { "any address", "-s 0.0.0.0/0 -j ACCEPT", "-j ACCEPT", only = "ipv4" },
  { "an IPv6 network", "-s 2001:DB8::1/64 -j ACCEPT", "-s 2001:db8::/64 -j ACCEPT", only = "ipv6" },
  { "lists of addresses", "-s 192.0.2.1,192.0.2.2 -d 198.51.100.1,198.51.100.2 -j ACCEPT", {
    "-s 192.0.2.1/32 -d 198.51.100.1/32 -j ACCEPT", "-s 192.0.2.1/32 -d 198.51.100.2/32 -j ACCEPT",
    "-s 192.0.2.2/32 -d 198.51.100.1/32 -j ACCEPT", "-s 192.0.2.2/32 -d 198.51.100.2/32 -j ACCEPT",
  }, only = "ipv4" },
  { "a list of IPv6 addresses", "-s 2001:db8::1,2001:db8::/64 -j ACCEPT",
    { "-s 2001:db8::1/128 -j ACCEPT", "-s 2001:db8::/64 -j ACCEPT" }, only = "ipv6" },
  { "the target before the conditions", "-j ACCEPT -p tcp --dport 22 -i lo",
    "-i lo -p tcp -m tcp --dport 22 -j ACCEPT" },
  { "a target's options", "-j LOG --log-prefix in: --log-level 4", '-j LOG --log-prefix "in:"' },
  { "an output interface", "-o lo -j ACCEPT", "-o lo -j ACCEPT", chain = "OUTPUT" },
}

-- What is written, and words that the refusal has to say.
-- beyond: iptables closes an open quote itself.
local refused = {
  { "a host's name", "-s example.com -j ACCEPT", { "example.com" } },
  { "a host's name for conntrack", "-m conntrack --ctorigsrc example.com -j ACCEPT", { "example.com" } },
  { "-i in OUTPUT", "-i lo -j ACCEPT", { "-i", "OUTPUT" }, chain = "OUTPUT" },
  { "-o in INPUT", "-o lo -j ACCEPT", { "-o", "INPUT" } },
  { "-o in PREROUTING", "-o lo -j ACCEPT", { "-o", "PREROUTING" }, table = "mangle", chain = "PREROUTING" },
  { "-i in POSTROUTING", "-i lo -j ACCEPT", { "-i", "POSTROUTING" }, table = "mangle", chain = "POSTROUTING" },
  { "DROP in nat", "-j DROP", { "nat", "DROP" }, table = "nat", chain = "PREROUTING" },
  { "an unknown option", "--nonsense 1 -j ACCEPT", { "--nonsense" } },
  { "an unknown short option", "-y -j ACCEPT", { "-y" } },
  { "an ambiguous option", "-m conntrack --ctorig 10.0.0.1 -j ACCEPT", { "ambiguous", "--ctorig" } },
  { "a missing value", "-p tcp --dport", { "--dport" } },
  { "a missing value of a short option", "-p", { "-p" } },
  { "a missing target", "-j", { "-j" } },
  { "an unknown match", "-m nonsense -j ACCEPT", { "nonsense" } },
  { "an unknown target", "-j NONSENSE", { "NONSENSE" } },
  { "-g to no chain", "-g NONSENSE", { "NONSENSE" } },
  { "an unknown protocol", "-p nonsense -j ACCEPT", { "nonsense" } },
  { "a port beyond the last", "-p tcp --dport 65536 -j ACCEPT", { "65536" } },
  { "an option without its match", "--dport 22 -j ACCEPT", { "--dport" } },
  { "an option before the protocol that has it", "--dport 22 -p tcp -j ACCEPT", { "--dport" } },
  { "a word that is no option", "nonsense -j ACCEPT", { "nonsense" } },
  { "two !", "! ! -p tcp -j ACCEPT", { "!" } },
  { "! at the end", "-j ACCEPT !", { "!" } },
  { "a negated list", "! -s 10.0.0.1,10.0.0.2 -j ACCEPT", { "!" }, only = "ipv4" },
  { "a mask that is too long", "-s 10.0.0.0/33 -j ACCEPT", { "10.0.0.0/33" }, only = "ipv4" },
  { "an address of the other family", "-s 10.0.0.1 -j ACCEPT", { "10.0.0.1" }, only = "ipv6" },
  { "-f in IPv6", "-f -j ACCEPT", { "-f" }, only = "ipv6" },
  { "a command", "-A INPUT -j ACCEPT", { "-A" } },
  { "an open quote", "-m comment --comment \"open -j ACCEPT", { "quot" }, beyond = true },
}

local function where(case)
  return case.table or "filter", case.chain or "INPUT"
end

local function request(family, case)
  local tbl, chain = where(case)
  return { family, tbl, chain, case[2], { "CUSTOM", "OTHER" } }
end

-- Calls visit(case, title) for those of a family.
local function each(list, family, visit)
  for _, case in ipairs(list) do
    if (not case.only or case.only == family) then
      visit(case, ("%s, %s"):format(family, case[1]))
    end
  end
end

for _, family in ipairs(families) do
  describe("the compiler takes: " .. family, function()
    local results = {}

    setup(function()
      local requests, cases = {}, {}
      each(accepted, family, function(case)
        requests[#requests + 1], cases[#cases + 1] = request(family, case), case
      end)
      for index, result in ipairs(netfilter.compile_all(requests)) do
        results[cases[index]] = result
      end
    end)

    each(accepted, family, function(case, title)
      unchecked(title, function()
        local wanted = type(case[3]) == "table" and case[3] or { case[3] }
        assert.is_nil(results[case].error)
        assert.same(wanted, results[case])
      end)
    end)

    -- All rules in one batch: iptables must print the same rules in the same order.
    it("what iptables-legacy takes, and prints it alike", function()
      local lab = network.host()
      local lines, wanted = { "*filter", ":CUSTOM - [0:0]", ":OTHER - [0:0]" }, {}
      each(accepted, family, function(case)
        if not case.beyond then
          local _, chain = where(case)
          lines[#lines + 1] = ("-A %s %s"):format(chain, case[2])
          wanted[chain] = wanted[chain] or {}
          table.move(results[case], 1, #results[case], #wanted[chain] + 1, wanted[chain])
        end
      end)
      lines[#lines + 1] = "COMMIT\n"
      tables.restore(lab.server, family, table.concat(lines, "\n"))
      local saved = tables.filter(lab.server, family)
      lab:close()
      for chain, texts in pairs(wanted) do
        local seen = {}
        for index, rule in ipairs(saved[chain]) do
          seen[index] = rule.text
        end
        assert.same(seen, texts)
      end
    end)
  end)

  describe("the compiler refuses: " .. family, function()
    local results = {}

    setup(function()
      local requests, cases = {}, {}
      each(refused, family, function(case)
        requests[#requests + 1], cases[#cases + 1] = request(family, case), case
      end)
      for index, result in ipairs(netfilter.compile_all(requests)) do
        results[cases[index]] = result
      end
    end)

    each(refused, family, function(case, title)
      unchecked(title, function()
        local result = results[case]
        assert.equal("invalid", result.code)
        for _, word in ipairs(case[3]) do
          assert.truthy(result.error:find(word, 1, true), result.error)
        end
      end)
    end)

    it("what iptables-legacy refuses as well", function()
      local lab = network.host()
      each(refused, family, function(case, title)
        local tbl, chain = where(case)
        local done = not case.beyond and tables.try_restore(lab.server, family,
          ("*%s\n:CUSTOM - [0:0]\n-A %s %s\nCOMMIT\n"):format(tbl, chain, case[2]))
        assert.is_true(case.beyond or done.code ~= 0, title)
      end)
      lab:close()
    end)
  end)
end

describe("the compiler's module", function()
  local function raises(call)
    return netfilter.must(([[
      local netfilter = require "moongate.netfilter"
      local ok, message = pcall(function() return %s end)
      io.write(ok and "it did not raise" or message)
    ]]):format(call))
  end

  for _, case in ipairs {
    { "an unknown family", 'netfilter.compile("ipv5", "filter", "INPUT", "")', "#1" },
    { "an unknown table", 'netfilter.compile("ipv4", "nonsense", "INPUT", "")', "#2" },
    { "no chain", 'netfilter.compile("ipv4", "filter", nil, "")', "#3" },
    { "no rule", 'netfilter.compile("ipv4", "filter", "INPUT")', "#4" },
    { "two lines", [[netfilter.compile("ipv4", "filter", "INPUT", "-p tcp\n-j DROP")]], "#4" },
    { "a list of chains that is none", 'netfilter.compile("ipv4", "filter", "INPUT", "", "CUSTOM")', "#5" },
    { "a chain that is no string", 'netfilter.compile("ipv4", "filter", "INPUT", "", { {} })', "#5" },
    { "a family of plugins", 'netfilter.extensions("ipv5")', "#1" },
  } do
    unchecked("raises on " .. case[1], function()
      assert.truthy(raises(case[2]):find("bad argument " .. case[3], 1, true))
    end)
  end
end)
