-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The rule compiler reads options exactly as iptables does, and refuses in the
-- words of iptables and its plugins. Each case is also given to
-- iptables-legacy-restore where this kernel can be asked.

local features = require "spec.support.features"
local netfilter = require "spec.support.netfilter"
local network = require "spec.support.network"
local tables = require "spec.support.tables"

local kernel_it = features.it(it, pending)

local chains = { "USER", "tcpish" }

-- What iptables takes, too: { rule, text, ... }. A place is "family table chain".
local taken = {
  ["ipv4 filter INPUT"] = {
    { "", "" },
    -- names of options
    { "-p tcp --destination-port 22 -j ACCEPT", "-p tcp -m tcp --dport 22 -j ACCEPT" },
    { "-p tcp --destination-p 22", "-p tcp -m tcp --dport 22" },
    { "-p tcp --dp 22 --ju ACCEPT", "-p tcp -m tcp --dport 22 -j ACCEPT" },
    { "--proto tcp --dport=22 --jump ACCEPT", "-p tcp -m tcp --dport 22 -j ACCEPT" },
    { "--in-i lo --so 10.0.0.1 --dst 10.0.0.2", "-s 10.0.0.1/32 -d 10.0.0.2/32 -i lo" },
    { "-m limit --limit=3/s --limit-b 4", "-m limit --limit 3/sec --limit-burst 4" },
    { "--mat limit", "-m limit --limit 3/hour" },
    { "-m comment --comment -j -j ACCEPT", "-m comment --comment -j -j ACCEPT" },
    { "-m comment --comment=-j -j ACCEPT", "-m comment --comment -j -j ACCEPT" },
    { "-m comment --comment=a=b", '-m comment --comment "a=b"' },
    -- the protocol's match comes by itself, at the first option that nobody knows
    { "-p tcp -m comment --comment x --dport 22", "-p tcp -m comment --comment x -m tcp --dport 22" },
    { "-p 6 --dport 22", "-p tcp -m tcp --dport 22" },
    { "-p 0x6 --dport 22", "-p tcp -m tcp --dport 22" },
    { "-p TCP --dport 22", "-p tcp -m tcp --dport 22" },
    { "-p icmp --icmp-type ping", "-p icmp -m icmp --icmp-type 8" },
    { "-p tcp -m multiport --dports 1,2", "-p tcp -m multiport --dports 1,2" },
    { "-p sctp --dport 5 --chunk-types any INIT", "-p sctp -m sctp --dport 5 --chunk-types any INIT" },
    { "-p 255", "-p 255" },
    { "-p 0", "" },
    { "-p all", "" },
    -- the newest instance of a match gets the option
    { "-m comment --comment a -m comment --comment b", "-m comment --comment a -m comment --comment b" },
    { "-m limit --limit 1/s -m limit --limit 5/min --limit-burst 7",
      "-m limit --limit 1/sec -m limit --limit 5/min --limit-burst 7" },
    { "-p tcp -m tcp --dport 22 -m tcp --sport 23", "-p tcp -m tcp --dport 22 -m tcp --sport 23" },
    { "-p tcp --dport 22 -m tcp --sport 23", "-p tcp -m tcp --dport 22 -m tcp --sport 23" },
    { "-m mark --mark 1 -m comment --comment c -m mark --mark 2",
      "-m mark --mark 0x1 -m comment --comment c -m mark --mark 0x2" },
    -- negation
    { "! -p tcp", "! -p tcp" },
    { "! -s 10.0.0.1 ! -d 10.0.0.0/8 ! -i lo", "! -s 10.0.0.1/32 ! -d 10.0.0.0/8 ! -i lo" },
    { "-p tcp ! --dport 22 ! --syn", "-p tcp -m tcp ! --dport 22 ! --tcp-flags FIN,SYN,RST,ACK SYN" },
    { "! -s 0/0", "! -s 0.0.0.0/0" },
    -- targets, chains
    { "-g USER", "-g USER" },
    { "--goto USER", "-g USER" },
    { "-j tcpish", "-j tcpish" },
    { "-j RETURN", "-j RETURN" },
    { "-j QUEUE", "-j QUEUE" },
    { "-j MARK --set-mark 1", "-j MARK --set-xmark 0x1/0xffffffff" },
    -- fragments, counters
    { "-f", "-f" },
    { "! --fragments -j DROP", "! -f -j DROP" },
    { "-c 3 4 -j ACCEPT", "-j ACCEPT" },
    { "-c 3,4 -j ACCEPT", "-j ACCEPT" },
    { "--set-counters 3 4 -j ACCEPT", "-j ACCEPT" },
    -- aliases
    { "-m state --state NEW", "-m state --state NEW" },
    { "-m state ! --state NEW,INVALID", "-m state ! --state INVALID,NEW" },
    { "-m conntrack --ctstate NEW", "-m conntrack --ctstate NEW" },
    -- addresses
    { "-s 10.0.0.1,10.0.0.2 -j ACCEPT", "-s 10.0.0.1/32 -j ACCEPT", "-s 10.0.0.2/32 -j ACCEPT" },
    { "-s 10.0.0.1,10.0.0.2 -d 10.1.0.1,10.1.0.2", "-s 10.0.0.1/32 -d 10.1.0.1/32", "-s 10.0.0.1/32 -d 10.1.0.2/32",
      "-s 10.0.0.2/32 -d 10.1.0.1/32", "-s 10.0.0.2/32 -d 10.1.0.2/32" },
    { '-s "10.0.0.1, 10.0.0.2"', "-s 10.0.0.1/32", "-s 10.0.0.2/32" },
    { "-s 10.0.0.1/24", "-s 10.0.0.0/24" },
    { "-s 10.0.0.1/255.255.255.0", "-s 10.0.0.0/24" },
    { "-s 10.1.2.3/255.0.255.0", "-s 10.0.2.0/255.0.255.0" },
    { "-s 10/8 -d 10.1/16", "-s 10.0.0.0/8 -d 10.1.0.0/16" },
    { "-s 0/0", "" },
    { "-m conntrack --ctorigsrc 10.1.2.3/8", "-m conntrack --ctorigsrc 10.1.2.3/8" },
    -- interfaces
    { "-i eth+", "-i eth+" },
    { "-i +", "" },
  },
  ["ipv4 filter OUTPUT"] = { { "-m owner --uid-owner root", "-m owner --uid-owner 0" } },
  ["ipv4 filter FORWARD"] = { { "-i lo -o lo", "-i lo -o lo" } },
  ["ipv4 filter USER"] = { { "-i lo -o lo", "-i lo -o lo" } },
  ["ipv4 raw PREROUTING"] = { { "-j NOTRACK", "-j NOTRACK" }, { "-j CT --notrack", "-j CT --notrack" } },
  ["ipv6 filter INPUT"] = {
    { "-p icmpv6 --icmpv6-type 128", "-p ipv6-icmp -m icmp6 --icmpv6-type 128" },
    { "-p 58 --icmpv6-type ping", "-p ipv6-icmp -m icmp6 --icmpv6-type 128" },
    { "-s 2001:db8::1,2001:db8::2 -d ::1,::2", "-s 2001:db8::1/128 -d ::1/128", "-s 2001:db8::1/128 -d ::2/128",
      "-s 2001:db8::2/128 -d ::1/128", "-s 2001:db8::2/128 -d ::2/128" },
    { "-s 2001:db8::1/ffff::", "-s 2001::/16" },
    { "-s ::/0", "" },
    { "! -p ah", "! -p ah" },
    { "-m ah --ahspi 4", "-m ah --ahspi 4" },
  },
}

-- What 1.8.9 of iptables itself reads wrongly: it takes the whole word for the value.
local attached = {
  { "-ptcp --dport 22 -jACCEPT", "-p tcp -m tcp --dport 22 -j ACCEPT" },
  { "--protocol=tcp --dport 22", "-p tcp -m tcp --dport 22" },
  { "-s10.0.0.1 -ilo -gUSER", "-s 10.0.0.1/32 -i lo -g USER" },
  { "--source=10.0.0.1 --in-interface=lo --jump=USER", "-s 10.0.0.1/32 -i lo -j USER" },
  { "-mlimit --limit 3/s", "-m limit --limit 3/sec" },
}

-- What iptables refuses in the same words: { rule, words }.
local refused = {
  ["ipv4 filter INPUT"] = {
    { "--nosuch", 'unknown option "--nosuch"' },
    { "-p tcp --nosuch 3", 'unknown option "--nosuch"' },
    { "-p tcp --dport", 'option "--dport" requires an argument' },
    { "-s", 'option "-s" requires an argument' },
    { "-j", 'option "-j" requires an argument' },
    { "-m", 'option "-m" requires an argument' },
    { "word", "Bad argument `word'" },
    { "-j ACCEPT word", "Bad argument `word'" },
    { "-", "Bad argument `-'" },
    { "-s ! 10.0.0.1", "Bad argument `10.0.0.1'" },
    { "-p ! tcp", 'unknown protocol "!" specified' },
    { "-p nosuch", 'unknown protocol "nosuch" specified' },
    { "-p 256", 'unknown protocol "256" specified' },
    { "! -p all", "rule would never match protocol" },
    { "! -m limit", "unexpected ! flag before --match" },
    { "! -j ACCEPT", "cannot have ! before -j" },
    { "! ! -s 10.0.0.1", "multiple consecutive ! not allowed" },
    { "-s 10.0.0.1 !", "nothing appropriate following !" },
    { "-m limit ! --limit 3/s", 'limit: option "--limit" cannot be inverted.' },
    { "-j ACCEPT -j DROP", "multiple -j flags not allowed" },
    { "-s 10.0.0.1 -s 10.0.0.2", "multiple -s flags not allowed" },
    { "! -s 10.0.0.1,10.0.0.2", "! not allowed with multiple source or destination IP addresses" },
    { "-c 3 -j ACCEPT", "-c requires packet and byte counter" },
    { "-c x 4 -j ACCEPT", "-c packet counter not numeric" },
    { "-o lo", "Can't use -o with INPUT" },
    { '-i ""', "Empty interface is likely to be undesired" },
    { "-i sixteen-letters-x", "interface name `sixteen-letters-x' must be shorter than IFNAMSIZ (15)" },
    -- the plugins' own
    { "-p tcp --dport 70000", "invalid port/service `70000' specified" },
    { "-p tcp --dport ! 22", "invalid port/service `!' specified" },
    { "-p tcp --dport 5:3", "invalid portrange (min > max)" },
    { "-p tcp --tcp-flags SYN", "--tcp-flags requires two args." },
    { "-m comment", 'comment: option "--comment" must be specified' },
    { "-m comment -m comment --comment a", 'comment: option "--comment" must be specified' },
    { "-m comment --comment a --comment b", 'comment: option "--comment" can only be used once.' },
    { "-m mark --mark x", 'mark: bad integer value for option "--mark", or out of range.' },
    { "-j MARK --set-mark 1 --and-mark 2", 'MARK: option "--set-mark" cannot be used together with "--and-mark".' },
    { "-j MARK", "MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required" },
    { "-m state --state BAD", 'Bad state "BAD"' },
    { "-m limit --limit 0/s", "bad rate \"0/s\"'" },
    { "-p tcp -j REJECT --reject-with nosuch", 'unknown reject type "nosuch"' },
    { '-j LOG --log-prefix ""', "Argument must have a minimum length of 1 characters" },
    { "-m iprange --src-range example.com", 'iprange: Bad value for "--src-range" option: "example.com"' },
  },
  ["ipv4 filter OUTPUT"] = {
    { "-i lo", "Can't use -i with OUTPUT" },
    { "-m owner --uid-owner nosuchuser", 'owner: Bad value for "--uid-owner" option: "nosuchuser"' },
  },
  ["ipv4 nat PREROUTING"] = {
    { "-o lo", "Can't use -o with PREROUTING" },
    { "-p tcp -j DNAT --to-destination example.com", 'Bad IP address "example.com"' },
  },
  ["ipv4 nat POSTROUTING"] = {
    { "-i lo", "Can't use -i with POSTROUTING" },
    { "-j DROP", 'The "nat" table is not intended for filtering, the use of DROP is therefore inhibited.' },
  },
  ["ipv6 filter INPUT"] = {
    { "-f", "`-f' is not supported in IPv6, use -m frag instead" },
  },
}

local unresolved = "' is not a numeric IPv4 address, and names are not resolved"
local no_network = "' is not a numeric IPv4 address or network, and names are not resolved"

local function behind(owner)
  return (': it belongs to "%s", and stands behind it'):format(owner)
end

-- What is refused in words of Moongate's own, or by Moongate only.
local refused_here = {
  ["ipv4 filter INPUT"] = {
    { "-s example.com", "`example.com" .. no_network },
    { "-s 10.0.0.1,", "`" .. no_network },
    { "-d 300.0.0.1", "`300.0.0.1" .. no_network },
    { "-s 2001:db8::1", "`2001:db8::1" .. no_network },
    { "-s 10.0.0.1/33", "invalid mask in `10.0.0.1/33'" },
    { "-m conntrack --ctorigsrc example.com", "--ctorigsrc: `example.com" .. unresolved },
    { "-m conntrack --ctorigsrc example.com/0", "--ctorigsrc: `example.com/0" .. unresolved },
    { "-m conntrack --ctrepldst=example.com/99", "--ctrepldst: `example.com/99" .. unresolved },
    { "-m recent --set --mask example.com/0", "--mask: `example.com/0" .. unresolved },
    { "-p tcp -j TPROXY --on-port 1 --on-ip 10.0.0.1/8", "--on-ip: `10.0.0.1/8" .. unresolved },
    { "-j TEE --gateway example.com", "--gateway: `example.com" .. unresolved },
    { "-j NETMAP --to example.com/24", "--to: `example.com/24" .. unresolved },
    { "-p tcp --d 22", 'option "--d" is ambiguous: --destination, --dst, --destination-port, --dport' },
    { "--s 10.0.0.1", 'option "--s" is ambiguous: --source, --src, --set-counters' },
    { "-m limit --lim 3/s", 'option "--lim" is ambiguous: --limit, --limit-burst' },
    { "-p tcp --syn=3", 'option "--syn=3" takes no argument' },
    { "-fx", 'option "-f" takes no argument' },
    { "-A INPUT", 'option "-A" does not belong in a rule' },
    { "-t nat", 'option "-t" does not belong in a rule' },
    { "--table nat", 'option "--table" does not belong in a rule' },
    { "-m limit --help", 'option "--help" does not belong in a rule' },
    { "-v", 'option "-v" does not belong in a rule' },
    { "--", 'option "--" does not belong in a rule' },
    { "-m nosuch", "no match extension is called `nosuch'" },
    { "-m standard", "no match extension is called `standard'" },
    { "-j NOSUCH", "no chain and no target extension is called `NOSUCH'" },
    { "--dport 22 -p tcp", 'unknown option "--dport"' .. behind("-p tcp") },
    { "-p udp --tcp-flags SYN SYN", 'unknown option "--tcp-flags"' .. behind("-p tcp") },
    { "--log-prefix x -j LOG", 'unknown option "--log-prefix"' .. behind("-j LOG") },
    { "-j accept", "no chain and no target extension is called `accept': did you mean `ACCEPT'?" },
    { "-m conntrak", "no match extension is called `conntrak': did you mean `conntrack'?" },
    { "-m CONNTRACK", "no match extension is called `CONNTRACK': did you mean `conntrack'?" },
    { "-j REJCT", "no chain and no target extension is called `REJCT': did you mean `REJECT'?" },
    { "-m conntrack --cstate NEW", 'unknown option "--cstate": did you mean `--ctstate\'?' },
    { "-m conntrack --state NEW", 'unknown option "--state": did you mean `--ctstate\'?' },
    { "-p tcp --dprt=22", 'unknown option "--dprt=22": did you mean `--dport\'?' },
    { "-p tcp --ctstate NEW", 'unknown option "--ctstate"' .. behind("-m conntrack") },
    { "-p tcp --soure 10.0.0.1", 'unknown option "--soure": did you mean `--source\'?' },
    { "-m comment --comment 'a b'", "Bad argument `b'': quotes are double ones here" },
    { "-j INPUT", "`INPUT' is a built-in chain: no rule can jump to it" },
    { "-g NOSUCH", "goto `NOSUCH' is not a chain" },
    { "-g ACCEPT", "goto `ACCEPT' is not a chain" },
    { "-j ACCEPT -g USER", "multiple -j flags not allowed" },
    { '-j ""', "a target needs a name" },
    { "-j a-name-that-is-longer-than-28-letters",
      "target name `a-name-that-is-longer-than-28-letters' is longer than 28 characters" },
    { '-m comment --comment "open', "column 22: this quote is never closed" },
    { ("-m mark --mark 1 "):rep(65), "more than 64 matches in one rule" },
    { ("-m comment --comment x "):rep(64) .. ("-f "):rep(900), "more than 1024 words in one rule" },
  },
  ["ipv6 filter INPUT"] = {
    { "-p icmp --icmpv6-type 128", 'unknown option "--icmpv6-type"' .. behind("-p ipv6-icmp") },
    { "-s 10.0.0.1", "`10.0.0.1' is not a numeric IPv6 address or network, and names are not resolved" },
    { "-m conntrack --ctorigsrc example.com/0",
      "--ctorigsrc: `example.com/0' is not a numeric IPv6 address, and names are not resolved" },
  },
}

-- The cases in order: { request, the rest of the case }.
local function in_order(cases)
  local places, list = {}, {}
  for place in pairs(cases) do
    places[#places + 1] = place
  end
  table.sort(places)
  for _, place in ipairs(places) do
    local family, name, chain = place:match("(%S+) (%S+) (%S+)")
    for _, case in ipairs(cases[place]) do
      list[#list + 1] = {
        request = { family, name, chain, case[1], chains },
        expected = { table.unpack(case, 2) },
        label = ("%s: -A %s %s"):format(family, chain, case[1]),
      }
    end
  end
  return list
end

local function compile_cases(list)
  local requests = {}
  for index, case in ipairs(list) do
    requests[index] = case.request
  end
  return netfilter.compile_all(requests)
end

local function results_of(cases)
  local list = in_order(cases)
  return list, compile_cases(list)
end

describe("the rule compiler", function()
  after_each(network.close_all)

  it("reads options as iptables does", function()
    local list, results = results_of(taken)
    for index, case in ipairs(list) do
      assert.same(case.expected, results[index], case.label)
    end
  end)

  it("reads a value that is attached to its option", function()
    local list, results = results_of { ["ipv4 filter INPUT"] = attached }
    for index, case in ipairs(list) do
      assert.same(case.expected, results[index], case.label)
    end
  end)

  for title, cases in pairs {
    ["refuses in the words of iptables and its plugins"] = refused,
    ["resolves no name, and tells what else is wrong"] = refused_here,
  } do
    it(title, function()
      local list, results = results_of(cases)
      for index, case in ipairs(list) do
        assert.same({ error = case.expected[1], code = "invalid" }, results[index], case.label)
      end
    end)
  end

  -- What iptables-legacy-restore says of one case: texts of the rules, or nil and its words.
  local function by_iptables(lab, case)
    local family, name, chain, rule = table.unpack(case.request)
    local text = ("*%s\n:USER - [0:0]\n:tcpish - [0:0]\n-A %s %s\nCOMMIT\n"):format(name, chain, rule)
    local done = tables.try_restore(lab.server, family, text)
    if done.code ~= 0 then
      -- programs name themselves before their own words, not before all of the plugins'
      return nil, (done.err:gsub("^ip6?tables%-restore v%S+ %(legacy%): ", ""):match("^%s*([^\n]*)"):gsub("%s+$", ""))
    end
    local texts = {}
    for index, saved in ipairs(tables.parse(tables.save(lab.server, family))[name][chain]) do
      texts[index] = saved.text
    end
    return texts
  end

  kernel_it("agrees with iptables on what is taken", function()
    local lab = network.host()
    local list, results = results_of(taken)
    for index, case in ipairs(list) do
      local texts, words = by_iptables(lab, case)
      assert.same(texts or words, results[index], case.label)
    end
  end)

  kernel_it("agrees with iptables on what is refused, and why", function()
    local lab = network.host()
    for _, case in ipairs(in_order(refused)) do
      local texts, words = by_iptables(lab, case)
      assert.is_nil(texts, case.label)
      assert.equal(case.expected[1], words, case.label)
    end
  end)

  it("is left as it was by a rule that is refused", function()
    local good = in_order(taken)
    local bad, mixed = in_order(refused), {}
    for _, case in ipairs(in_order(refused_here)) do
      bad[#bad + 1] = case
    end
    local alone = compile_cases(good)
    for index, case in ipairs(good) do
      mixed[#mixed + 1] = bad[index % #bad + 1]
      mixed[#mixed + 1] = case
    end
    for index, result in ipairs(compile_cases(mixed)) do
      if index % 2 == 0 then
        assert.same(alone[index // 2], result, mixed[index].label)
      end
    end
  end)

  it("takes words as well as a line", function()
    local words = { "-p", "tcp", "--dport", "22", "-m", "comment", "--comment", 'say "hi" -j DROP', "-j", "USER" }
    local line = [[-p tcp --dport 22 -m comment --comment "say \"hi\" -j DROP" -j USER]]
    local results = netfilter.compile_all {
      { "ipv4", "filter", "INPUT", words, chains },
      { "ipv4", "filter", "INPUT", line, chains },
      { "ipv4", "filter", "INPUT", words },
      { "ipv4", "filter", "INPUT", {} },
    }
    assert.same({ [[-p tcp -m tcp --dport 22 -m comment --comment "say \"hi\" -j DROP" -j USER]] }, results[1])
    assert.same(results[1], results[2])
    assert.same({ error = "no chain and no target extension is called `USER'", code = "invalid" }, results[3])
    assert.same({ "" }, results[4])
  end)

  it("raises on a mistake of its caller", function()
    local out = netfilter.must [[
      local netfilter = require "moongate.netfilter"
      local function try(...)
        local done, message = pcall(netfilter.compile, ...)
        print(done, (tostring(message):gsub("'[%w.]*compile'", "'compile'")))
      end
      try("inet", "filter", "INPUT", "")
      try("ipv4", "filtre", "INPUT", "")
      try("ipv4", "filter")
      try("ipv4", "filter", "INPUT", 22)
      try("ipv4", "filter", "INPUT", { "-p", 6 })
      try("ipv4", "filter", "INPUT", { "-p\0tcp" })
      try("ipv4", "filter", "INPUT", { "a\nb" })
      try("ipv4", "filter", "INPUT", "a\nb")
      try("ipv4", "filter", "INPUT", "", "USER")
      try("ipv4", "filter", "INPUT", "", { true })
    ]]
    local messages = {}
    for line in out:gmatch("false\t([^\n]+)") do
      messages[#messages + 1] = line
    end
    local no_string = "is not a string without newline and NUL"
    assert.same({
      "bad argument #1 to 'compile' (invalid option 'inet')",
      "bad argument #2 to 'compile' (there is no such table)",
      "bad argument #3 to 'compile' (string expected, got no value)",
      "bad argument #4 to 'compile' (string or table expected, got number)",
      ("bad argument #4 to 'compile' (element 2 %s)"):format(no_string),
      ("bad argument #4 to 'compile' (element 1 %s)"):format(no_string),
      ("bad argument #4 to 'compile' (element 1 %s)"):format(no_string),
      "bad argument #4 to 'compile' (a rule is one line)",
      "bad argument #5 to 'compile' (table expected, got string)",
      ("bad argument #5 to 'compile' (element 1 %s)"):format(no_string),
    }, messages)
  end)
end)
