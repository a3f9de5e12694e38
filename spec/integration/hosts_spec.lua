-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The policies in policies/hosts: the kernel takes each, and with real packets
-- each opens what it says and nothing else. remote_server.lua and gateway.lua
-- have specs of their own.

local features = require "spec.support.features"
local lfs = require "lfs"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local openings = require "spec.support.openings"
local run = require "spec.support.run"

local it = features.it(it, pending)

local folder = lfs.currentdir() .. "/policies/hosts/"
local site = folder .. "site.lua"
local members = { "bastion", "web1", "web2", "web3", "mail1", "ns1", "ns2", "db1", "db2", "monitor" }

-- A command line that runs on a host of another name.
local function called(name, words)
  local out = { "unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name }
  return table.move(words, 1, #words, #out + 1, out)
end

describe("policies/hosts", function()
  for file in lfs.dir(folder) do
    if file:find("%.lua$") then
      it(file .. " is accepted by the kernel", function()
        local words = { moongate.binary, "check", "--kernel", folder .. file }
        local result = run.run(file == "site.lua" and called("web1", words) or words) -- which is for its own hosts
        assert.equal(0, result.code, result.err)
        assert.truthy(result.out:find("and the kernel accepts them", 1, true), result.out)
      end)
    end
  end

  it("site.lua serves each of its ten hosts, each otherwise", function()
    local rules = {}
    for _, name in ipairs(members) do
      local facts = folder .. "site/" .. name .. ".json"
      local result = run.run { moongate.binary, "check", "--kernel", "--facts", facts, site }
      assert.equal(0, result.code, name .. ": " .. result.err)
      rules[name] = result.out:match("(%d+) rules")
      -- the host itself finds the same
      local there = run.run(called(name .. ".example.org", { moongate.binary, "check", site }))
      assert.equal(rules[name], there.out:match("(%d+) rules"), name .. ": " .. there.err)
    end
    for _, alike in ipairs { { "web1", "web2" }, { "web2", "web3" }, { "ns1", "ns2" }, { "db1", "db2" } } do
      assert.equal(rules[alike[1]], rules[alike[2]])
    end
    for _, other in ipairs { "bastion", "mail1", "ns1", "db1", "monitor" } do
      assert.are_not.equal(rules.web1, rules[other], other)
    end
  end)

  it("site.lua has facts for each of its hosts, and for no other", function()
    local found = {}
    for file in lfs.dir(folder .. "site") do
      found[#found + 1] = file:match("^(.*)%.json$")
    end
    local wanted = table.move(members, 1, #members, 1, {})
    table.sort(found)
    table.sort(wanted)
    assert.same(wanted, found)
  end)

  it("site.lua is checked and exported for another host, by a plain user", function()
    local export = { moongate.binary, "export", "-6", site }
    local for_web3 = { moongate.binary, "export", "-6", "--facts", folder .. "site/web3.json", site }
    local result = run.run(for_web3, { nobody = true })
    assert.equal(0, result.code, result.err)
    assert.truthy(result.out:find("--dports 80,443 ", 1, true), result.out)
    assert.equal(run.must(called("web3.example.org", export)), result.out)
    assert.are_not.equal(run.must(called("db1.example.org", export)), result.out)
  end)

  it("site.lua names its line to a host that it does not know", function()
    local result = run.run(called("stranger", { moongate.binary, "check", site }))
    assert.equal(1, result.code)
    assert.truthy(result.err:find('site.lua:%d+: no host is called "stranger": add it to'), result.err)
  end)
end)

describe("policies/hosts with real packets #integration", function()
  local lab, program

  setup(function()
    lab = network.lab()
    program = moongate.new(lab)
    openings.serve(lab)
  end)

  teardown(network.close_all)

  local function opens(lists)
    for way, open in pairs(openings.ask(lab)) do
      assert.same(openings.expected(lists, way), open, way)
    end
  end

  local function apply(path, name)
    local words = program:words("apply", path, "--no-confirm", "--force")
    local result = lab.server:run(called(name, words), { env = { XTABLES_LOCKFILE = program.lock_file } })
    assert.equal(0, result.code, result.err)
  end

  it("web_server.lua: HTTP and HTTPS in, ssh from the office; DNS, NTP and SMTP out", function()
    program:apply(folder .. "web_server.lua", "--force")
    local out = { "tcp:53", "udp:53", "udp:123", "tcp:25" }
    opens {
      friend = { "tcp:22", "tcp:80", "tcp:443" }, stranger = { "tcp:80", "tcp:443" }, out = out, out_friend = out,
    }
  end)

  it("site.lua on a web server", function()
    apply(site, "web3.example.org")
    local web = { "tcp:80", "tcp:443", "udp:443" }
    opens { friend = web, stranger = web, out = { "tcp:443", "udp:123" }, out_friend = { "tcp:443", "udp:123" } }
  end)

  it("site.lua on the bastion, after a change of places", function()
    apply(site, "bastion")
    opens { friend = { "tcp:22" }, out = { "tcp:443", "udp:123" }, out_friend = { "tcp:443", "udp:123" } }
  end)
end)
