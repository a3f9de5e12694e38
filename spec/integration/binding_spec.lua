-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- moongate.netfilter on live tables: what it reads, edits and commits is what
-- iptables-legacy does, in both families.

local features = require "spec.support.features"
local netfilter = require "spec.support.netfilter"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

-- Run Lua in a namespace; `family` is a global there. Raises where the program does.
local function lua(namespace, family, text, options)
  local environment = netfilter.environment()
  environment.XTABLES_LOCKFILE = namespace.lab.dir .. "/xtables.lock"
  local program = ([[
    netfilter = require "moongate.netfilter"
    family = %q
    address = family == "ipv4" and "10.0.0.%%d" or "2001:db8::%%d"
    local function run()
      %s
    end
    run()]]):format(family, text)
  local done = namespace:run({ netfilter.lua, "-" }, {
    env = environment, input = program, nobody = options and options.nobody, limit = 60,
  })
  if done.code ~= 0 or done.err ~= "" then
    error(("lua5.4: exit code %d: %s%s"):format(done.code, done.out, done.err), 2)
  end
  return done.out
end

local counted = [[
*filter
:INPUT DROP [5:500]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [7:700]
:GUARD - [0:0]
:"quoted" - [0:0]
[1:60] -A INPUT -i lo -j ACCEPT
[22:1320] -A INPUT -p tcp -m tcp --dport 22 -m comment --comment "from \"home\"" -j GUARD
[3:4] -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
[9:99] -A GUARD -m limit --limit 3/min -j RETURN
[18446744073709551:1] -A GUARD -j DROP
COMMIT
]]

-- Every step as iptables takes it, and as the module does.
local steps = {
  { "-N GUARD", 't:new_chain("GUARD")' },
  { "-N OTHER", 't:new_chain("OTHER")' },
  { "-A GUARD -p tcp --dport 22 -j ACCEPT", 't:append("GUARD", "-p tcp --dport 22 -j ACCEPT")' },
  { "-A GUARD -p udp --dport 53 -c 11 12 -j DROP",
    't:append("GUARD", { "-p", "udp", "--dport", "53", "-c", "11", "12", "-j", "DROP" })' },
  { "-I GUARD 1 -i lo -j RETURN", 't:insert("GUARD", 1, "-i lo -j RETURN")' },
  { "-A INPUT -j GUARD", 't:append("INPUT", t:build("INPUT", "-j GUARD"))' },
  { "-A INPUT -g OTHER", 't:append("INPUT", "-g OTHER")' },
  { "-A OTHER -s ADDRESS1,ADDRESS2 -j DROP",
    't:append("OTHER", "-s " .. address:format(1) .. "," .. address:format(2) .. " -j DROP")' },
  { "-A OTHER -m limit --limit 5/s -j LOG --log-prefix x:",
    't:append("OTHER", "-m limit --limit 5/s -j LOG --log-prefix x:")' },
  { "-R GUARD 1 -i lo -j ACCEPT", 't:replace("GUARD", 1, "-i lo -j ACCEPT")' },
  { "-R OTHER 3 -j REJECT", 't:replace(t:rule("OTHER", 3), "-j REJECT")' },
  { "-D GUARD 2", 't:delete("GUARD", 2)' },
  { "-D OTHER -s ADDRESS1,ADDRESS2 -j DROP",
    't:delete("OTHER", "-s " .. address:format(1) .. "," .. address:format(2) .. " -j DROP")' },
  { "-E OTHER ANOTHER", 't:rename_chain("OTHER", "ANOTHER")' },
  { "-P FORWARD DROP", 't:policy("FORWARD", "DROP")' },
  { "-D INPUT -j GUARD", 't:delete(t:rule("INPUT", 1))' },
  { "-F GUARD", 't:flush("GUARD")' },
  { "-X GUARD", 't:delete_chain("GUARD")' },
  { "-A OUTPUT -c 3 4 -j ACCEPT", 't:append("OUTPUT", "-j ACCEPT"):set_counters(3, 4)' },
  { "-A OUTPUT -c 5 6 -j DROP", 't:append("OUTPUT", "-c 5 6 -j DROP")' },
  { "-Z OUTPUT 1", 't:zero("OUTPUT", 1)' },
  { "-A FORWARD -c 5 6 -j ACCEPT", 't:append("FORWARD", "-c 5 6 -j ACCEPT")' },
  { "-Z FORWARD", 't:zero("FORWARD")' },
}

local function for_iptables(words, family)
  local address = family == "ipv4" and "10.0.0.%d" or "2001:db8::%d"
  return (words:gsub("ADDRESS(%d)", function(number)
    return address:format(number)
  end))
end

describe("moongate.netfilter #integration", function()
  after_each(network.close_all)

  for _, family in ipairs(tables.families) do
    it("reads a table as " .. family .. " has it", function()
      local lab = network.host()
      tables.restore(lab.server, family, counted, "-c")
      local shown = lua(lab.server, family, [[
        local t <close> = assert(netfilter.open(family))
        print("*" .. t:name())
        for _, name in ipairs(t:chains()) do
          local chain = t:chain(name)
          print((":%s %s [%d:%d]"):format(name, chain.policy or "-", chain.packets or 0, chain.bytes or 0))
          assert(chain.built_in == (chain.policy ~= nil) and chain.rules == #t:rules(name))
        end
        for _, name in ipairs(t:chains()) do
          for number, rule in ipairs(t:rules(name)) do
            local packets, bytes = rule:counters()
            print(("[%d:%d] -A %s %s"):format(packets, bytes, rule:chain(), rule:text()))
            assert(rule:number() == number and t:rule(name, number) == rule and t:rule(rule:handle()) == rule)
            assert(t:build(name, rule:arguments()):text() == rule:text())
            assert(t:find(name, rule:arguments()) == rule)
          end
        end
        print("COMMIT")]])
      assert.same(tables.save_counted(lab.server, family), shown)
    end)

    it("edits a table as iptables does, " .. family, function()
      local mine, theirs = network.host(), network.host()
      -- each step in a commit of its own, and all of them in one
      for _, step in ipairs(steps) do
        tables.edit(theirs.server, family, for_iptables(step[1], family))
      end
      local expected = tables.save_counted(theirs.server, family)
      local calls, commits = {}, {}
      for index, step in ipairs(steps) do
        calls[index] = ("assert(%s)"):format(step[2])
        commits[index] = ("t = assert(netfilter.open(family)) assert(%s) assert(t:commit())"):format(step[2])
      end
      table.insert(calls, 1, "local t = assert(netfilter.open(family))")
      calls[#calls + 1] = "assert(t:commit())"
      lua(mine.server, family, table.concat(calls, "\n"))
      assert.same(expected, tables.save_counted(mine.server, family))
      local third = network.host()
      lua(third.server, family, "local t\n" .. table.concat(commits, "\n"))
      assert.same(expected, tables.save_counted(third.server, family))
    end)

    it("keeps what is not touched, counters and all, " .. family, function()
      local lab = network.host()
      tables.restore(lab.server, family, counted, "-c")
      lua(lab.server, family, [[
        local t = assert(netfilter.open(family))
        assert(t:rename_chain("GUARD", "AGUARD"))
        assert(t:insert("AGUARD", 2, "-p udp -j ACCEPT"))
        assert(t:policy("INPUT", "ACCEPT"))
        assert(t:delete("INPUT", 1))
        assert(t:rule("INPUT", 2):set_counters(30, 40))
        assert(t:zero("OUTPUT"))
        assert(t:commit())]])
      local expected = counted:gsub("GUARD", "AGUARD"):gsub("INPUT DROP", "INPUT ACCEPT")
        :gsub("OUTPUT ACCEPT %[7:700%]", "OUTPUT ACCEPT [0:0]"):gsub("%[1:60%][^\n]*\n", ""):gsub("%[3:4%]", "[30:40]")
        :gsub("(%[18446744073709551:1%])", "[0:0] -A AGUARD -p udp -j ACCEPT\n%1")
        :gsub('(:AGUARD %- %[0:0%]\n)(:"quoted" %- %[0:0%]\n)', "%2%1")
      assert.same(expected, tables.save_counted(lab.server, family))
    end)
  end

  it("loses no packet of a flood while it commits", function()
    local lab = network.host()
    tables.edit(lab.server, "ipv4", "-A INPUT -i lo -p icmp -j ACCEPT")
    local flood = lab.server:start { "ping", "-q", "-f", "-c", "20000", "127.0.0.1" }
    lua(lab.server, "ipv4", [[
      for round = 1, 40 do
        local t = assert(netfilter.open(family))
        assert(t:insert("INPUT", 1, "-p tcp --dport " .. round))
        assert(t:commit())
      end]])
    local done = flood:wait(60)
    local sent, received = done.out:match("(%d+) packets transmitted, (%d+) received")
    assert.same(sent, received, done.out)
    local rule = tables.find(tables.filter(lab.server, "ipv4").INPUT, "icmp")
    assert.same(2 * tonumber(sent), rule.packets)
    assert.same(41, #tables.filter(lab.server, "ipv4").INPUT)
  end)

  it("notices whoever changes the table in between", function()
    local lab = network.host()
    tables.edit(lab.server, "ipv4", "-A INPUT -j ACCEPT")
    -- as many rules as before, which the kernel would not notice
    assert.same("busy\tIPv4 table filter\tnil\nbusy\n1\n", lua(lab.server, "ipv4", [[
      local mine, other = assert(netfilter.open(family)), assert(netfilter.open(family))
      assert(other:replace("INPUT", 1, "-j DROP"))
      assert(other:commit())
      assert(mine:append("INPUT", "-j RETURN"))
      local ok, message, code = mine:commit()
      print(code, message:match("somebody else changed the (.-) since"), ok)
      print((select(3, mine:commit())))
      print(#netfilter.open(family):rules("INPUT"))]]))
    assert.same("-j DROP", tables.filter(lab.server, "ipv4").INPUT[1].text)
  end)

  it("waits for the lock, and says when it does not get it", function()
    local lab = network.host()
    local lock = lab.dir .. "/xtables.lock"
    lab.server:start { "flock", lock, "sleep", "1.5" }
    run.wait_until("the lock", 5, function()
      return lab.server:run({ "flock", "-n", lock, "true" }).code ~= 0
    end)
    assert.same("busy\tanother program holds the xtables lock; waited 0.1 seconds\ntrue\n", lua(lab.server, "ipv4", [[
      local t = assert(netfilter.open(family))
      assert(t:append("INPUT", "-j ACCEPT"))
      local _, message, code = t:commit { wait = 0.1 }
      print(code, message)
      print(t:commit { wait = 20 })]]))
    assert.same(1, #tables.filter(lab.server, "ipv4").INPUT)
  end)

  it("names the rule that the kernel refuses, and leaves the table alone", function()
    local lab = network.host()
    tables.edit(lab.server, "ipv4", "-A INPUT -j ACCEPT")
    local before = tables.save_counted(lab.server, "ipv4")
    local said = lua(lab.server, "ipv4", [[
      local t = assert(netfilter.open(family))
      assert(t:append("OUTPUT", "-j ACCEPT"))
      assert(t:append("OUTPUT", "-j MASQUERADE"))
      print(select(2, t:commit()))
      assert(t:delete("OUTPUT", 2))
      print(#t:rules("OUTPUT"))]])
    local words = "rule 2 of OUTPUT (-j MASQUERADE): the kernel refuses the IPv4 table filter: "
    assert.truthy(said:find(words, 1, true), said)
    assert.truthy(said:find("\tkernel\n1\n$"), said)
    assert.same(before, tables.save_counted(lab.server, "ipv4"))
  end)

  it("names the rule whose set is not there, and a place that there is not", function()
    local lab = network.host()
    assert.equal([[
rule 2 of OUTPUT (-m set --match-set nosuch src -j DROP): Set nosuch doesn't exist.	invalid
there is no place 0 in chain OUTPUT of table filter: a rule can become number 1 to 3	invalid
there is no place 4 in chain OUTPUT of table filter: a rule can become number 1 to 3	invalid
1
]], lua(lab.server, "ipv4", [[
      local t = assert(netfilter.open(family))
      assert(t:append("OUTPUT", "-j ACCEPT"))
      assert(t:append("OUTPUT", "-m set --match-set nosuch src -j DROP"))
      print(select(2, t:commit()))
      print(select(2, t:insert("OUTPUT", 0, "-j ACCEPT")))
      print(select(2, t:insert("OUTPUT", 4, "-j ACCEPT")))
      assert(t:delete("OUTPUT", 2))
      assert(t:commit())
      print(#assert(netfilter.open(family)):rules("OUTPUT"))]]))
  end)

  it("creates no table by reading it, nor by a commit of nothing", function()
    local lab = network.host()
    lua(lab.server, "ipv4", [[
      for _, name in ipairs { "filter", "nat", "mangle", "raw" } do
        local t = assert(netfilter.open(family, name))
        assert(#t:diff() == 0)
        local rule = assert(t:append("OUTPUT", "-j ACCEPT"))
        assert(t:delete(rule))
        assert(t:commit())
      end]])
    assert.same("", tables.names(lab.server, "ipv4"))
  end)

  it("tells what differs", function()
    local lab = network.host()
    tables.restore(lab.server, "ipv4", counted, "-c")
    assert.same([[
new_chain NEW nil nil nil
remove INPUT -i lo -j ACCEPT nil 1
move INPUT -p tcp -m tcp --dport 22 -m comment --comment "from \"home\"" -j GUARD 2 2
policy FORWARD DROP nil nil
remove GUARD -j DROP nil 2
remove GUARD -m limit --limit 3/min -j RETURN nil 1
add NEW -j ACCEPT 1 nil
--
policy INPUT ACCEPT nil nil
policy OUTPUT DROP nil nil
--
line:2: unknown option "--dprt": did you mean `--dport'?
line:1: no chain `X' so far: put "-N X" in front
line:1: built-in chains have a policy (-P), and the others have none (-N), and `INPUT' is built in
line:1: `nonsense' is not "-P CHAIN POLICY", "-N CHAIN" or "-A CHAIN RULE"
only tables of one family and one name can be compared
]], lua(lab.server, "ipv4", [[
      local function show(changes)
        for _, change in ipairs(changes) do
          print(change.change .. " " .. change.chain .. " " .. tostring(change.rule or change.policy) .. " "
            .. tostring(change.number) .. " " .. tostring(change.from))
        end
      end
      local t, u = assert(netfilter.open(family)), assert(netfilter.open(family))
      assert(#t:diff(u) == 0 and #t:diff(u:lines()) == 0 and #t:diff() == 0)
      assert(t:new_chain("NEW"))
      assert(t:append("NEW", "-j ACCEPT"))
      assert(t:delete("INPUT", 1))
      local words = t:rule("INPUT", 2):arguments()
      assert(t:delete("INPUT", 2))
      assert(t:insert("INPUT", 1, words))
      assert(t:policy("FORWARD", "DROP"))
      assert(t:flush("GUARD"))
      show(u:diff(t))
      assert(#u:diff(t) == #t:diff() and #u:diff(t:lines()) == #t:diff())
      print("--")
      local lines = u:lines()
      for index, line in ipairs(lines) do
        lines[index] = line == "-P INPUT DROP" and "-P INPUT ACCEPT"
          or line == "-P OUTPUT ACCEPT" and ":OUTPUT DROP [0:0]" or line
      end
      show(u:diff(lines))
      print("--")
      print((select(2, u:diff { "-A INPUT -j ACCEPT", "-A INPUT -p tcp --dprt 22" })))
      print((select(2, u:diff { "-A X -j ACCEPT" })))
      print((select(2, u:diff { "-N INPUT" })))
      print((select(2, u:diff { "nonsense" })))
      print((select(2, u:diff(assert(netfilter.open(family, "mangle"))))))]]))
  end)

  it("knows what is stale", function()
    local lab = network.host()
    lua(lab.server, "ipv4", [[
      local function is_stale(first, message, code)
        assert(first == nil and type(message) == "string" and code == "stale", message)
      end
      local t = assert(netfilter.open(family))
      local kept, gone = t:append("INPUT", "-j ACCEPT"), t:append("INPUT", "-j DROP")
      local replaced = t:append("INPUT", "-j DROP")
      local handle = gone:handle()
      assert(t:delete(gone))
      is_stale(gone:text())
      is_stale(gone:counters())
      is_stale(t:rule(handle))
      assert(t:replace(replaced, "-j RETURN"))
      is_stale(replaced:arguments())
      local built = assert(t:build("INPUT", "-j ACCEPT"))
      assert(built:number() == 0 and kept:number() == 1)
      assert(t:append("INPUT", built) == built and built:number() == 3)
      local first, _, code = t:append("INPUT", built)
      assert(first == nil and code == "invalid")
      local other = assert(netfilter.open(family))
      first, _, code = other:append("INPUT", kept)
      assert(first == nil and code == "invalid")
      assert(other:close() and other:close())
      assert(t:commit())
      for _, method in ipairs { "family", "name", "chains", "lines", "diff", "commit", "flush", "zero" } do
        is_stale(t[method](t))
      end
      for _, method in ipairs { "text", "arguments", "counters", "chain", "number", "target", "handle" } do
        is_stale(kept[method](kept))
      end
      local escaped
      do
        local scoped <close> = assert(netfilter.open(family))
        escaped = scoped:rule("INPUT", 1)
        assert(escaped:text() == "-j ACCEPT")
      end
      is_stale(escaped:text())
      -- a rule keeps its table
      local rule = assert(netfilter.open(family)):rule("INPUT", 1)
      collectgarbage() collectgarbage()
      assert(rule:text() == "-j ACCEPT")]])
  end)

  it("raises on a caller's mistake", function()
    local lab = network.host()
    lua(lab.server, "ipv4", [[
      local t = assert(netfilter.open(family))
      local function raises(pattern, ...)
        local ok, message = pcall(...)
        assert(not ok and message:find(pattern), message)
      end
      raises("invalid option 'ipv5'", netfilter.open, "ipv5")
      raises("string expected, got table", t.rules, t, {})
      raises("string, table or rule expected", t.append, t, "INPUT", 5)
      raises("number expected, got string", t.insert, t, "INPUT", "x", "-j ACCEPT")
      raises("element 2 is not a string", t.append, t, "INPUT", { "-j", 5 })
      raises("table expected, got string", t.commit, t, "now")
      raises("the only option is `wait'", t.commit, t, { wiat = 3 })
      raises("wait: 0 to 86400 seconds", t.commit, t, { wait = -1 })
      raises("netfilter.table expected", t.chains, io.stdout)
      raises("netfilter.rule expected", getmetatable(t:build("INPUT", "")).__index.text, t)
      raises("a counter is not negative", function() t:append("INPUT", "-j ACCEPT"):set_counters(-1, 0) end)]])
  end)

  it("says what it lacks where there is no privilege", function()
    local lab = network.host()
    local said = lua(lab.server, "ipv4", [[print(select(2, netfilter.open(family)))]], { nobody = true })
    assert.truthy(said:find("root %(CAP_NET_ADMIN%)\tenvironment\n$"), said)
  end)
end)
