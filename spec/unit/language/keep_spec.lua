-- SPDX-License-Identifier: GPL-2.0-or-later
-- keep(): what it records, and what it refuses.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"
local fails = fake.fails

local function kept(text)
  return fake.run(text).kept
end

describe("keep", function()
  it("takes a preset, by name or alias", function()
    local docker = { "10 keep chains DOCKER-* (docker)", "10 keep rules -o docker0 -j ACCEPT (docker)" }
    assert.same(docker, kept 'keep "docker"')
    assert.same(docker, kept 'keep { preset = "docker" }')
    assert.same(docker, kept 'keep("docker", {})')
    assert.same({ "10 keep chains NETAVARK* (podman)" }, kept 'keep "netavark"')
    assert.same({ "50 keep chains ufw-* (ufw)" }, kept 'keep "ufw"')
  end)

  it("takes several presets, in a list of any form", function()
    local both = { "40 keep chains ufw-* (ufw)", "40 keep chains NETAVARK* (podman)" }
    assert.same(both, kept 'keep { "ufw", "podman", before = "allow" }')
    assert.same(both, kept 'keep({ "ufw", "podman" }, { before = "allow" })')
    assert.same(both, kept 'keep { preset = { "ufw", "podman" }, before = "allow" }')
  end)

  it("takes patterns of each kind, a text or a list", function()
    assert.same({
      "10 keep chains ban-*", "10 keep chains old?", "10 keep rules -i lxcbr0 *", "10 keep sets ban[46]",
      "10 keep tables nat",
    }, kept 'keep { tables = "nat", sets = "ban[46]", rules = { "-i lxcbr0 *" }, chains = { "ban-*", "old?" } }')
    assert.same({ "50 keep chains ufw-* (ufw)", "10 keep chains mine-*" }, kept 'keep { "ufw", chains = "mine-*" }')
  end)

  it("places what is kept before or behind a stage", function()
    local before = { first = 0, established = 10, loopback = 20, guard = 29, allow = 40, last = 50 }
    local after = { first = 1, established = 11, loopback = 21, guard = 35, allow = 41, last = 53 }
    for stage, rank in pairs(before) do
      assert.same({ rank .. " keep chains ufw-* (ufw)" }, kept(('keep("ufw", { before = %q })'):format(stage)))
      assert.same({ after[stage] .. " keep chains x" }, kept(('keep { chains = "x", after = %q }'):format(stage)))
    end
  end)

  it("may be said again, but not otherwise", function()
    assert.same({ "50 keep chains ufw-* (ufw)" }, kept 'keep "ufw" keep { "ufw", "ufw" }')
    fails("policy.lua:2: keep: ufw is kept at policy.lua:1 already, at another place",
      'keep "ufw"\nkeep("ufw", { before = "first" })')
    fails('"x-*" is kept at policy.lua:1 already', 'keep { chains = "x-*" } keep { chains = "x-*", after = "last" }')
  end)

  it("changes nothing that it is given", function()
    fake.run [[
      local options = { before = "allow" }
      local names = { "docker", "ufw" }
      keep(names, options)
      assert(next(options) == "before" and next(options, "before") == nil and #names == 2)
    ]]
  end)

  it("knows which presets and stages there are", function()
    fails('policy.lua:1: keep: "dokcer" is no preset: did you mean `docker`? (one of docker, fail2ban, netavark, '
      .. 'podman, ufw)', 'keep "dokcer"')
    fails('keep: "Calico" is no preset: did you mean `kubernetes`?', 'keep "Calico"')
    fails('keep: unknown option `stage`: did you mean `before`?', 'keep { "docker", stage = "allow" }')
    fails("unknown name `ignore`: did you mean `keep`?", 'ignore "docker"')
    fails('keep: [2]: "zzzzzzz" is no preset (one of', 'keep { "docker", "zzzzzzz" }')
    fails('keep: before: "alow" is no stage: did you mean `allow`? (one of first, established, loopback, guard, '
      .. 'allow, last)', 'keep("docker", { before = "alow" })')
    fails("keep: after: `before` already says where", 'keep { "docker", before = "allow", after = "guard" }')
  end)

  it("says what it lacks", function()
    for _, call in ipairs { "keep {}", "keep()", 'keep { before = "allow" }', "keep { preset = {} }" } do
      fails("keep: nothing says what to keep: name a preset", call)
    end
    fails("keep: nil given instead of options", "keep(nil)")
    fails("keep: preset: the first argument already says", 'keep("docker", { "ufw" })')
    fails("keep: preset: the list already says", 'keep { "docker", preset = "ufw" }')
    fails("keep: chains[2]: a text is needed, not 7", 'keep { chains = { "a", 7 } }')
    fails("keep: takes one options table", 'keep("docker", "ufw")')
    fails("keep: unknown option `befor`: did you mean `before`?", 'keep("docker", { befor = "allow" })')
    fails("keep: chains: is empty", 'keep { chains = "" }')
    fails("keep: rules: has a line break", 'keep { rules = "a\\nb" }')
  end)

  it("refuses a pattern that fits everything", function()
    fails('keep: chains: "*" fits the built-in chain INPUT, which no other software owns', 'keep { chains = "*" }')
    fails('keep: chains[2]: "P*" fits the built-in chain PREROUTING', 'keep { chains = { "x", "P*" } }')
    fails("fits the built-in chain FORWARD", 'keep { chains = "FORWARD" }')
    fails('keep: rules: "*-j *" fits everything: say more of the rules', 'keep { rules = "*-j *" }')
    fails('keep: sets: "*" fits everything', 'keep { sets = "*" }')
    fails('keep: tables: "natt" is no table: did you mean `nat`? (one of filter, mangle', 'keep { tables = "natt" }')
    fails('keep: tables: "*" is no table', 'keep { tables = "*" }')
  end)

  it("refuses a pattern that fits a chain which a helper makes, wherever that is called", function()
    local expected = 'policy.lua:1: keep: "BAD_*" fits chain BAD_TCP_FLAGS, which drop_bad_tcp_flags makes at'
    fails(expected, 'keep { chains = "BAD_*" } drop_bad_tcp_flags()')
    fails('policy.lua:2: keep: "BAD_*"', 'drop_bad_tcp_flags()\nkeep { chains = "BAD_*" }')
  end)

  it("shares a chain that the policy names itself, and lets rules go to one that it does not", function()
    local core = fake.run [[
      keep "docker"
      chain("filter", "DOCKER-USER"):append "-s 192.0.2.1 -j DROP"
      chain("filter", "FORWARD"):append { go_to = "DOCKER-FORWARD" }
    ]]
    assert.same({ "-s 192.0.2.1/32 -j DROP" }, fake.chain(core, 1, "DOCKER-USER"))
    assert.same({ "-g DOCKER-FORWARD" }, fake.chain(core, 2, "FORWARD"))
    fails("go_to: no chain \"DOCKER-FORWARD\" in filter",
      'chain("filter", "FORWARD"):append { go_to = "DOCKER-FORWARD" }')
  end)
end)
