-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Facts about a host: as the machine has them, as a file gives them, and what
-- becomes of a policy that is for another host than this one.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local own_name = run.must({ "uname", "-n" }):match("%S+")

-- What `ip` knows of interfaces and addresses, against facts on stdin.
local compare = [=[
import json, subprocess, sys
facts = json.load(sys.stdin)
told = {i["name"]: i for i in facts["interfaces"]}
links = json.loads(subprocess.check_output(["ip", "-json", "addr"]))
assert sorted(told) == sorted(l["ifname"] for l in links), (told, links)
for link in links:
    mine = told[link["ifname"]]
    assert mine["up"] == ("UP" in link["flags"]), link
    assert mine["loopback"] == ("LOOPBACK" in link["flags"]), link
    addresses = sorted("%s/%d" % (a["local"], a["prefixlen"]) for a in link["addr_info"])
    assert sorted(mine["addresses"]) == addresses, (mine, addresses)
    leased = any(a["family"] == "inet" and a.get("dynamic") for a in link["addr_info"])
    assert mine["leased"] == leased, link
assert list(facts) == ["name", "ipv6", "interfaces", "facts"], list(facts)
print(len(links))
]=]

-- One file for all hosts of a site.
local site = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
if host.facts.role == "web" then
  allow_inbound_https()
end
if host.name:find("^db") then
  allow_inbound { tcp = 5432, on = host.facts.clients_on }
end
for _, interface in ipairs(host.interfaces) do
  if interface.leased then
    allow_dhcp_client { on = interface.name }
  end
end
]]

local web = [=[{ "name": "web3", "interfaces": [ "lo", { "name": "eth9", "leased": true,
  "addresses": [ "192.0.2.5/24", "2001:db8::5/64" ] } ], "facts": { "role": "web" } }]=]
local db = [=[{ "name": "db1", "facts": { "clients_on": [ "vlan7", "vlan8" ] } }]=]

describe("facts #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  local function facts(text, name)
    return program:policy(text, name or "facts.json")
  end

  -- A file that says that it is about this very host.
  local function own(more)
    return facts(('{ "name": "%s"%s }'):format(own_name, more and ", " .. more or ""), "own.json")
  end

  it("are what ip tells of this host", function()
    local full = network.lab()
    full.server:must { "ip", "link", "add", "leased0", "type", "veth", "peer", "name", "down0" }
    full.server:must { "ip", "addr", "add", "198.51.100.7/24", "dev", "leased0", "valid_lft", "600",
      "preferred_lft", "600" }
    full.server:must { "ip", "link", "set", "leased0", "up" }
    local told = moongate.new(full):run_with({ nobody = true }, "facts")
    assert.equal(0, told.code, told.err)
    assert.equal("5\n", full.server:must({ "python3", "-c", compare }, { input = told.out }))
    assert.truthy(told.out:find(('"name": "%s"'):format(own_name), 1, true), told.out)
    assert.truthy(told.out:find('"198.51.100.7/24"', 1, true), told.out)
  end)

  it("are read back as they were written", function()
    local full = network.lab()
    local there = moongate.new(full)
    local told = there:must("facts").out
    local again = program:must("facts", "--facts", facts(told)).out -- on a host without these interfaces
    assert.equal(told, again)
    assert.truthy(told:find('"lan0"', 1, true) and told:find('"10.137.0.1/24"', 1, true), told)
  end)

  it("of a file are all that the policy sees", function()
    local path = program:policy [[
      assert(host.name == "web3" and host.ipv6 and #host.interfaces == 2)
      assert(host.interfaces[1].name == "eth9" and host.interfaces[1].leased and not host.interfaces[1].leased6)
      assert(host.interfaces[2].loopback and #host.interfaces[2].addresses == 0)
      assert(table.concat(host.addresses, " ") == "192.0.2.5/24 2001:db8::5/64")
      assert(host.facts.role == "web" and host.facts.rack == nil)
      default_deny() allow_established() allow_loopback() allow_icmp()
    ]]
    local result = program:run("check", "--facts", facts(web), path)
    assert.equal(0, result.code, result.err)
    assert.equal(1, program:run("check", path).code)
  end)

  it("make rules for another host, offline, for a plain user", function()
    local path = program:policy(site)
    local function export(text)
      local result = program:run_with({ nobody = true }, "export", "-4", "--facts", facts(text), path)
      assert.equal(0, result.code, result.err)
      return result.out
    end
    local of_web, of_db = export(web), export(db)
    assert.truthy(of_web:find("--dport 443 ", 1, true) and of_web:find("-o eth9 -p udp", 1, true), of_web)
    assert.falsy(of_web:find("--dport 5432 ", 1, true), of_web)
    assert.truthy(of_db:find("-i vlan7 -p tcp -m tcp --dport 5432 ", 1, true), of_db)
    assert.truthy(of_db:find("-i vlan8 -p tcp -m tcp --dport 5432 ", 1, true), of_db)
    assert.falsy(of_db:find("--dport 443 ", 1, true) or of_db:find("--dport 67 ", 1, true), of_db)
    local check = program:run_with({ nobody = true }, "check", "--facts", facts(web), path)
    assert.equal(0, check.code, check.err)
  end)

  it("of a file are diagnosed like a host's own", function()
    local text = site:gsub("allow_dhcp_client[^\n]*\n", "\n")
    local result = program:run("check", "--facts", facts(web), program:policy(text))
    assert.truthy(result.err:find('allow_dhcp_client { on = "eth9" }', 1, true), result.err)
    assert.equal("", program:run("check", "--facts", facts(db), program:policy(text)).err)
  end)

  it("without IPv6 make a policy without it", function()
    local path = program:policy(site)
    assert.equal("", program:must("check", "--facts", own '"ipv6": false', path).err) -- who wrote it knows
    program:apply(path, "--facts", own '"ipv6": false')
    assert.truthy(tables.save(lab.server, "ipv4"):find("--dport 22 ", 1, true))
    assert.equal("", tables.names(lab.server, "ipv6"))
    local six = program:run("export", "-6", "--facts", own '"ipv6": false', path)
    assert.equal(1, six.code, six.err)
    assert.truthy(six.err:find("own.json says that its host has no IPv6", 1, true), six.err)
  end)

  it("are the same where there is no /proc, as in a chroot", function()
    local with = program:must("facts").out
    assert.truthy(with:find('"ipv6": true', 1, true), with)
    local without = lab.server:must { "unshare", "--mount", "sh", "-c", 'umount -l /proc && exec "$@"', "sh",
                                      table.unpack(program:words("facts")) }
    assert.equal(with:match('"ipv6": %a+'), without:match('"ipv6": %a+'))
  end)

  it("count in a saved plan, which needs them no more", function()
    local path, file = program:policy(site), lab.dir .. "/plan"
    program:must("plan", "--facts", own '"ipv6": false, "facts": { "role": "web" }', "--out", file, path)
    program:must("apply", "--no-confirm", file)
    assert.truthy(tables.save(lab.server, "ipv4"):find("--dport 443 ", 1, true))
    assert.equal("", tables.names(lab.server, "ipv6"))
    assert.equal(64, program:run("apply", "--no-confirm", "--facts", own(), file).code)
    local other = program:run("plan", "--facts", facts(web), "--out", lab.dir .. "/other", path)
    assert.equal(5, other.code, other.err)
    assert.are_not.equal(0, run.run({ "test", "-e", lab.dir .. "/other" }).code)
  end)

  describe("of another host", function()
    local function assert_untouched()
      for _, family in ipairs(tables.families) do
        assert.equal("", tables.names(lab.server, family))
      end
    end

    it("are planned, and refused", function()
      local path = program:policy(site)
      local plan = program:run("plan", "--facts", facts(web), path)
      assert.equal(5, plan.code, plan.err)
      assert.truthy(plan.out:find("--dport 443 ", 1, true), plan.out)
      assert.truthy(plan.err:find(("facts.json has the facts of host `web3', and this is `%s'"):format(own_name), 1,
        true), plan.err)
      assert.truthy(plan.err:find("remedy: [^\n]*export"), plan.err)
      assert_untouched()
    end)

    it("are not applied", function()
      local path = program:policy(site)
      for _, text in ipairs { web, db, "{}" } do
        local result = program:run("apply", "--no-confirm", "--facts", facts(text), path)
        assert.equal(5, result.code, result.err)
        assert_untouched()
      end
      local said = program:run("apply", "--no-confirm", "--facts", facts "{}", path).err
      assert.truthy(said:find("does not say whose facts it has", 1, true), said)
    end)

    it("are not recorded either where there is nothing to do", function()
      local path = program:policy(site)
      program:apply(path, "--facts", own(), "-q")
      local before = program:must("status").out
      local result = program:run("apply", "--no-confirm", "--facts", facts '{ "name": "other" }', path)
      assert.equal(5, result.code, result.out .. result.err)
      assert.equal(before, program:must("status").out)
    end)

    it("are applied by force", function()
      local result = program:run("apply", "--no-confirm", "--force", "--facts", facts(web), program:policy(site))
      assert.equal(0, result.code, result.err)
      assert.truthy(result.err:find("warning: [^\n]*facts of host `web3'"), result.err)
      assert.truthy(tables.save(lab.server, "ipv4"):find("--dport 443 ", 1, true))
    end)

    it("put nobody's session here at stake, until they are forced on this one", function()
      local cut = "default_deny() allow_established() allow_loopback() allow_icmp()\n"
      local operator = { env = { SSH_CONNECTION = "10.137.0.2 50000 10.137.0.1 22" } }
      local path = program:policy(cut)
      local here = program:run_with(operator, "check", path)
      assert.truthy(here.err:find("refused: [^\n]*10.137.0.2"), here.err)
      local there = program:run_with(operator, "check", "--facts", facts(web), path)
      assert.falsy(there.err:find("10.137.0.2", 1, true), there.err)
      assert.equal(0, there.code)
      local named = program:run_with(operator, "check", "--facts", own(), path)
      assert.truthy(named.err:find("refused: [^\n]*10.137.0.2"), named.err)
      local forced = program:run_with(operator, "plan", "--force", "--facts", facts(web), path)
      assert.truthy(forced.err:find("warning: [^\n]*10.137.0.2"), forced.err)
    end)
  end)

  it("of this host are applied, however its name is written", function()
    for _, name in ipairs { own_name, own_name:upper() } do
      local path = facts(('{ "name": "%s", "facts": { "role": "web" } }'):format(name))
      program:apply(program:policy(site), "--facts", path)
      assert.truthy(tables.save(lab.server, "ipv6"):find("--dport 443 ", 1, true))
    end
  end)

  it("that are wrong end every command with 1, its place, and nothing else", function()
    local path = program:policy(site)
    local cases = {
      [ [[{ "name": "web3",
  "interfaces": [ "lo" "eth0" ] }]] ] = "facts.json:2:",
      [ [[{ "name": "web3", "intrefaces": [] }]] ] = "facts.json: unknown key `intrefaces': did you mean `interfaces'?",
      [ [[{ "interfaces": [ { "name": "a", "addresses": [ "10.0.0.256" ] } ] }]] ] =
        "facts.json: interfaces[0].addresses[0]: not an IPv4 or IPv6 address",
      [ "daemon:*:19000:0" ] = "facts.json:1:",
    }
    for text, expected in pairs(cases) do
      for _, words in ipairs { { "check", path }, { "plan", path }, { "apply", "--no-confirm", path },
        { "export", "-4", path }, { "facts" } } do
        words[#words + 1] = "--facts"
        words[#words + 1] = facts(text)
        local result = program:run(table.unpack(words))
        assert.equal(1, result.code, words[1] .. ": " .. result.err)
        assert.equal("", result.out, words[1])
        assert.truthy(result.err:find(expected, 1, true), result.err)
        assert.falsy(result.err:find("daemon", 1, true), result.err)
      end
    end
  end)

  it("come from standard input, too", function()
    local words = { moongate.binary, "export", "-4", "--facts", "-", program:policy(site) }
    local options = program:options()
    options.input = web
    local result = lab.server:run(words, options)
    assert.equal(0, result.code, result.err)
    assert.truthy(result.out:find("# IPv4 rules of web3,", 1, true) and result.out:find("--dport 443 ", 1, true))
    options.input = '{ "name": }'
    result = lab.server:run(words, options)
    assert.equal(1, result.code)
    assert.truthy(result.err:find("/dev/stdin:1:11: ", 1, true), result.err)
  end)

  it("that cannot be read say why", function()
    local path = program:policy(site)
    for file, why in pairs { [lab.dir .. "/none.json"] = "No such file", [lab.dir] = "directory" } do
      local result = program:run("check", "--facts", file, path)
      assert.equal(1, result.code, result.err)
      assert.truthy(result.err:find(file, 1, true) and result.err:find(why, 1, true), result.err)
    end
    local closed = facts(web)
    run.must { "chmod", "600", closed }
    local result = program:run_with({ nobody = true }, "check", "--facts", closed, path)
    assert.equal(1, result.code)
    assert.truthy(result.err:find("Permission denied", 1, true), result.err)
  end)

  it("are an option of the commands that read a policy", function()
    for _, command in ipairs { "show", "status", "confirm", "rollback" } do
      assert.equal(64, program:run(command, "--facts", facts(web)).code, command)
    end
    assert.equal(64, lab.server:run({ moongate.binary, "check", "--facts" }, program:options()).code)
    assert.equal(64, program:run("facts", "policy.lua").code)
  end)
end)
