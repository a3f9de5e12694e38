-- SPDX-License-Identifier: GPL-2.0-or-later
-- What a policy sees: the language, safe libraries, read-only facts.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"
local fails = fake.fails

describe("the environment", function()
  it("holds nothing of the world outside", function()
    for _, name in ipairs { "io", "os", "debug", "load", "loadfile", "dofile", "require", "package",
      "collectgarbage", "coroutine", "_G", "rawget", "rawset" } do
      fails(("`%s`"):format(name), "local x = " .. name)
    end
    fails("`io` is not part of the policy language: a policy has no files", "io.open('/etc/passwd')")
    fake.run [[
      assert(string.dump == nil and math.random == nil and math.randomseed == nil)
      assert(getmetatable("") == nil)
    ]]
  end)

  it("names the nearest right name", function()
    fails("policy.lua:2: unknown name `alow_icmp`: did you mean `allow_icmp`?", "\nalow_icmp()")
    fails("did you mean `allow_inbound_https`?", "allow_inbound_htps()")
    fails("did you mean `allow_inbound`?", "allow_inbund { tcp = 1 }")
    fails("unknown name `zzzzzzzz`", "zzzzzzzz()")
    fails("did you mean `my_server`?", "my_server = 1 local x = my_servr")
  end)

  it("lets a policy have globals, but not the language's", function()
    fake.run "port = 8443 assert(port == 8443)"
    fails("`allow_icmp` is a name of the policy language", "allow_icmp = 1")
    fails("`host` is a name of the policy language", "host = {}")
    fails("`allow_inbound_ssh` is a name of the policy language", "function allow_inbound_ssh() end")
    fails("cannot change a protected metatable", "setmetatable(_ENV, {})")
  end)

  it("takes strings' methods from the safe library, in a state of its own", function()
    local core = fake.new()
    core.private_state = true
    local format, dump = string.format, string.dump
    local env = require("moongate.language").new(core)
    local ok, message = pcall(assert(load([[
      assert(("x").dump == nil and string.dump == nil and ("%d"):format(7) == "7" and ("x"):rep(2) == "xx")
      assert(getmetatable("") == nil and not pcall(function() return ("%p"):format({}) end))
    ]], "=policy", "t", env)))
    string.format, string.dump = format, dump -- luacheck: ignore 122
    assert.is_true(ok, message)
  end)

  it("is fresh each time", function()
    fake.run "leak = 1"
    fails("unknown name `leak`", "local x = leak")
  end)

  it("has libraries that cannot be changed", function()
    fails("string is read-only", "string.rep = 1")
    fails("table is read-only", "function table.sort() end")
    fake.run "assert(string.rep == string.rep and ('x'):rep(2) == 'xx')"
  end)

  it("gives the host's facts, read-only", function()
    fake.run [[
      assert(host.name == "fake" and #host.interfaces == 2)
      local names = {}
      for i, interface in ipairs(host.interfaces) do names[i] = interface.name end
      assert(table.concat(names, " ") == "eth0 lo")
      local keys = {}
      for key in pairs(host.interfaces[1]) do keys[#keys + 1] = key end
      assert(table.concat(keys, " ") == "addresses leased leased6 loopback name up", table.concat(keys, " "))
      assert(next(host.addresses) == 1 and table.concat(host.addresses, " ") == "192.0.2.5/24 127.0.0.1/8")
      assert(rawequal(host, host))
      keys = {}
      for key in pairs(host) do keys[#keys + 1] = key end
      assert(table.concat(keys, " ") == "addresses facts interfaces ipv6 name")
      assert(host.ipv6 == true and next(host.facts) == nil and host[1] == nil)
    ]]
    fails("host is read-only", "host.name = 'x'")
    fails("host.interfaces[1] is read-only", "host.interfaces[1].leased = false")
    fails("host.addresses is read-only", "table.insert(host.addresses, 'x')")
  end)

  it("knows which facts there are", function()
    fails("policy.lua:1: host has no `interfces`: did you mean `interfaces`?", "local x = host.interfces")
    fails("policy.lua:1: host has no `role` (it has addresses, facts, interfaces, ipv6, name); "
      .. "facts of your own are in host.facts", "if host.role == 'web' then end")
    fails("policy.lua:2: host.interfaces[1] has no `leasd`: did you mean `leased`?",
      "\nfor _, i in ipairs(host.interfaces) do if i.leasd then end end")
    fails("host.interfaces[2] has no `zone`", "local x = host.interfaces[2].zone")
  end)

  it("gives the administrator's own facts, which a host may lack", function()
    local facts = { role = "web", ports = { 80, 443 }, deep = { er = true } }
    fake.run([[
      assert(host.facts.role == "web" and host.facts.ports[2] == 443 and host.facts.deep.er == true)
      assert(host.facts.rack == nil and host.facts.deep.est == nil and #host.facts.ports == 2)
      local keys = {}
      for key in pairs(host.facts) do keys[#keys + 1] = key end
      assert(table.concat(keys, " ") == "deep ports role")
      allow_inbound { tcp = host.facts.ports }
    ]], { facts = facts })
    local function refused(text)
      local ok, message = pcall(fake.run, text, { facts = facts })
      assert.falsy(ok)
      return message
    end
    assert.matches("host.facts is read%-only", refused("host.facts.role = 'db'"))
    assert.matches("host.facts.ports is read%-only", refused("host.facts.ports[1] = 22"))
    assert.matches("host.facts.deep is read%-only", refused("host.facts.deep.er = nil"))
    assert.same({ role = "web", ports = { 80, 443 }, deep = { er = true } }, facts)
  end)

  it("prints through notes", function()
    assert.same({ "info: a\t1\ttable\tnil" }, fake.run("print('a', 1, {}, nil)").notes)
  end)
end)

describe("order", function()
  it("is fixed for pairs and next: numbers, strings, booleans", function()
    fake.run [[
      local t = { b = 1, a = 2, [10] = 3, [2.5] = 4, [true] = 5, [false] = 6, "one", "two" }
      local seen = {}
      for key in pairs(t) do seen[#seen + 1] = tostring(key) end
      assert(table.concat(seen, " ") == "1 2 2.5 10 a b false true", table.concat(seen, " "))
      local key, count = next(t), 0
      while key ~= nil do
        count = count + 1
        assert(tostring(key) == seen[count])
        key = next(t, key)
      end
      assert(count == #seen and next({}) == nil)
    ]]
    fails("keys of type table have no fixed order", "for _ in pairs { [{}] = 1 } do end")
  end)

  it("lets a loop remove what it goes through", function()
    fake.run [[
      local t, count = { a = 1, b = 2, c = 3 }, 0
      for key in pairs(t) do t[key] = nil t.b = nil count = count + 1 end
      assert(count == 2)
    ]]
  end)

  it("keeps equal elements in their order when sorting", function()
    fake.run [[
      local list = {}
      for i = 1, 1000 do list[i] = { i % 7, i } end
      table.sort(list, function(a, b) return a[1] < b[1] end)
      for i = 2, 1000 do
        assert(list[i - 1][1] < list[i][1] or list[i - 1][1] == list[i][1] and list[i - 1][2] < list[i][2])
      end
      local words = { "c", "a", "b" }
      table.sort(words)
      assert(table.concat(words) == "abc")
    ]]
  end)

  it("shows no addresses in memory", function()
    fake.run [[
      assert(tostring({}) == "table" and tostring(print) == "function")
      assert(string.format("%s %d %s %s", {}, 1, true, nil) == "table 1 true nil")
      assert(not pcall(string.format, "%p", {}))
      assert(tostring(setmetatable({}, { __tostring = function() return "mine" end })) == "mine")
      assert(not pcall(setmetatable, {}, { __gc = print }))
      assert(not pcall(setmetatable, {}, { __mode = "k" }))
      assert(not tostring(except {}):find("0x") and not tostring(host):find("0x"))
    ]]
  end)

  it("gives the same rules in each run", function()
    local text = [[
      for name, port in pairs { web = 80, mail = 25, db = 5432, cache = 6379 } do
        allow_inbound { tcp = port, comment = name, from = except { "10.0.0.1", "10.0.0.2" } }
      end
    ]]
    local first = fake.all(fake.run(text))
    for _ = 1, 5 do
      assert.same(first, fake.all(fake.run(text)))
    end
    assert.matches("6379", first[4])
  end)
end)

describe("a schema", function()
  it("names the option, the nearest right one and the place", function()
    fails("policy.lua:3: allow_inbound: unknown option `frmo`: did you mean `from`?",
      "\n\nallow_inbound { tcp = 1, frmo = 1 }")
    fails("allow_inbound: from: an address, a list of addresses or except(...) is needed, not 7",
      "allow_inbound { tcp = 1, from = 7 }")
    fails('stage: "allw" is no stage: did you mean `allow`?', 'allow_inbound { tcp = 1, stage = "allw" }')
    fails('state: unknown state "NWE": did you mean `NEW`?', 'allow_inbound { tcp = 1, state = "NWE" }')
    fails('[1]: unknown service "shh": did you mean `ssh`?', 'allow_inbound "shh"')
    fails('protocol: unknown protocol "tpc": did you mean `tcp`?', 'allow_inbound { protocol = "tpc" }')
    fails("default_deny: unknown option `ipv4`", "default_deny { ipv4 = true }")
    fails('allow_icmp: forward: true or false is needed, not "yes"', 'allow_icmp { forward = "yes" }')
    fails('allow_inbound_ssh: "10.0.0.1" given, but an options table is needed', 'allow_inbound_ssh "10.0.0.1"')
  end)

  it("reports the same of two mistakes each time", function()
    for _ = 1, 20 do
      fails("unknown option `aaa`", "allow_inbound { zzz = 1, aaa = 1, mmm = 2 }")
    end
  end)

  it("keeps comments to one line of 255 bytes", function()
    fails("comment: has a line break", 'allow_inbound { tcp = 1, comment = "a\\nb" }')
    fails("comment: 256 bytes given, but at most 255 fit", 'allow_inbound { tcp = 1, comment = ("x"):rep(256) }')
    fails("comment: true given", 'allow_inbound { tcp = 1, comment = true }')
  end)
end)
