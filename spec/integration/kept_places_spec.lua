-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Where kept rules stand, by which record they are kept, and whose rules are
-- whose in a chain that a policy shares with its owner.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local base = [[
default_deny()
allow_established()
allow_loopback()
drop_invalid()
allow_inbound_ssh()
log_denied()
chain("filter", "INPUT"):append { protocol = "tcp", destination_port = 1, jump = "DROP", stage = "first" }
]]

describe("what a policy keeps has its place #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  local function load(text, family)
    tables.restore(lab.server, family or "ipv4", text, "-c")
  end

  local function rules(chain, of, family)
    local texts = {}
    for _, rule in ipairs(tables.parse(tables.save(lab.server, family or "ipv4"))[of or "filter"][chain] or {}) do
      texts[#texts + 1] = rule.text
    end
    return texts
  end

  -- Between which rules does one stand? Words of the one before and of the one behind it.
  local function stands(part, before, after, chain)
    local list = rules(chain or "INPUT")
    for i, text in ipairs(list) do
      if text:find(part, 1, true) then
        assert.truthy(not before and i == 1 or before and list[i - 1]:find(before, 1, true),
          ("%s is not behind %s:\n%s"):format(part, before, table.concat(list, "\n")))
        assert.truthy(not after and i == #list or after and list[i + 1]:find(after, 1, true),
          ("%s is not in front of %s:\n%s"):format(part, after, table.concat(list, "\n")))
        return
      end
    end
    error(part .. " is not in " .. table.concat(list, "\n"))
  end

  local function nothing_to_do(policy)
    local result = program:run("plan", policy, "--detailed-exitcode")
    assert.equal(0, result.code, result.out .. result.err)
    local status = program:must("status").out
    assert.truthy(status:find("drift        none", 1, true), status)
  end

  local function apply(text)
    local policy = program:policy(text)
    program:apply(policy)
    nothing_to_do(policy)
    return policy
  end

  local jail = [[
*filter
:INPUT ACCEPT [0:0]
:THEIRS - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j THEIRS
-A INPUT -p udp -m udp --dport 53 -j THEIRS
-A THEIRS -s 192.0.2.1/32 -j DROP
COMMIT
]]

  it("behind the stage first, where it says nothing else", function()
    load(jail)
    apply(base .. 'keep { chains = "THEIRS" }\n')
    stands("--dport 22 -j THEIRS", "--dport 1 ", "--dport 53 -j THEIRS")
    stands("--dport 53 -j THEIRS", "--dport 22 -j THEIRS", "RELATED,ESTABLISHED")
  end)

  it("before or after the stage that it says", function()
    load(jail)
    local before = {
      first = { nil, "--dport 1 " }, established = { "--dport 1 ", "RELATED" }, loopback = { "RELATED", "-i lo" },
      guard = { "-i lo", "INVALID" }, allow = { "INVALID", "--dport 22 -m conntrack" },
      last = { "--dport 22 -m conntrack", "-j LOG" },
    }
    local after = {
      first = before.established, established = before.loopback, loopback = before.guard, guard = before.allow,
      allow = before.last, last = { "-j LOG", nil },
    }
    for word, places in pairs { before = before, after = after } do
      for stage, place in pairs(places) do
        apply(base .. ('keep { chains = "THEIRS", %s = "%s" }\n'):format(word, stage))
        stands("--dport 22 -j THEIRS", place[1], "--dport 53 -j THEIRS")
        stands("--dport 53 -j THEIRS", "--dport 22 -j THEIRS", place[2])
      end
    end
  end)

  it("in a saved plan and in a generation as in its policy", function()
    load(jail)
    local policy = program:policy(base .. 'keep { chains = "THEIRS", before = "allow" }\n')
    local file = lab.dir .. "/kept.plan"
    program:must("plan", policy, "--out", file)
    program:apply(file)
    nothing_to_do(policy)
    stands("--dport 53 -j THEIRS", "--dport 22 -j THEIRS", "--dport 22 -m conntrack")
    assert.equal(0, program:run("plan", file, "--detailed-exitcode").code)
    -- whoever keeps nothing has no use for ranks
    assert.truthy(run.read_file(program.state_dir .. "/confirmed/rules.v6"):find("#@rank 31", 1, true))
    program:apply(program:policy(base), "--remove-foreign")
    assert.falsy(run.read_file(program.state_dir .. "/confirmed/rules.v6"):find("#@rank", 1, true))
  end)

  it("where its owner inserts it anew the plan puts it back, and status says nothing of it", function()
    load(jail)
    local policy = apply(base .. 'keep { chains = "THEIRS" }\n')
    tables.edit(lab.server, "ipv4", "-D INPUT -p udp --dport 53 -j THEIRS")
    tables.edit(lab.server, "ipv4", "-I INPUT 1 -p udp --dport 53 -j THEIRS")
    local status = program:must("status").out
    assert.truthy(status:find("drift        none", 1, true), status)
    assert.equal(2, program:run("plan", policy, "--detailed-exitcode").code)
    program:apply(policy)
    nothing_to_do(policy)
    stands("--dport 53 -j THEIRS", "--dport 1 ", "--dport 22 -j THEIRS")
  end)

  it("behind the policy's own rules in a chain that both share", function()
    load("*filter\n:FORWARD DROP [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n"
      .. "[5:500] -A DOCKER-USER -j RETURN\nCOMMIT\n")
    local shared = base .. 'keep { chains = "DOCKER*" }\n'
      .. 'chain("filter", "DOCKER-USER", { family = "ipv4" }):append "-s 192.0.2.9 -j DROP"\n'
    local policy = program:policy(shared)
    local planned = program:must("plan", policy)
    assert.falsy(planned.err:find("nothing reaches", 1, true), planned.err)
    apply(shared)
    assert.same({ "-s 192.0.2.9/32 -j DROP", "-j RETURN" }, rules("DOCKER-USER"))
    assert.equal(5, tables.filter(lab.server, "ipv4")["DOCKER-USER"][2].packets)
    -- what somebody puts in front stays there, and is no drift; a rule of ours that is gone is
    tables.edit(lab.server, "ipv4", "-I DOCKER-USER 1 -s 192.0.2.7 -j DROP")
    tables.edit(lab.server, "ipv4", "-I DOCKER-USER 1 -s 192.0.2.6 -j DROP")
    nothing_to_do(policy)
    tables.edit(lab.server, "ipv4", "-D DOCKER-USER -s 192.0.2.9 -j DROP")
    assert.truthy(program:must("status").out:find("drift        1 ", 1, true), program:must("status").out)
    -- what was ours goes with its line, what was there stays
    program:apply(policy)
    apply(base .. 'keep { chains = "DOCKER*" }\n')
    assert.same({ "-s 192.0.2.6/32 -j DROP", "-s 192.0.2.7/32 -j DROP", "-j RETURN" }, rules("DOCKER-USER"))
    assert.same({ "-j DOCKER-USER" }, { rules("FORWARD")[1] })
  end)

  it("by what its rules say, and no further", function()
    load("*filter\n-A FORWARD -i docker0 -o docker0 -j ACCEPT\n-A FORWARD -i eth9 -j ACCEPT\nCOMMIT\n"
      .. "*nat\n[3:300] -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\nCOMMIT\n")
    local text = base .. 'keep { rules = { "-i docker0 *", "-s 172.17.0.0/16 *" } }\n'
      .. 'chain("nat", "POSTROUTING", { family = "ipv4" }):append "-s 10.8.0.0/24 -o eth9 -j MASQUERADE"\n'
    local result = program:run("plan", program:policy(text))
    assert.equal(5, result.code, result.err)
    assert.truthy(result.err:find("1 rule that Moongate did not put there", 1, true), result.err)
    tables.edit(lab.server, "ipv4", "-D FORWARD -i eth9 -j ACCEPT")
    apply(text)
    assert.same({ "-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE", "-s 10.8.0.0/24 -o eth9 -j MASQUERADE" },
      rules("POSTROUTING", "nat"))
    assert.truthy(tables.save_counted(lab.server, "ipv4"):find("[3:300] -A POSTROUTING -s 172.17", 1, true))
    -- behind ours, if it says so
    apply((text:gsub("%* ?\" } }", "*\" }, after = \"allow\" }")))
    assert.same({ "-s 10.8.0.0/24 -o eth9 -j MASQUERADE", "-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE" },
      rules("POSTROUTING", "nat"))
  end)

  it("by the set that its rules look up", function()
    if lab.server:run({ "ipset", "create", "f2b-web", "hash:ip" }).code ~= 0 then
      error("ipset does not work here")
    end
    lab.server:must { "ipset", "create", "other", "hash:ip" }
    tables.edit(lab.server, "ipv4", "-A INPUT -p tcp -m set --match-set f2b-web src -j DROP")
    tables.edit(lab.server, "ipv4", "-A INPUT -p tcp -m set ! --match-set other src -j SET --add-set f2b-web src")
    apply(base .. 'keep { sets = "f2b-*" }\n')
    stands("--match-set f2b-web", "--dport 1 ", "--add-set f2b-web")
    tables.edit(lab.server, "ipv4", "-A INPUT -p tcp -m set --match-set other src -m comment --comment f2b-web -j DROP")
    assert.equal(5, program:run("plan", lab.dir .. "/policy.lua").code)
  end)

  it("by its table, policies that ours does not ask for too", function()
    load("*mangle\n:PREROUTING DROP [0:0]\n:INPUT DROP [0:0]\n:OWN - [0:0]\n-A INPUT -j OWN\n"
      .. "[7:70] -A OWN -j MARK --set-xmark 0x7/0xffffffff\nCOMMIT\n")
    local before = tables.save_counted(lab.server, "ipv4"):match("%*mangle.-COMMIT")
    local text = base .. 'keep { tables = "mangle" }\n'
      .. 'chain("mangle", "INPUT", { policy = "ACCEPT", family = "ipv4" }):append "-j RETURN"\n'
    local policy = apply(text)
    local after = tables.save_counted(lab.server, "ipv4"):match("%*mangle.-COMMIT")
    assert.equal(before:gsub(":INPUT DROP", ":INPUT ACCEPT"):gsub("(%[0:0%] %-A INPUT %-j OWN\n)",
      "%1[0:0] -A INPUT -j RETURN\n"), after)
    tables.edit(lab.server, "ipv4", "-t mangle -P PREROUTING ACCEPT")
    nothing_to_do(policy)
    tables.edit(lab.server, "ipv4", "-t mangle -P INPUT DROP")
    assert.equal(2, program:run("plan", policy, "--detailed-exitcode").code)
  end)

  it("and is back at its old one when an apply is taken back", function()
    load("*filter\n:INPUT DROP [9:900]\n:THEIRS - [0:0]\n:SCRIPT - [0:0]\n[1:10] -A INPUT -i lo -j ACCEPT\n"
      .. "[2:20] -A INPUT -p tcp -m tcp --dport 22 -j THEIRS\n[3:30] -A INPUT -j SCRIPT\n"
      .. "[4:40] -A INPUT -p udp -m udp --dport 53 -g THEIRS\n[5:50] -A THEIRS -j RETURN\n"
      .. "[6:60] -A SCRIPT -p tcp -m tcp --dport 22 -j ACCEPT\n[7:70] -A SCRIPT -j THEIRS\nCOMMIT\n")
    local before = tables.save_counted(lab.server, "ipv4")
    local process = program:start("apply", program:policy(base .. 'keep { chains = "THEIRS", after = "last" }\n'),
      "--confirm", "20", "--remove-foreign")
    run.wait_until("the new tables", 8, function()
      return tables.find(tables.filter(lab.server, "ipv4").INPUT, "--dport 1 ")
    end)
    stands("--dport 53 -g THEIRS", "--dport 22 -j THEIRS", nil)
    assert.truthy(tables.save_counted(lab.server, "ipv4"):find("[4:40] -A INPUT -p udp", 1, true))
    run.wait_until("a roll-back", 8, function()
      return program:run("rollback").code == 0
    end)
    assert.equal(3, process:wait(5).code)
    assert.equal(before, tables.save_counted(lab.server, "ipv4"))
  end)

  it("but none in an export, which says so", function()
    load(jail)
    local text = base .. 'keep { chains = "THEIRS" }\n'
    local export = program:must("export", "-4", program:policy(text))
    assert.truthy(export.err:find("none of the rules of other software that the policy keeps", 1, true), export.err)
    assert.falsy(export.out:find("\n[:-][^\n]*THEIRS"), export.out)
    assert.equal(0, tables.try_restore(lab.server, "ipv4", export.out).code)
    assert.truthy(tables.save(lab.server, "ipv4"):find("-A INPUT -i lo -j ACCEPT", 1, true))
    export = program:must("export", "-4", program:policy(base))
    assert.falsy(export.err:find("other software", 1, true), export.err)
  end)

  it("with the chains that its rules lead to", function()
    load((jail:gsub(":THEIRS %- %[0:0%]\n", "%0:NAMED - [0:0]\n:LONE - [0:0]\n")
      :gsub("%-A THEIRS", "-A NAMED -j RETURN\n-A LONE -j RETURN\n-A THEIRS -g NAMED\n-A THEIRS", 1)))
    local text = base .. 'keep { chains = "THEIRS" }\n'
    local result = program:run("plan", program:policy(text))
    assert.equal(5, result.code, result.err)
    assert.truthy(result.err:find("1 rule and 1 chain that", 1, true), result.err)
    program:apply(program:policy(text), "--remove-foreign")
    assert.same({ "-j RETURN" }, rules("NAMED"))
    assert.same({ "-g NAMED", "-s 192.0.2.1/32 -j DROP" }, rules("THEIRS"))
    assert.falsy(tables.save(lab.server, "ipv4"):find(":LONE", 1, true))
    nothing_to_do(lab.dir .. "/policy.lua")
  end)
end)
