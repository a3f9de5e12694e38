-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- `moongate export --boot`: the confirmed rules where other programs load theirs
-- at boot, renewed with each confirmation. The folder /etc is one of the lab's own
-- in a mount namespace.

local features = require "spec.support.features"
local lfs = require "lfs"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)
local it_nft = features.it(it, pending, "nft")

local base = "default_deny() allow_established() allow_loopback() allow_icmp() allow_inbound_ssh()\n"
local with_set = base .. [[
allow_inbound { tcp = 9, from = addresses { "192.0.2.7", "198.51.100.0/24", as = "set", name = "office" } }
chain("nat", "POSTROUTING", { family = "ipv4" }):append "-o eth9 -j MASQUERADE"
]]

describe("boot files #integration", function()
  local lab, program, etc

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
    etc = lab.dir .. "/etc"
    run.must { "mkdir", "-p", etc .. "/iptables" }
    for _, name in ipairs { "passwd", "group", "nsswitch.conf", "services", "protocols", "ld.so.cache" } do
      run.must { "sh", "-c", '[ ! -e "/etc/$1" ] || cp -aL "/etc/$1" "$2"', "sh", name, etc }
    end
  end)

  after_each(network.close_all)

  -- Run where /etc is the lab's; the guard stays there.
  local function words(...)
    return { "unshare", "--mount", "sh", "-c", 'mount --bind "$1" /etc && shift && exec "$@"', "sh", etc,
             table.unpack(program:words(...)) }
  end

  local function go(...)
    return lab.server:run(words(...), program:options())
  end

  local function must(...)
    local result = go(...)
    assert.equal(0, result.code, result.out .. result.err)
    return result
  end

  local function file(name)
    return run.read_file(etc .. "/" .. name)
  end

  local function apply(text, ...)
    return must("apply", program:policy(text), "--no-confirm", ...)
  end

  -- Load the files where nothing is, and say what is live then.
  local function load(four, six, sets, flavour)
    local other = network.host()
    if sets then
      other.server:must({ "ipset", "restore" }, { input = sets })
    end
    for family, text in pairs { iptables = four, ip6tables = six } do
      for _, option in ipairs { "--test", "-v" } do
        other.server:must({ family .. "-" .. flavour .. "-restore", option }, { input = text })
      end
    end
    local live = {}
    for _, family in ipairs { "iptables", "ip6tables" } do
      live[#live + 1] = other.server:must { family .. "-" .. flavour .. "-save" }
    end
    other:close()
    return table.concat(live)
  end

  local function without_names_of_the_day(text)
    return (text:gsub("(mg%d%-%w+)%.%d+", "%1"))
  end

  it("hold what is confirmed, and load without Moongate", function()
    apply(with_set)
    local result = must("export", "--boot", "iptables-persistent")
    assert.truthy(result.err:find("Generation 1 is in /etc/iptables", 1, true), result.err)
    assert.truthy(file("iptables/rules.v4"):find("^# Moongate's: IPv4 rules of generation 1, "))
    assert.equal("640 0 0\n", run.must { "stat", "-c", "%a %u %g", etc .. "/iptables/rules.v4" })
    local live = load(file "iptables/rules.v4", file "iptables/rules.v6", file "iptables/ipsets", "legacy")
    for _, family in ipairs { "ipv4", "ipv6" } do
      local expected = without_names_of_the_day(tables.save(lab.server, family))
      for line in expected:gmatch("%-A [^\n]+") do
        assert.truthy(live:find(line, 1, true), line .. " is not in: " .. live)
      end
    end
    assert.truthy(live:find(":INPUT DROP", 1, true), live)
    assert.same({ "ipsets", "rules.v4", "rules.v6" }, (function()
      local names = {}
      for name in run.must({ "ls", "-A", etc .. "/iptables" }):gmatch("[^\n]+") do
        names[#names + 1] = name
      end
      return names
    end)())
  end)

  it("are renewed by each confirmation, and by nothing else", function()
    local result = must("export", "--boot", "iptables-persistent")
    assert.truthy(result.err:find("Nothing is confirmed yet", 1, true), result.err)
    assert.is_nil(file "iptables/rules.v4")
    apply(with_set)
    assert.truthy(file("iptables/rules.v4"):find("--dport 9 ", 1, true))
    assert.truthy(file("iptables/ipsets"):find("\nadd mg4-office 192.0.2.7\n", 1, true))
    -- one that is taken back
    assert.equal(3, go("apply", program:policy(base .. "allow_inbound { tcp = 10 }\n"), "--confirm", "1s").code)
    assert.falsy(file("iptables/rules.v4"):find("--dport 10 ", 1, true))
    -- one that is confirmed by another process, which the guard hears of
    local waiting = lab.server:start(words("apply", program:policy(base .. "allow_inbound { tcp = 11 }\n"),
      "--confirm", "60s"), program:options())
    run.wait_until("it waits", 10, function()
      return program:run("status").out:find("is taken back in") ~= nil
    end)
    assert.falsy(file("iptables/rules.v6"):find("--dport 11 ", 1, true))
    program:must("confirm", "--console")
    assert.equal(0, waiting:wait(20).code)
    assert.truthy(file("iptables/rules.v6"):find("--dport 11 ", 1, true))
    assert.falsy(file("iptables/ipsets"):find("create", 1, true))
    -- and the way back
    must("apply", "--generation", "1", "--no-confirm")
    assert.truthy(file("iptables/rules.v4"):find("--dport 9 ", 1, true))
    must("export", "--boot", "none")
    apply(base)
    assert.truthy(file("iptables/rules.v4"):find("--dport 9 ", 1, true))
    assert.is_nil(run.read_file(program.state_dir .. "/boot-files.json"))
  end)

  it("keep what somebody else wrote, once", function()
    run.write_file(etc .. "/iptables/rules.v4", "# by hand\n")
    apply(base)
    must("export", "--boot", "iptables-persistent")
    apply(base .. "allow_inbound { tcp = 10 }\n")
    assert.equal("# by hand\n", file "iptables/rules.v4.moongate-old")
    assert.is_nil(file "iptables/rules.v6.moongate-old")
    run.write_file(etc .. "/iptables/rules.v4", "# again\n")
    apply(base)
    assert.equal("# by hand\n", file "iptables/rules.v4.moongate-old")
    assert.truthy(file("iptables/rules.v4"):find("^# Moongate's: "))
  end)

  it("are those of the iptables service, too", function()
    apply(base)
    must("export", "--boot", "sysconfig") -- the folder is made
    local live = load(file "sysconfig/iptables", file "sysconfig/ip6tables", nil, "legacy")
    assert.truthy(live:find("--dport 22 ", 1, true), live)
    assert.is_nil(file "sysconfig/ipset")
    assert.is_nil(file "iptables/rules.v4")
  end)

  it_nft("load with the nft kind", function()
    apply(with_set)
    must("export", "--boot", "iptables-persistent")
    local live = load(file "iptables/rules.v4", file "iptables/rules.v6", file "iptables/ipsets", "nft")
    assert.truthy(live:find("-A POSTROUTING -o eth9 -j MASQUERADE", 1, true), live)
  end)

  it("have the chains of others that rules go to, which come later", function()
    local policy = 'keep { chains = { "HOUSE", "f2b-*" } }\n' .. base
      .. 'chain("filter", "FORWARD"):append "-i eth9 -j HOUSE"\n'
    tables.edit(lab.server, "ipv4", "-N HOUSE")
    tables.edit(lab.server, "ipv6", "-N HOUSE")
    apply(policy)
    must("export", "--boot", "iptables-persistent")
    assert.truthy(file("iptables/rules.v4"):find("\n:HOUSE - [0:0]\n", 1, true), file "iptables/rules.v4")
    local live = load(file "iptables/rules.v4", file "iptables/rules.v6", nil, "legacy")
    assert.truthy(live:find("-A FORWARD -i eth9 -j HOUSE", 1, true), live)
  end)

  it("are told of where they cannot be written, and the confirmation stands", function()
    apply(base)
    must("export", "--boot", "iptables-persistent")
    run.must { "rm", "-rf", etc .. "/iptables" }
    run.write_file(etc .. "/iptables", "no folder")
    apply(base .. "allow_inbound { tcp = 10 }\n")
    local status = program:run("status")
    assert.equal(0, status.code)
    assert.truthy(status.out:find("generation   2, ", 1, true), status.out)
    assert.truthy(status.err:find("the rules in /etc/iptables, which are loaded at boot, are not those of "
      .. "generation 2, which is in force: /etc/iptables: ", 1, true), status.err)
    assert.truthy(status.err:find("remedy: moongate export --boot iptables-persistent", 1, true), status.err)
    os.remove(etc .. "/iptables")
    must("export", "--boot", "iptables-persistent")
    assert.truthy(file("iptables/rules.v4"):find("--dport 10 ", 1, true))
    assert.falsy(program:run("status").err:find("loaded at boot, are not", 1, true))
    -- a record that is damaged is told, and no reason to fail
    run.write_file(program.state_dir .. "/boot-files.json", "{")
    status = program:run("status")
    assert.equal(0, status.code)
    assert.truthy(status.err:find("boot-files.json is damaged", 1, true), status.err)
    apply(base)
  end)

  it("tell what they need: sets of others", function()
    lab.server:must { "ipset", "create", "guests", "hash:ip" }
    apply(base .. 'allow_inbound { tcp = 9, from = set "guests" }\n')
    local result = must("export", "--boot", "iptables-persistent")
    assert.truthy(result.err:find("the rules look into the set guests, which somebody else makes", 1, true), result.err)
    apply(with_set)
    result = must("export", "--boot", "iptables-persistent")
    if not lfs.attributes("/usr/share/netfilter-persistent/plugins.d/10-ipset") then
      assert.truthy(result.err:find("remedy: ipset-persistent", 1, true), result.err)
    end
  end)

  it("are asked for in one way", function()
    local result = go("export", "--boot", "iptables-persistant")
    assert.equal(64, result.code)
    assert.truthy(result.err:find("did you mean `iptables-persistent'?", 1, true), result.err)
    for _, more in ipairs { "-4", "--sets", "--live", "--generation=1", "x.lua" } do
      assert.equal(64, go("export", "--boot", "sysconfig", more).code, more)
    end
    assert.is_nil(run.read_file(program.state_dir .. "/boot-files.json"))
  end)
end)
