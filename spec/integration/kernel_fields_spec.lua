-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What the kernel writes into a rule while packets pass it, and what it fills in
-- when it takes it (credits, quotas, pointers, numbers of sets), is no change: not
-- in a plan, and not in a plan of something else.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local services = require "spec.support.services"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local PORT = 7000

-- Matches that every flood meets: table filter, chain INPUT, one rule each. The estimator is of the family.
local matches = {
  "limit --limit 6/minute --limit-burst 3",
  "limit --limit 1000/second",
  "hashlimit --hashlimit-upto 5/second --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name upto%s",
  "hashlimit --hashlimit-above 1kb/s --hashlimit-burst 2kb --hashlimit-mode srcip,dstport"
    .. " --hashlimit-name above%s",
  "hashlimit --hashlimit-upto 5/minute --hashlimit-mode srcip --hashlimit-srcmask 16"
    .. " --hashlimit-htable-expire 30000 --hashlimit-name masked%s",
  "hashlimit --hashlimit-upto 900000/sec --hashlimit-rate-match --hashlimit-rate-interval 1 --hashlimit-name rate%s",
  "recent --set --name seen%s --rsource",
  "recent --update --seconds 60 --hitcount 3 --name seen%s --rsource",
  "recent --rcheck --seconds 60 --reap --name seen%s --rsource",
  "quota --quota 1000",
  "quota ! --quota 1000",
  "statistic --mode nth --every 3 --packet 1",
  "statistic --mode random --probability 0.5",
  "connlimit --connlimit-above 0 --connlimit-mask 24 --connlimit-saddr",
  "connlimit --connlimit-upto 90 --connlimit-daddr",
  "rateest --rateest spec%s --rateest-lt --rateest-bps 1gbit",
  "set --match-set spec%s src",
  "set --match-set spec%s src --packets-gt 2 --bytes-gt 4",
  "set ! --match-set other%s dst",
  "nfacct --nfacct-name spec",
  "bpf --bytecode \"1,6 0 0 1\"",
  "connbytes --connbytes 1 --connbytes-dir original --connbytes-mode packets",
  "string --algo kmp --string flood",
  "string --algo bm --string flood",
  "cluster --cluster-total-nodes 1 --cluster-local-node 1 --cluster-hash-seed 7",
  "u32 --u32 0&0=0",
  "time --timestart 00:00 --timestop 23:59:59",
}

-- { table, chain, target }
local targets = {
  { "raw", "PREROUTING", "CT --timeout tmo%s" },
  { "mangle", "PREROUTING", "RATEEST --rateest-name spec%s --rateest-interval 250ms --rateest-ewmalog 500ms" },
  { "mangle", "INPUT", "IDLETIMER --timeout 600 --label spec%s" },
  { "mangle", "INPUT", "SET --add-set spec%s src --exist" },
  { "mangle", "INPUT", "SET --add-set spec%s dst --timeout 60 --exist" },
  { "mangle", "PREROUTING", "TEE --gateway %s" },
  { "mangle", "INPUT", "CONNMARK --set-xmark 0x7/0xffffffff" },
  { "filter", "INPUT", "NFLOG --nflog-group 77 --nflog-prefix spec" },
}
-- Nobody listens; what is answered would end the flood.
local ending = { "filter", "INPUT", "DROP" }

local gateways = { ipv4 = "10.66.0.2", ipv6 = "2001:db8:66::2" }

-- The policy: every rule is for the flood alone.
local function policy_text()
  local lines = {}
  for _, family in ipairs(tables.families) do
    local function append(table_name, chain, words)
      local own = words:find("^%-j TEE") and gateways[family] or family:sub(-1)
      words = words:gsub("%%s", own)
      lines[#lines + 1] = ('chain(%q, %q, { family = %q }):append %q'):format(table_name, chain, family,
        ("-p udp -m udp --dport %d %s"):format(PORT, words))
    end
    for _, target in ipairs(targets) do
      append(target[1], target[2], "-j " .. target[3])
    end
    for _, match in ipairs(matches) do
      append("filter", "INPUT", "-m " .. match)
    end
    append(ending[1], ending[2], "-j " .. ending[3])
  end
  return table.concat(lines, "\n") .. "\n"
end

describe("what the kernel writes into rules", function()
  local lab, program

  before_each(function()
    lab = network.lab()
    program = moongate.new(lab)
    for number, family in pairs { [4] = "inet", [6] = "inet6" } do
      lab.server:must { "ipset", "create", "other" .. number, "hash:ip", "family", family }
      lab.server:must { "ipset", "create", "spec" .. number, "hash:ip", "family", family, "counters", "timeout", "0" }
    end
    lab.server:must { "nfacct", "add", "spec" }
    -- of a longer name the kernel gives back four bytes, to iptables too
    for _, number in ipairs { "4", "6" } do
      lab.server:must(packets.script("timeouts.py", "tmo" .. number, number, "17"))
    end
  end)

  after_each(network.close_all)

  -- The rules for the flood that it has not met.
  local function without_packets(family)
    local found = {}
    for _, table_of in pairs(tables.parse(tables.save_counted(lab.server, family))) do
      for _, chain in pairs(table_of) do
        for _, rule in ipairs(chain) do
          found[#found + 1] = rule.packets == 0 and rule.text:find("^%-p udp ") and rule.text or nil
        end
      end
    end
    return found
  end

  local function flood()
    for _, family in ipairs(tables.families) do
      local address = network.addresses.server_for.friend[family]
      local sender = services.start(lab.friend, "flood", packets.script("flood.py", address, PORT))
      local met = pcall(run.wait_until, "packets at every rule", 5, function()
        return #without_packets(family) == 0
      end)
      sender:signal("TERM")
      sender:wait()
      assert.same({}, met and {} or without_packets(family))
    end
  end

  local function assert_nothing_to_do(path)
    local done = program:run("plan", path, "--detailed-exitcode")
    assert.equal(0, done.code, done.out .. done.err)
  end

  it("is no change where the policy's own rules are live", function()
    local path = program:policy(policy_text())
    program:apply(path)
    assert_nothing_to_do(path)
    flood()
    assert_nothing_to_do(path)
    -- nor is it one where another rule changes, at either end and between
    local count, rules = 2 * (#matches + #targets + 1), policy_text()
    local other = 'chain("filter", "INPUT"):append "-p tcp -m tcp --dport 1 -j DROP"\n'
    local middle = rules:find('chain%("filter", "INPUT", { family = "ipv6" }%):append "%-p udp [^\n]*quota')
    local done = program:must("plan", program:policy(
      other .. rules:sub(1, middle - 1) .. other:gsub("1 ", "2 ") .. rules:sub(middle) .. other, "edited.lua"))
    assert.truthy(done.out:find(("\n6 to add, 0 to remove, 0 to move, %d kept"):format(count), 1, true), done.out)
    program:apply(lab.dir .. "/edited.lua")
    flood()
    assert_nothing_to_do(lab.dir .. "/edited.lua")
  end)

  -- The rule that is wrong is named, and not one before it that a trial of its table alone would refuse.
  it("does not hide which rule the kernel refuses", function()
    local path = program:policy(policy_text()
      .. 'chain("filter", "INPUT", { family = "ipv4" }):append "-m owner --uid-owner 0"\n')
    local done = program:run("apply", path, "--no-confirm")
    assert.equal(6, done.code, done.out .. done.err)
    assert.truthy(done.err:find("-A INPUT -m owner --uid-owner 0", 1, true), done.err)
    assert.equal("", tables.both(lab.server))
  end)

  it("is refused before anything is touched where the kernel does not give the rule back", function()
    local name = "a-longer-name"
    lab.server:must(packets.script("timeouts.py", name, "4", "17"))
    local rule = "-A PREROUTING -p udp -j CT --timeout "
    tables.edit(lab.server, "ipv4", "-t raw " .. rule .. name)
    local is_given_back = tables.save(lab.server, "ipv4"):find(rule .. name .. "\n", 1, true)
    tables.edit(lab.server, "ipv4", "-t raw -F")
    local before = tables.both(lab.server)
    local done = program:run("apply", program:policy(
      ('chain("raw", "PREROUTING", { family = "ipv4" }):append "-p udp -j CT --timeout %s"\n'):format(name)),
      "--no-confirm")
    if is_given_back then
      assert.equal(0, done.code, done.out .. done.err)
      return
    end
    assert.equal(6, done.code, done.out .. done.err)
    assert.truthy(done.err:find("policy.lua:1: append: the kernel refuses this IPv4 rule: it takes it, and gives "
      .. "another one back (-p udp -j CT --timeout a-lo)\n", 1, true), done.err)
    assert.equal(before, tables.both(lab.server))
  end)

  it("is no change where iptables has loaded the rules", function()
    local path = program:policy(policy_text())
    for _, family in ipairs(tables.families) do
      -- the estimators first: rules of filter name them
      local text = program:must("export", "-" .. family:sub(-1), path).out
      local parts = {}
      for _, name in ipairs { "raw", "mangle", "filter" } do
        parts[#parts + 1] = assert(text:match("%*" .. name .. "\n.-\nCOMMIT\n"), text)
      end
      tables.restore(lab.server, family, table.concat(parts))
    end
    assert_nothing_to_do(path)
    flood()
    assert_nothing_to_do(path)
  end)
end)
