-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- moongate show: the live rules of every table and chain, judged by what
-- iptables-legacy-save -c and iptables-legacy -L -v -x -n say of the same; wrong
-- names; and that looking makes no table.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)
local it_as_user = features.it(it, pending)
local it_traced = features.it(it, pending, "strace")

-- Something in each table, of both families and of one, with user chains.
local broad = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
local watch = chain("filter", "WATCH")
watch:append { comment = "two words", jump = "RETURN" }
chain("filter", "EMPTY")
chain("filter", "INPUT"):append "-i wan0 -g WATCH"
chain("raw", "OUTPUT"):append "-m pkttype --pkt-type unicast -j ACCEPT"
chain("mangle", "POSTROUTING", { family = "ipv6" }):append "-p ipv6-icmp -j MARK --set-mark 3"
chain("nat", "OUTPUT", { family = "ipv4" }):append "-p icmp -j ACCEPT"
]]

-- "filter  INPUT  (v4)   policy DROP, 1 packet, 84 B" and "    1   7   588 B  -i lo -j ACCEPT   ..."
local function parse(out)
  local families, current = { ipv4 = {}, ipv6 = {} }, nil
  for line in out:gmatch("[^\n]+") do
    local name, chain, family, rest = line:match("^(%a+)  (%S+)  %(v([46])%)(.*)$")
    local number, counted, bytes, text = line:match("^ *(%d+) +(%d+) +(%d+) B  (.-)  +%S.*$")
    if name then
      local found = families["ipv" .. family]
      found[name] = found[name] or {}
      local policy, policy_packets, policy_bytes = rest:match("^   policy (%u+), (%d+) packets?, (%d+) B$")
      current = { policy = policy or "-", packets = tonumber(policy_packets) or 0,
                  bytes = tonumber(policy_bytes) or 0 }
      found[name][chain] = current
    elseif number then
      current[#current + 1] = { text = text, packets = tonumber(counted), bytes = tonumber(bytes) }
      assert.equal(#current, tonumber(number), line)
    else
      assert.truthy(line == "  (no rules)" or line:find("^  num"), line)
    end
  end
  return families
end

describe("show #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  local function show(...)
    return program:must("show", ...).out
  end

  -- Packets of the namespace's own, so that no counter that matters is 0.
  local function make_traffic()
    assert.equal(3, packets.ping(lab.server, "127.0.0.1", 3))
    assert.equal(2, packets.ping(lab.server, "::1", 2))
  end

  local function headers(out)
    local found = {}
    for header in out:gmatch("\n(%a+  %S+  %(v[46]%))") do
      found[#found + 1] = header
    end
    return found
  end

  it("shows every table, chain, rule and counter as iptables-legacy-save -c does", function()
    program:apply(program:policy(broad))
    tables.edit(lab.server, "ipv4", "-t nat -N THEIRS")
    tables.edit(lab.server, "ipv4", "-t nat -A THEIRS -p tcp -j RETURN")
    make_traffic()
    local shown = parse(show("-v"))
    for _, family in ipairs(tables.families) do
      assert.same(tables.parse(tables.save_counted(lab.server, family)), shown[family], family)
    end
    assert.truthy(shown.ipv4.filter.INPUT[2].packets > 0, "no traffic was counted")
    assert.truthy(shown.ipv4.nat and shown.ipv4.raw and shown.ipv6.mangle and shown.ipv6.raw)
    assert.falsy(shown.ipv6.nat or shown.ipv4.mangle)
  end)

  it("counts as iptables-legacy -L -v -x -n does", function()
    program:apply(program:policy(broad))
    make_traffic()
    local shown = parse(show("filter", "INPUT", "-4", "-v")).ipv4.filter.INPUT
    local listed = tables.edit(lab.server, "ipv4", "-L INPUT -v -x -n")
    local policy, policy_packets, policy_bytes = listed:match("%(policy (%u+) (%d+) packets, (%d+) bytes%)")
    assert.same({ policy, tonumber(policy_packets), tonumber(policy_bytes) },
      { shown.policy, shown.packets, shown.bytes })
    local number = 0
    for counted, bytes in listed:gmatch("\n *(%d+) +(%d+) [^\n]+") do
      number = number + 1
      assert.same({ tonumber(counted), tonumber(bytes) }, { shown[number].packets, shown[number].bytes }, listed)
    end
    assert.equal(#shown, number)
  end)

  it("rounds bytes for people without -v", function()
    program:apply(program:policy(broad))
    tables.restore(lab.server, "ipv4", "*filter\n[7:123456] -A EMPTY -j RETURN\nCOMMIT\n", "-c", "-n")
    assert.truthy(show("filter", "EMPTY"):find("\n +1 +7 +123 kB  %-j RETURN"))
    assert.truthy(show("filter", "EMPTY", "-v"):find("\n +1 +7 +123456 B  %-j RETURN"))
  end)

  it("shows one table, one chain, one family", function()
    program:apply(program:policy(broad))
    assert.same({ "raw  PREROUTING  (v4)", "raw  OUTPUT  (v4)", "raw  PREROUTING  (v6)", "raw  OUTPUT  (v6)" },
      headers(show("raw")))
    assert.same({ "filter  WATCH  (v4)", "filter  WATCH  (v6)" }, headers(show("filter", "WATCH")))
    assert.same({ "filter  WATCH  (v6)" }, headers(show("-6", "filter", "WATCH")))
    assert.same({ "nat  OUTPUT  (v4)" }, headers(show("nat", "OUTPUT", "-4")))
    tables.edit(lab.server, "ipv6", "-N ONLY6")
    assert.same({ "filter  ONLY6  (v6)" }, headers(show("filter", "ONLY6")))
  end)

  it("goes through the tables in the order of the commits, IPv4 first", function()
    program:apply(program:policy(broad))
    local order, last = {}, nil
    for _, header in ipairs(headers(show())) do
      local place = header:gsub("  %S+  ", " ")
      if place ~= last then
        order[#order + 1], last = place, place
      end
    end
    assert.same({ "raw (v4)", "raw (v6)", "mangle (v6)", "nat (v4)", "filter (v4)", "filter (v6)" }, order)
  end)

  it("tells the policy's line behind each rule, and what is not ours", function()
    local path = program:policy(broad, "my own: policy.lua")
    program:apply(path)
    tables.edit(lab.server, "ipv4", "-A INPUT -p udp -j DROP")
    local out = show("filter", "INPUT", "-4")
    assert.truthy(out:find("RELATED,ESTABLISHED %-j ACCEPT  +allow_established   my own: policy.lua:2\n"), out)
    assert.truthy(out:find("\n +%d+ +0 +0 B  %-p udp %-j DROP  +%(not put there by Moongate%)\n"), out)
    assert.truthy(show("filter", "WATCH"):find('%-%-comment "two words" %-j RETURN  +append  +my own: policy.lua:7\n'))
  end)

  it("says of a rule without words what it is", function()
    tables.edit(lab.server, "ipv4", "-A FORWARD")
    assert.truthy(show("filter", "FORWARD", "-4"):find("B  %(every packet, no target%)  "))
  end)

  it("shows filter as it is when there is no table at all, and says so", function()
    local out = show()
    assert.equal(6, #headers(out))
    local _, count = out:gsub("policy ACCEPT; the kernel does not have this table yet\n  %(no rules%)", "")
    assert.equal(6, count, out)
  end)

  it("makes no table by looking at it", function()
    for _, words in ipairs { {}, { "nat" }, { "security" }, { "mangle", "FORWARD" }, { "raw", "-6" }, { "filter" },
                             { "raw", "NOPE" }, { "filter", "NOPE", "--json" }, { "--json" } } do
      program:run("show", table.unpack(words))
      for _, family in ipairs(tables.families) do
        assert.equal("", tables.names(lab.server, family), table.concat(words, " "))
      end
    end
    tables.edit(lab.server, "ipv4", "-t mangle -S")
    show()
    assert.equal("mangle\n", tables.names(lab.server, "ipv4"))
    assert.equal("", tables.names(lab.server, "ipv6"))
  end)

  it("answers an unknown table or chain with 1, what there is, and nothing on stdout", function()
    program:apply(program:policy(broad))
    local cases = {
      { { "filtr" }, "there is no table `filtr': did you mean `filter'? (raw, mangle, security, nat or filter)" },
      { { "NAT" }, "did you mean `nat'?" },
      { { "zzz" }, "there is no table `zzz' (raw, mangle, security, nat or filter)" },
      { { "" }, "there is no table `'" },
      { { "INPUT" }, "its table comes first, as in `filter INPUT'" },
      { { "PREROUTING" }, "its table comes first, as in `nat PREROUTING'" },
      { { "filter", "INPTU" }, "there is no chain `INPTU' in table filter: did you mean `INPUT'?" },
      { { "filter", "wathc" }, "did you mean `WATCH'?" },
      { { "filter", "PREROUTING" }, "there is no chain `PREROUTING' in table filter; there is one in table nat" },
      { { "raw", "WATCH" }, "there is no chain `WATCH' in table raw; there is one in table filter" },
      { { "raw", "completely-else" }, "there is no chain `completely-else' in table raw\n" },
      { { "security", "OUPTUT" }, "did you mean `OUTPUT'?" },
    }
    for _, case in ipairs(cases) do
      local result = program:run("show", table.unpack(case[1]))
      assert.equal(1, result.code, result.line)
      assert.equal("", result.out, result.line)
      assert.truthy(result.err:find(case[2], 1, true), result.line .. ": " .. result.err)
    end
  end)

  it("takes a table and a chain, not more, and no policy", function()
    local result = program:run("show", "filter", "INPUT", "policy.lua")
    assert.equal(64, result.code)
    assert.truthy(result.err:find("unexpected argument `policy.lua'", 1, true), result.err)
  end)

  it("says who may look when it is somebody who may not", function()
    local result = program:run_with({ nobody = true }, "show")
    assert.equal(7, result.code, result.out .. result.err)
    assert.equal("", result.out)
    assert.truthy(result.err:find("root", 1, true), result.err)
  end)

  it_as_user("shows filter in a plain user's own namespace, and says that others are to be named", function()
    local function as_user(...)
      return run.run({ "unshare", "-Urn", table.unpack(program:words("show", ...)) },
        { nobody = true, env = { XTABLES_LOCKFILE = "/dev/null" } })
    end
    local all = as_user()
    assert.equal(0, all.code, all.err)
    assert.same({ filter = true }, (function()
      local seen = {}
      for _, header in ipairs(headers(all.out)) do
        seen[header:match("^%a+")] = true
      end
      return seen
    end)())
    assert.truthy(all.err:find("name the one to look at", 1, true), all.err)
    local nat = as_user("nat", "-4")
    assert.equal(0, nat.code, nat.err)
    assert.equal("", nat.err)
    assert.equal(4, #headers(nat.out))
  end)

  -- Another program may change a table between the question for its size and that for its rules.
  it_traced("reads a table once more that changes while it is read", function()
    program:apply(program:policy(broad))
    local expected = program:must("show", "filter").out
    local result, text = program:traced({ alone = true, "trace=getsockopt" }, "show", "filter")
    assert.equal(expected, result.out)
    local call, read = 0, nil
    for line in text:gmatch("[^\n]+") do
      call = call + 1
      read = read or line:find("IPT_SO_GET_ENTRIES", 1, true) and call
    end
    for _, last in ipairs { read, read + 2, read + 16 } do
      -- each further attempt asks for the size, too
      local when = ("when=%d..%d+2"):format(read, last)
      result = program:traced({ alone = true, "trace=getsockopt", "inject=getsockopt:error=EAGAIN:" .. when },
        "show", "filter")
      assert.equal(0, result.code, result.err)
      assert.equal(expected, result.out)
    end
  end)

  it("shows nothing that a terminal would obey, whoever wrote the rules", function()
    local path = program:policy("default_deny() allow_established() allow_loopback() allow_icmp()\n")
    local rules = lab.server
    -- a control, a later one in UTF-8 and as it was before, and one that turns what follows
    rules:must { "iptables-legacy", "-A", "INPUT", "-m", "comment", "--comment",
                 "a\27[2Kb\xc2\x9b2Jc\x9b3J\xff\x9b\x80\x80d\u{202e}e\u{2066}f gr\u{fc}n \u{20ac}", "-j", "ACCEPT" }
    rules:must { "iptables-legacy", "-N", "x\27[1A" }
    rules:must { "iptables-legacy", "-A", "x\27[1A", "-j", "LOG", "--log-prefix", "\27]0;mine\7" }
    for _, words in ipairs { { "show" }, { "plan", path }, { "apply", "--no-confirm", path },
                             { "apply", "--no-confirm", "--remove-foreign", path } } do
      local result = program:run(table.unpack(words))
      local shown = result.out .. result.err
      assert.truthy(shown:find('"a?[2Kb?2Jc?3J\xff???d?e?f gr\u{fc}n \u{20ac}"', 1, true), shown)
      assert.truthy(shown:find("x?[1A", 1, true), shown)
      assert.falsy(shown:find("[\27\7]"), shown)
    end
  end)
end)
