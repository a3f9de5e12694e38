-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Moving in where Docker, fail2ban and others are at work: an import of the live
-- tables leaves to them what is theirs, and planning it has nothing to do.

local features = require "spec.support.features"
local generator = require "spec.support.generator"
local layouts = require "spec.support.layouts"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local seed = tonumber(os.getenv("MOONGATE_SEED")) or os.time() % 1000000
local rounds = tonumber(os.getenv("MOONGATE_ROUNDS")) or 9

-- An administrator's own rules beside theirs.
local own = {
  "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-A INPUT -i lo -j ACCEPT",
  "-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT", "-A FORWARD -i wg0 -j ACCEPT",
  "-P INPUT DROP", "-P FORWARD DROP",
}

-- Firewalls of their own are imported: a policy takes their place. So is what
-- tells nobody's name.
local imported = { firewalld = true, ufw = true, ["libvirt-4"] = true }

describe("an import beside other software #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  local function add_own()
    for _, family in ipairs(tables.families) do
      for _, line in ipairs(own) do
        tables.edit(lab.server, family, line)
      end
    end
  end

  local function import(...)
    local result = program:run("import", ...)
    assert.equal(0, result.code, result.err)
    return result.out, result.err
  end

  local function assert_nothing_to_do(policy)
    local result = program:run("plan", program:policy(policy), "--detailed-exitcode", "--force")
    assert.equal(0, result.code, policy .. result.out .. result.err)
  end

  local function calls_of(policy)
    local found = {}
    for line in policy:gmatch("keep[^\n]*") do
      found[#found + 1] = line
    end
    return found
  end

  for _, name in ipairs(layouts.names) do
    it("in the layout " .. name .. ": nothing to do, and none of their rules in the policy", function()
      layouts.load(lab.server, name)
      add_own()
      local policy = import("--live")
      assert_nothing_to_do(policy)
      local before = tables.both(lab.server)
      program:apply(program:policy(policy), "--force")
      assert.equal(before, tables.both(lab.server))
      if imported[name] then
        assert.same({}, calls_of(policy))
      else
        assert.same({ ("keep %q"):format(layouts.preset(name)) }, calls_of(policy))
        for _, word in ipairs { "docker0", "f2b", "KUBE", "virbr", "NETAVARK" } do
          assert.falsy(policy:find(word, 1, true), policy)
        end
        assert.truthy(policy:find("\nallow_inbound_ssh {", 1, true), policy)
      end
    end)
  end

  it("says at which place they are, each by itself", function()
    add_own()
    layouts.load(lab.server, "tailscale") -- behind all
    layouts.load(lab.server, "crowdsec")
    tables.edit(lab.server, "ipv4",
      "-I INPUT 1 -p tcp -m recent --update --seconds 60 --name f2b-web --rsource -j DROP")
    tables.edit(lab.server, "ipv4", "-N f2b-sshd")
    local policy = import("--live")
    assert_nothing_to_do(policy)
    assert.same({ 'keep "fail2ban"', 'keep { "crowdsec", "tailscale", before = "last" }' }, calls_of(policy))
  end)

  it("copies what stands between the administrator's rules, where no stage is", function()
    layouts.load(lab.server, "fail2ban-chains")
    layouts.load(lab.server, "crowdsec")
    tables.edit(lab.server, "ipv4", "-I INPUT 2 -s 192.0.2.1 -j ACCEPT")
    tables.edit(lab.server, "ipv4", "-I INPUT 4 -s 192.0.2.2 -j ACCEPT")
    local policy, told = import("--live")
    assert_nothing_to_do(policy)
    assert.same({ 'keep("crowdsec", { before = "last" })' }, calls_of(policy))
    assert.truthy(policy:find("f2b-sshd", 1, true), policy)
    assert.truthy(told:find("rules that are likely fail2ban's become the policy's own", 1, true), told)
  end)

  it("takes an administrator's rules in DOCKER-USER for his own", function()
    layouts.load(lab.server, "docker-20")
    tables.edit(lab.server, "ipv4", "-I DOCKER-USER 1 -i eth0 ! -s 192.0.2.0/24 -j DROP")
    local policy = import("--live")
    assert_nothing_to_do(policy)
    assert.same({ 'keep "docker"' }, calls_of(policy))
    assert.truthy(policy:find('chain("filter", "DOCKER-USER"', 1, true)
      and policy:find("! -s 192.0.2.0/24 -i eth0 -j DROP", 1, true), policy)
    tables.edit(lab.server, "ipv4", "-A DOCKER-USER -j DROP") -- behind Docker's own: no place for that
    policy = import("--live")
    assert_nothing_to_do(policy)
    assert.same({}, calls_of(policy))
  end)

  -- Rules of an administrator's, at random places of random chains.
  local function put_anywhere(count, random)
    for index = 1, count do
      local family = random:pick(tables.families)
      local name = random:pick { "INPUT", "FORWARD", "FORWARD", "OUTPUT", "DOCKER-USER" }
      local chain = tables.filter(lab.server, family)[name] or (name ~= "DOCKER-USER" and {})
      if chain then
        tables.edit(lab.server, family, ("-I %s %d %s"):format(name, random:between(1, #chain + 1), random:pick {
          name == "OUTPUT" and "-o lo -j ACCEPT" or "-i lo -j ACCEPT", "-m conntrack --ctstate INVALID -j DROP",
          "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", ("-p tcp --dport %d -j ACCEPT"):format(index),
          "-j LOG", "-j RETURN",
        }))
      end
    end
  end

  it("has nothing to do, wherever rules stand", function()
    print(("seed %d (MOONGATE_SEED=%d repeats it), %d rounds"):format(seed, seed, rounds))
    -- go on until something was kept a few times: what is random may be poor
    local kept, round = 0, 0
    while round < rounds or kept < 3 do
      round = round + 1
      network.close_all()
      lab = network.host()
      program = moongate.new(lab)
      local random, loaded = generator.new(seed * 1000 + round, "ipv4"), {}
      for _ = 1, random:between(1, 3) do
        local name = random:pick(layouts.names)
        if not loaded[name] then
          loaded[name] = true
          layouts.load(lab.server, name)
        end
      end
      put_anywhere(random:between(0, 7), random)
      local policy = import("--live")
      local result = program:run("plan", program:policy(policy), "--detailed-exitcode", "--force")
      assert.equal(0, result.code,
        ("seed %d, round %d\n%s\n%s%s"):format(seed, round, policy, result.out, result.err))
      kept = kept + #calls_of(policy)
      assert.truthy(round < 20 * rounds, "nothing is kept")
    end
  end)

  it("imports all of a file, unless it is asked to keep, and all that is live, if it is asked to", function()
    layouts.load(lab.server, "docker-20")
    add_own()
    local files = {}
    for index, family in ipairs(tables.families) do
      files[index] = run.write_file(lab.dir .. "/rules." .. family, tables.save(lab.server, family))
    end
    local policy, told = import(files[1], files[2])
    assert.same({}, calls_of(policy))
    assert.truthy(told:find("warning: rules that are likely docker's become the policy's own", 1, true), told)
    assert.truthy(told:find("remedy: with --keep the policy leaves them to it", 1, true), told)
    assert_nothing_to_do(policy)
    local kept = import("--keep", files[1], files[2])
    assert.same({ 'keep "docker"' }, calls_of(kept))
    assert_nothing_to_do(kept)
    assert.same({}, calls_of((import("--live", "--no-keep"))))
    local _, left = import("--live", "-v")
    assert.truthy(left:find("note: 44 rules of docker's are not imported", 1, true), left)
    assert.equal(64, program:run("import", "--live", "--keep", "--no-keep").code)
  end)

  it("names a line that makes no sense, also in their chains, and writes nothing", function()
    local text = layouts.text("docker-20", "ipv4"):gsub("%[0:0%] %-A DOCKER %-i docker0 %-j RETURN",
      "-A DOCKER --frob 7")
    local result = program:run("import", "--keep", run.write_file(lab.dir .. "/rules.v4", text))
    assert.same({ 1, "" }, { result.code, result.out })
    assert.truthy(result.err:find("rules.v4:39: ", 1, true), result.err)
    result = program:run("import", "--keep", "--lenient", lab.dir .. "/rules.v4")
    assert.equal(0, result.code, result.err)
    assert.same({ 'keep "docker"' }, calls_of(result.out))
    assert.truthy(result.out:find("NOT IMPORTED", 1, true), result.out)
    local _, notes = result.err:gsub("not imported: ", "")
    assert.equal(1, notes)
  end)
end)
