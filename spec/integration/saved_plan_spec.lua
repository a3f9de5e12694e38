-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- plan --out and apply FILE: what was shown is what is done, without the policy,
-- or nothing is, because what it was made for has changed.

local features = require "spec.support.features"
local generator = require "spec.support.generator"
local lfs = require "lfs"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local socket = require "socket"
local tables = require "spec.support.tables"
local trace = require "spec.support.trace"

local it = features.it(it, pending)
local it_beside_nft = features.it(it, pending, "nft")
local it_traced = features.it(it, pending, "strace")

local base = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
]]
local more = base .. "allow_inbound { tcp = 8443, comment = 'mineos \"webui\"' }\n"

-- Every table, chains of its own, jumps, gotos and odd words.
local broad = base .. [[
local c = chain("filter", "GUARD")
c:append { match = { { "comment", comment = "it's \\ \"quoted\" – caf\xe9" } }, jump = "RETURN" }
chain("filter", "INPUT"):append { protocol = "tcp", destination_port = 99, go_to = "GUARD" }
chain("nat", "POSTROUTING", { family = "ipv4" }):append "-o eth9 -j MASQUERADE"
chain("mangle", "FORWARD"):append "-p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
chain("raw", "PREROUTING"):append "-p udp --dport 53 -j CT --notrack"
chain("security", "INPUT"):append "-p udp --dport 5353 -j RETURN"
chain("filter", "INPUT"):append { match = { { "limit", limit = "5/minute" } }, jump = { "LOG", log_prefix = "a b: " } }
]]

describe("a saved plan #integration", function()
  local lab, program, file

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
    file = lab.dir .. "/kept.plan"
  end)

  after_each(network.close_all)

  local function plan(text, ...)
    return program:must("plan", program:policy(text), "--out", file, ...)
  end

  local function apply(...)
    return program:run("apply", file, "--no-confirm", ...)
  end

  local function done(result)
    assert.equal(0, result.code, result.out .. result.err)
    return result
  end

  -- apply refuses, touches nothing, and says each of the words.
  local function refused(words, ...)
    local before = tables.both(lab.server)
    local result = apply(...)
    assert.equal(5, result.code, result.out .. result.err)
    assert.equal(before, tables.both(lab.server))
    for _, word in ipairs(words) do
      assert.truthy(result.err:find(word, 1, true), word .. " is not in: " .. result.err)
    end
    return result
  end

  local function iptables(line, family)
    return tables.edit(lab.server, family or "ipv4", line)
  end

  it("touches nothing, and is only its owner's to read", function()
    local result = plan(base)
    assert.equal("rw-------", lfs.attributes(file, "permissions"))
    assert.truthy(result.out:find("`moongate apply " .. file .. "` does it", 1, true), result.out)
    assert.equal("", result.err)
    for _, family in ipairs(tables.families) do
      assert.equal("", tables.names(lab.server, family))
    end
    for name in lfs.dir(lab.dir) do
      assert.falsy(name:find("%.new$"), name)
    end
  end)

  it("does exactly what the policy would have done, in every table", function()
    local other = network.host()
    local reference = moongate.new(other)
    reference:apply(reference:policy(broad))
    plan(broad)
    done(apply())
    assert.equal(tables.both(other.server), tables.both(lab.server))
    assert.equal(0, program:run("plan", program:policy(broad), "--detailed-exitcode").code)
    -- the record is the same too: text, origins and the policy's path
    for _, name in ipairs { "rules.v4", "rules.v6" } do
      assert.equal(run.read_file(reference.state_dir .. "/confirmed/" .. name),
        run.read_file(program.state_dir .. "/confirmed/" .. name), name)
    end
    assert.truthy(run.read_file(program.state_dir .. "/confirmed/meta.json"):find(
      '"policy": "' .. lab.dir .. '/policy.lua"', 1, true))
  end)

  it("does not ask its policy again", function()
    plan(more)
    os.remove(lab.dir .. "/policy.lua")
    local shown = program:must("plan", file)
    assert.truthy(shown.out:find("policy.lua:6", 1, true), shown.out)
    done(apply())
    assert.truthy(program:must("show").out:find("policy.lua:6", 1, true))
    program:policy("error('changed since')")
    assert.truthy(done(apply()).out:find("Nothing to do", 1, true))
  end)

  it_traced("opens no Lua file when it is applied", function()
    plan(base)
    local result, text = program:traced({ "trace=openat" }, "apply", file, "--no-confirm")
    done(result)
    assert.falsy(text:find("%.lua\""), "a Lua file was opened:\n" .. text)
  end)

  it("waits for its confirmation, and is taken back without one", function()
    program:apply(program:policy(base))
    local before = tables.both(lab.server)
    plan(more)
    local result = program:run("apply", file, "--confirm", "1s")
    assert.equal(3, result.code, result.err)
    assert.equal(before, tables.both(lab.server))
    local waiting = program:start("apply", file, "--confirm", "20s")
    run.wait_until("the apply to wait", 10, function()
      return program:run("confirm", "--console").code == 0
    end)
    done(waiting:wait(10))
    assert.truthy(tables.find(tables.filter(lab.server, "ipv4").INPUT, "--dport 8443 "))
  end)

  it_traced("has nothing to do the second time, and writes nothing", function()
    plan(base)
    done(apply())
    local result, text = program:traced({ trace.expression }, "apply", file, "--no-confirm")
    assert.truthy(done(result).out:find("Nothing to do", 1, true), result.out)
    assert.same({ ipv4 = 0, ipv6 = 0 }, trace.replaces(text), text)
    done(program:run("plan", file, "--detailed-exitcode"))
  end)

  it("is saved too when there is nothing to do, and says by its exit code what there is", function()
    local path = program:policy(base)
    assert.equal(2, program:run("plan", path, "--out", file, "--detailed-exitcode").code)
    done(apply())
    os.remove(file)
    assert.equal(0, program:run("plan", path, "--out", file, "--detailed-exitcode").code)
    assert.truthy(done(apply()).out:find("Nothing to do", 1, true))
  end)

  it("replaces an older one", function()
    plan(base)
    plan(more)
    done(apply())
    assert.truthy(tables.find(tables.filter(lab.server, "ipv6").INPUT, "--dport 8443 "))
  end)

  it("is for one family if it was made for one", function()
    plan(base, "-4")
    done(apply("-4"))
    assert.equal("", tables.names(lab.server, "ipv6"))
    for _, option in ipairs { "-6", "-46" } do
      local result = apply(option)
      assert.equal(64, result.code, result.err)
      assert.truthy(result.err:find("plan for IPv4", 1, true), result.err)
    end
  end)

  it("is shown and checked like a policy", function()
    plan(base)
    local shown = program:must("plan", file, "-v")
    assert.truthy(shown.out:find("policy.lua:5", 1, true), shown.out)
    assert.truthy(shown.out:find("moongate apply " .. file, 1, true), shown.out)
    assert.truthy(shown.err:find(lab.dir .. "/policy.lua", 1, true), shown.err)
    assert.truthy(program:must("check", file).out:find("well formed", 1, true))
    assert.equal(1, program:run("plan", file, "--out", file .. "2").code)
    local exported = program:run("export", "-4", file)
    assert.equal(1, exported.code)
    assert.truthy(exported.err:find("is a saved plan", 1, true), exported.err)
  end)

  it("is saved and shown with --json as without", function()
    local path = program:policy(base)
    local result = program:must("plan", path, "--json", "--out", file)
    assert.equal("{", result.out:sub(1, 1))
    assert.equal("{", program:must("plan", file, "--json").out:sub(1, 1))
    iptables("-A INPUT -p tcp --dport 2323 -j ACCEPT")
    os.remove(file)
    result = program:run("plan", path, "--json", "--out", file)
    assert.equal(5, result.code)
    assert.truthy(result.out:find("Moongate did not put there", 1, true), result.out)
    assert.truthy(result.out:find("not saved", 1, true), result.out)
    assert.falsy(lfs.attributes(file))
  end)

  it("has its own facts", function()
    plan(base)
    run.write_file(lab.dir .. "/facts.json", program:must("facts").out)
    local result = apply("--facts", lab.dir .. "/facts.json")
    assert.equal(64, result.code, result.err)
    assert.truthy(result.err:find("--facts", 1, true), result.err)
  end)

  describe("when the live tables have changed", function()
    before_each(function()
      program:apply(program:policy(more))
      plan(base .. "allow_inbound { tcp = 9090 }\n")
    end)

    -- What changes our rules, and how the refusal calls it.
    local changes = {
      { "a rule is another, as many as before", "-R INPUT 1 -i lo -j ACCEPT", "chain INPUT of the IPv4 table filter" },
      { "a rule is gone", "-D OUTPUT 1", "chain OUTPUT of the IPv4 table filter" },
      { "a policy is another", "-P FORWARD ACCEPT", "chain FORWARD of the IPv4 table filter" },
      { "it is the other family", "-D INPUT 2", "chain INPUT of the IPv6 table filter", "ipv6" },
      { "a rule that was to go is gone already", "-D INPUT -p tcp -m tcp --dport 8443 -m conntrack --ctstate NEW"
        .. ' -m comment --comment', "chain INPUT of the IPv4 table filter" },
    }

    for _, change in ipairs(changes) do
      it("is refused: " .. change[1], function()
        if change[2]:find("--comment$") then
          local _, number = tables.find(tables.filter(lab.server, "ipv4").INPUT, "--dport 8443 ")
          iptables("-D INPUT " .. number)
        else
          iptables(change[2], change[4])
        end
        refused { change[3], "plan" }
        assert.equal(5, program:run("plan", file).code)
        done(apply("--force", "--remove-foreign"))
        assert.equal(0, program:run("plan", file, "--detailed-exitcode").code)
      end)
    end

    it("is refused: two rules have changed places", function()
      local text = tables.save(lab.server, "ipv4")
      local swapped, count = text:gsub("(%-A INPUT [^\n]*\n)(%-A INPUT [^\n]*\n)", "%2%1", 1)
      assert.equal(1, count)
      tables.restore(lab.server, "ipv4", swapped)
      refused { "chain INPUT of the IPv4 table filter has changed" }
    end)

    it("is refused: another policy was applied, and allowed when that was taken back", function()
      program:apply(program:policy(base, "other.lua"))
      refused { "chain INPUT of the IPv4 table filter", "chain INPUT of the IPv6 table filter" }
      program:apply(program:policy(more))
      done(apply())
    end)

    it("is refused: somebody else's rule came, which would go", function()
      iptables("-A INPUT -p tcp --dport 2323 -j ACCEPT")
      refused { "1 rule that Moongate did not put there", "--remove-foreign" }
      done(apply("--remove-foreign"))
    end)

    it("holds: only counters have moved", function()
      lab.server:must { "ping", "-c", "2", "-W", "2", "127.0.0.1" }
      assert.truthy(tables.find(tables.filter(lab.server, "ipv4").INPUT, "-i lo").packets > 0)
      done(apply())
    end)

    it("holds: a table that is not ours has changed, or came to be", function()
      iptables("-t mangle -A PREROUTING -p tcp -j MARK --set-mark 1")
      iptables("-t nat -L -n", "ipv6")
      local mangle = tables.save(lab.server, "ipv4"):match("%*mangle.-COMMIT")
      done(apply())
      assert.equal(mangle, tables.save(lab.server, "ipv4"):match("%*mangle.-COMMIT"))
    end)

    it("holds: it was changed and put back", function()
      iptables("-P FORWARD ACCEPT")
      iptables("-P FORWARD DROP")
      done(apply())
    end)
  end)

  describe("that removes what is somebody else's", function()
    before_each(function()
      iptables("-A INPUT -p tcp --dport 2323 -j ACCEPT")
      iptables("-N f2b-sshd")
      iptables("-A f2b-sshd -s 192.0.2.1 -j DROP")
    end)

    it("is not saved unless that is allowed", function()
      local result = program:run("plan", program:policy(base), "--out", file)
      assert.equal(5, result.code, result.err)
      assert.truthy(result.err:find("not saved", 1, true), result.err)
      assert.truthy(result.out:find("2323", 1, true), result.out)
      assert.falsy(lfs.attributes(file))
    end)

    it("removes those that were shown, without being told again", function()
      plan(base, "--remove-foreign")
      done(apply())
      assert.falsy(tables.save(lab.server, "ipv4"):find("2323", 1, true))
      assert.falsy(tables.save(lab.server, "ipv4"):find("f2b", 1, true))
    end)

    it("holds when one of them has gone by itself", function()
      plan(base, "--remove-foreign")
      iptables("-D f2b-sshd 1")
      done(apply())
    end)

    it("is refused when one has come that was not shown", function()
      plan(base, "--remove-foreign")
      iptables("-A f2b-sshd -s 192.0.2.2 -j DROP")
      refused { "Moongate did not put there" }
      iptables("-D f2b-sshd 2")
      iptables("-N f2b-nginx")
      refused { "Moongate did not put there" }
      done(apply("--remove-foreign"))
    end)
  end)

  it("is judged again for who applies it", function()
    plan((base:gsub("allow_inbound_ssh%(%)", "allow_inbound { tcp = 22, from = '192.0.2.7' }")))
    local before = tables.both(lab.server)
    local env = { SSH_CONNECTION = "198.51.100.9 50000 127.0.0.1 22" }
    local result = program:run_with({ env = env }, "apply", file, "--no-confirm")
    assert.equal(5, result.code, result.out .. result.err)
    assert.truthy(result.err:find("198.51.100.9", 1, true), result.err)
    assert.equal(before, tables.both(lab.server))
  end)

  it("remembers which refusals were overridden, and no others", function()
    local path = program:policy((base:gsub("allow_inbound_ssh%(%)", "")))
    local function as(client, ...)
      return program:run_with({ env = { SSH_CONNECTION = client .. " 50000 127.0.0.1 22" } }, ...)
    end
    local result = as("198.51.100.9", "plan", path, "--out", file)
    assert.equal(5, result.code, result.err)
    assert.falsy(lfs.attributes(file))
    done(as("198.51.100.9", "plan", path, "--out", file, "--force"))
    assert.equal(5, as("198.51.100.8", "apply", file, "--no-confirm").code)
    done(as("198.51.100.9", "apply", file, "--no-confirm"))
  end)

  it_beside_nft("remembers that nft filters beside it, as it was told", function()
    lab.server:must { "iptables-nft", "-A", "INPUT", "-p", "tcp", "--dport", "22", "-j", "DROP" }
    local path = program:policy(base)
    assert.equal(5, program:run("plan", path, "--out", file).code)
    program:must("plan", path, "--out", file, "--beside-nft")
    lab.server:must { "iptables-nft", "-A", "FORWARD", "-j", "DROP" }
    lab.server:must { "ip6tables-nft", "-A", "FORWARD", "-j", "DROP" }
    refused { "nft" }
    lab.server:must { "iptables-nft", "-F", "FORWARD" }
    lab.server:must { "ip6tables-nft", "-F", "FORWARD" }
    done(apply())
  end)

  it("does nothing when the tables change under its hands", function()
    program:apply(program:policy(base))
    plan(more)
    local blocker = lab.server:start { "flock", program.lock_file, "sleep", "1.5" }
    socket.sleep(0.2)
    local waiting = program:start("apply", file, "--no-confirm", "--wait", "5")
    socket.sleep(0.6)
    lab.server:must({ "iptables-legacy", "-D", "OUTPUT", "1" },
      { env = { XTABLES_LOCKFILE = lab.dir .. "/other.lock" } })
    local before = tables.both(lab.server)
    local result = waiting:wait(8)
    blocker:wait(5)
    assert.equal(5, result.code, result.err)
    assert.truthy(result.err:find("the IPv4 table filter", 1, true), result.err)
    assert.equal(before, tables.both(lab.server))
  end)

  it("is the same as its policy for random tables", function()
    local seed = tonumber(os.getenv("MOONGATE_SEED")) or os.time() % 1000000
    local other = network.host()
    local reference = moongate.new(other)
    for round = 1, 8 do
      local family = tables.families[round % 2 + 1]
      local random = generator.new(seed * 1000 + round, family, features.takes)
      local text = generator.policy_text(random:table(false), family)
      local label = ("seed %d, round %d"):format(seed, round)
      reference:must("apply", reference:policy(text), "--no-confirm", "--force")
      plan(text, "--force")
      local result = apply("--force")
      assert.equal(0, result.code, label .. result.err)
      assert.equal(tables.save(other.server, family), tables.save(lab.server, family), label)
    end
  end)
end)

describe("a saved plan on a live network #integration", function()
  after_each(network.close_all)

  it("lets in what it says, and nothing before", function()
    local lab = network.lab()
    local program = moongate.new(lab)
    local file = lab.dir .. "/kept.plan"
    program:apply(program:policy(base))
    program:must("plan", program:policy(more), "--out", file)
    for _, family in ipairs(tables.families) do
      local address = network.addresses.server_for.friend[family]
      assert.equal("silent", packets.state(lab.friend, "tcp", address, 8443, 0.5))
    end
    program:must("apply", file, "--no-confirm")
    for _, family in ipairs(tables.families) do
      local address = network.addresses.server_for.friend[family]
      assert.equal("refused", packets.state(lab.friend, "tcp", address, 8443, 0.5))
    end
  end)
end)
