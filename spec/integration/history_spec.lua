-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- `moongate history` and `apply --generation`: what was applied, from which bytes,
-- and back to it on the way of any other apply.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local base = "default_deny() allow_established() allow_loopback() allow_icmp() allow_inbound_ssh()\n"

local first = base .. [[
use("web", { port = 8080 })
allow_inbound { tcp = 9, from = addresses { "192.0.2.7", "198.51.100.0/24", as = "set", name = "office" } }
allow_inbound { tcp = 10, from = addresses_from_file("lists/friends") }
chain("mangle", "FORWARD"):append "-p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
]]

local second = base .. "allow_inbound { tcp = 7 }\nchain('mangle', 'FORWARD')\n"

describe("the history #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
    run.must { "mkdir", lab.dir .. "/lists" }
    run.write_file(lab.dir .. "/web.lua", "return function(o) allow_inbound { tcp = o.port } end\n")
    run.write_file(lab.dir .. "/lists/friends", "10.1.0.0/16\n")
  end)

  after_each(network.close_all)

  local function sum(file)
    return run.must({ "sha256sum", lab.dir .. "/" .. file }):match("^%x+")
  end

  -- Both families and the sets, whatever their names of the day and their hashes are.
  local function both()
    local sets = {}
    for line in lab.server:must({ "ipset", "save" }):gmatch("[^\n]+") do
      sets[#sets + 1] = line:gsub("(mg%d%-%w+)%.%d+", "%1"):gsub(" initval %S+", "")
    end
    table.sort(sets)
    return tables.save(lab.server, "ipv4") .. tables.save(lab.server, "ipv6") .. table.concat(sets, "\n")
  end

  local function apply_two()
    program:apply(program:policy(first))
    local then_live = both()
    program:apply(program:policy(second))
    return then_live
  end

  local function fails(code, expected, ...)
    local result = program:run(...)
    assert.equal(code, result.code, result.out .. result.err)
    assert.truthy(result.err:find(expected, 1, true), result.err)
  end

  it("is empty at first, and says so", function()
    local result = program:run("history")
    assert.equal(0, result.code)
    assert.truthy((result.out .. result.err):find("Nothing was ever applied here", 1, true))
    fails(1, "there is no generation 1: `moongate history' has those that there are", "history", "show", "1")
    fails(1, "there is no generation 1", "apply", "--generation", "1")
  end)

  it("lists what was applied, the newest first", function()
    apply_two()
    local out = program:must("history").out
    assert.truthy(out:find("\n%*   2  %d%d%d%d%-%d%d%-%d%d %d%d:%d%d  root  no%-confirm  %+2 %-%d+ ~0 +"
      .. lab.dir:gsub("%p", "%%%0") .. "/policy.lua\n    1  "), out)
    -- a rule that is not ours, and one that waits
    local waiting = program:start("apply", program:policy(first), "--confirm", "60s")
    run.wait_until("the third waits", 10, function()
      return program:run("history").out:find("\n%? +3 ") ~= nil
    end)
    assert.truthy(program:must("history").out:find("\n%? +3  [^\n]*  never  ", 1), program:must("history").out)
    program:must("rollback")
    waiting:wait(20)
    assert.falsy(program:must("history").out:find(" 3  2", 1, true))
  end)

  it("shows all of one: its files, and whether they are the same, its rules and sets", function()
    local policy_sum
    program:policy(first)
    policy_sum = sum("policy.lua")
    apply_two()
    run.write_file(lab.dir .. "/lists/friends", "10.2.0.0/16\n")
    os.remove(lab.dir .. "/web.lua")
    local out = program:must("history", "show", "1").out
    for _, expected in ipairs {
      "generation   1\n", "confirmed    no-confirm, 2", "policy       policy.lua, another one now\n",
      "             " .. policy_sum .. "\n", "module       web, gone\n",
      "addresses    lists/friends, another one now\n",
      "filter  INPUT  (v4)   policy DROP\n", "--dport 8080 -m conntrack --ctstate NEW -j ACCEPT",
      "web.lua:1\n", "set  mg4-office  hash:net   2 members", "\n       198.51.100.0/24\n",
      "mangle  FORWARD  (v6)",
    } do
      assert.truthy(out:find(expected, 1, true), expected .. " is not in: " .. out)
    end
    out = program:must("history", "show", "2").out
    assert.truthy(out:find("generation   2, in force\n", 1, true), out)
    assert.truthy(out:find("policy       policy.lua, unchanged since\n", 1, true), out)
    -- without an extension that it needs it can still be read
    local hidden = program:run_with({ env = { XTABLES_LIBDIR = "/nowhere" } }, "history", "show", "1")
    assert.equal(0, hidden.code, hidden.err)
  end)

  it("is gone back to, with rules, sets, tables and origins", function()
    local then_live = apply_two()
    os.remove(lab.dir .. "/web.lua") -- nothing of the policy is needed
    local plan = program:must("plan", "--generation", "1").out
    assert.truthy(plan:find("`moongate apply --generation 1` does it.", 1, true), plan)
    assert.truthy(plan:find("%+ 8/17 [^\n]*%-%-dport 8080[^\n]*web.lua:1"), plan)
    local out = program:must("apply", "--generation", "1", "--no-confirm").out
    assert.truthy(out:find("policy.lua:3", 1, true), out)
    assert.equal(then_live, both())
    out = program:must("history", "show", "3").out
    assert.truthy(out:find("rules        those of generation 1\n", 1, true), out)
    assert.truthy(out:find("module       web, gone\n", 1, true), out)
    assert.truthy(program:must("history").out:find("~0, from 1 ", 1, true))
    assert.truthy(program:must("show", "filter", "INPUT").out:find("web.lua:1", 1, true))
    -- again: there is nothing to do, and nothing is recorded
    program:must("apply", "--generation", "1", "--no-confirm")
    assert.falsy(program:must("history").out:find("\n[* ] +4  "))
    -- and it is what the next boot loads
    lab.server:must { "iptables-legacy", "-F" }
    program:must("restore")
    assert.equal(then_live, both())
  end)

  it("is gone back to under the guard: taken back unless it is confirmed", function()
    apply_two()
    local before = both()
    local result = program:run("apply", "--generation", "1", "--confirm", "1s")
    assert.equal(3, result.code, result.err)
    assert.equal(before, both())
    assert.truthy(program:must("history").out:find("\n%* +2  "))
  end)

  it("leaves to others what it keeps, as it is now, and refuses to remove what it does not", function()
    program:apply(program:policy('keep { chains = "f2b-*" }\n' .. base))
    program:apply(program:policy('keep { chains = "f2b-*" }\n' .. second))
    tables.edit(lab.server, "ipv4", "-N f2b-sshd")
    tables.edit(lab.server, "ipv4", "-A f2b-sshd -s 203.0.113.9/32 -j REJECT")
    tables.edit(lab.server, "ipv4", "-I INPUT 1 -p tcp -m multiport --dports 22 -j f2b-sshd")
    program:must("apply", "--generation", "1", "--no-confirm")
    assert.truthy(program:must("history", "show", "3").out:find("\nkept  chains  f2b-*   keep  ", 1, true))
    local live = tables.save(lab.server, "ipv4")
    assert.truthy(live:find("-A f2b-sshd -s 203.0.113.9/32 -j REJECT", 1, true), live)
    assert.truthy(live:find("-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd", 1, true), live)
    tables.edit(lab.server, "ipv4", "-A INPUT -p udp -j DROP")
    fails(5, "1 rule that Moongate did not put there would be removed", "apply", "--generation", "2", "--no-confirm")
    assert.truthy(tables.save(lab.server, "ipv4"):find("-A INPUT -p udp -j DROP", 1, true))
  end)

  it("knows the files of a saved plan, too, and the plan itself", function()
    local path, file = program:policy(first), lab.dir .. "/tonight.plan"
    local policy_sum = sum "policy.lua"
    program:must("plan", path, "--out", file)
    os.remove(path)
    os.remove(lab.dir .. "/web.lua")
    program:must("apply", file, "--no-confirm")
    local out = program:must("history", "show", "1").out
    for _, expected in ipairs { "\npolicy       policy.lua, gone\n", "\n             " .. policy_sum .. "\n",
                                "\nmodule       web, gone\n", "\naddresses    lists/friends, unchanged since\n",
                                "\nplan         tonight.plan, unchanged since\n" } do
      assert.truthy(out:find(expected, 1, true), expected .. " is not in: " .. out)
    end
  end)

  it("is not gone back to where it would lock the operator out", function()
    local other = network.lab()
    local far = moongate.new(other)
    local ssh = { env = { SSH_CONNECTION = "10.137.0.2 50000 10.137.0.1 22" } }
    far:apply(far:policy((base:gsub("allow_inbound_ssh%(%)", ""))))
    far:apply(far:policy(base))
    local before = tables.save(other.server, "ipv4")
    local result = far:run_with(ssh, "apply", "--generation", "1", "--no-confirm")
    assert.equal(5, result.code, result.out .. result.err)
    assert.equal(before, tables.save(other.server, "ipv4"))
    assert.equal(0, far:run_with(ssh, "apply", "--generation", "1", "--no-confirm", "--force").code)
    -- who applied, and from where, stands in the history
    local out = far:must("history", "show", "3").out
    assert.truthy(out:find("^generation   3, in force\napplied      [^\n]* by root from 10%.137%.0%.2\n"), out)
  end)

  it("is exported, too", function()
    apply_two()
    local text = program:must("export", "--generation", "1", "-4").out
    assert.truthy(text:find("\n#@ web.lua:1 allow_inbound\n-A INPUT -p tcp -m tcp --dport 8080 ", 1, true), text)
    local sets = program:must("export", "--generation", "1", "--sets").out
    assert.truthy(sets:find("add mg4-office 198.51.100.0/24\n", 1, true), sets)
  end)

  it("goes back for one family alone, and for what that generation has", function()
    program:apply(program:policy(first), "-4")
    local six = tables.save(lab.server, "ipv6")
    fails(1, "generation 1 has no rules of the families that are asked for", "plan", "--generation", "1", "-6")
    program:apply(program:policy(second))
    program:must("apply", "--generation", "1", "--no-confirm")
    assert.truthy(tables.save(lab.server, "ipv4"):find("--dport 8080", 1, true))
    assert.truthy(tables.save(lab.server, "ipv6"):find("--dport 7", 1, true))
    assert.falsy(six:find("--dport 7", 1, true))
  end)

  it("takes no name of a user that a terminal would obey", function()
    local path = program:policy(base)
    for name, shown in pairs { alice = "by alice\n", ["ev\27[31mil"] = "by root\n" } do
      local result = program:run_with({ env = { SUDO_USER = name } }, "apply", "--no-confirm", path)
      assert.equal(0, result.code, result.err)
      local number = program:must("status").out:match("generation   (%d+)")
      assert.truthy(program:must("history", "show", number).out:find(shown, 1, true))
      path = program:policy(second)
    end
  end)

  it("tells damage, and does not go back to it", function()
    apply_two()
    local before = both()
    local file = program.state_dir .. "/generations/1/rules.v4"
    run.write_file(file, (run.read_file(file):gsub("8080", "8081")))
    local out = program:must("history").out
    assert.truthy(out:find("\n!   1  [^\n]*rules.v4 is damaged: its checksum is not the one in meta.json\n"), out)
    fails(7, "generations/1/rules.v4 is damaged", "history", "show", "1")
    fails(7, "generations/1/rules.v4 is damaged", "apply", "--generation", "1")
    run.write_file(program.state_dir .. "/generations/1/meta.json", "{")
    fails(7, "generations/1/meta.json is damaged", "apply", "--generation", "1")
    assert.truthy(program:must("history").out:find("\n!   1  [^\n]*meta.json is damaged"))
    assert.equal(before, both())
  end)

  it("is asked for in one way", function()
    fails(64, "either a policy or --generation", "apply", "--generation", "1", "x.lua")
    fails(64, "--generation takes a number, not `0'", "plan", "--generation", "0")
    fails(64, "--generation takes a number, not `-1'", "plan", "--generation=-1")
    fails(64, "--generation takes a number, not `4294967296'", "plan", "--generation", "4294967296")
    fails(64, "unexpected argument `7': is `show 7' meant?", "history", "7")
    fails(64, "show which generation?", "history", "show")
    fails(64, "show takes the number of a generation, not `last'", "history", "show", "last")
    apply_two()
    local facts = lab.dir .. "/facts.json"
    run.write_file(facts, program:must("facts").out)
    fails(64, "leave --facts out", "plan", "--generation", "1", "--facts", facts)
  end)
end)
