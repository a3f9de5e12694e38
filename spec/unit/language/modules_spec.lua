-- SPDX-License-Identifier: GPL-2.0-or-later
-- use() and module{}: options, the environment of a module, circles, clashes.
-- Which file is found, and how errors tell who used a module, is the core's:
-- see spec/integration/modules_spec.lua.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"
local fails = fake.fails

-- A policy of one use of a module with this text.
local function uses(text, options)
  return ("use(%q%s)"):format("roles.x", options and ", " .. options or ""), { ["roles/x.lua"] = text }
end

local web = [[
return module {
  about = "A web server.",
  options = {
    port = { "ports", default = { 80, 443 } },
    from = { "addresses", required = true, about = "who may come in" },
    engine = { "string", one_of = { "apache", "nginx" } },
    on = "interfaces",
    single = "port",
    services = "services",
    state = "states",
    protocol = "protocol",
    note = "comment",
    deny = "boolean",
    count = "number",
    guard = "chain",
    often = "limit",
    told = "log",
  },
  function(o)
    allow_inbound { tcp = o.port, from = o.from, on = o.on, comment = o.note }
  end,
}
]]

-- Run a policy that uses a module with this text.
local function runs(text)
  local policy, modules = uses(text)
  return fake.run(policy, nil, modules)
end

describe("use", function()
  it("runs the module's function with its options and defaults", function()
    local core = fake.run('use("roles.web", { from = "10.0.0.1" })', nil, { ["roles/web.lua"] = web })
    assert.same({ "-s 10.0.0.1/32 -p tcp -m multiport --dports 80,443 -m conntrack --ctstate NEW -j ACCEPT" },
      fake.chain(core, 1, "INPUT"))
  end)

  it("takes a plain function, too, and hands back what it returns", function()
    fake.run([[
      assert(use("sum", { 3, 4 }) == 7)
      assert(use "nothing" == nil)
      local nets = use("nets").office
      allow_inbound_ssh { from = nets }
    ]], nil, {
      ["sum.lua"] = "return function(o) return o[1] + o[2] end",
      ["nothing.lua"] = "return function(o) assert(next(o) == nil) end",
      ["nets.lua"] = 'return function() return { office = addresses "10.0.0.0/24" } end',
    })
  end)

  it("runs twice with different options, once with the same ones", function()
    local core = fake.run([[
      use("roles.web", { port = 80, from = { "10.0.0.1", "10.0.0.2" } })
      use("roles.web", { port = 81, from = "10.0.0.1" })
      use("roles.web", { from = { "10.0.0.1", "10.0.0.2" }, port = 80 })
    ]], nil, { ["roles/web.lua"] = web })
    assert.equal(3, #core.rules)
    assert.same({ 'info: use("roles.web"): the same as at policy.lua:1: nothing is added' }, core.notes)
  end)

  it("compares with what the options were then", function()
    local core = fake.run([[
      local options = { port = 80, from = "10.0.0.1" }
      use("roles.web", options)
      options.port = 81
      use("roles.web", options)
    ]], nil, { ["roles/web.lua"] = web })
    assert.equal(2, #core.rules)
    assert.same({}, core.notes)
  end)

  it("gives what an earlier use with the same options gave, to each a copy", function()
    fake.run([[
      local one, other = use("x"), use("x", {})
      assert(other[1] == 1 and other.office == one.office and #other.list == 2)
      one[1], other.list[1] = 7, 7
      assert(use("x")[1] == 1 and use("x").list[1] == 3)
    ]], nil, { ["x.lua"] = [[
      return function() return { 1, office = addresses "10.0.0.1", list = { 3, 4 } } end
    ]] })
  end)

  it("keeps nothing from one use to the next", function()
    fake.run("use('x', { 1 }) assert(use('x', { 2 }) == 1)", nil,
      { ["x.lua"] = "local count = 0 return function() count = count + 1 return count end" })
  end)

  it("does not change the options that it is given", function()
    fake.run([[
      local options = { from = "10.0.0.1" }
      use("roles.web", options)
      use("roles.y", options)
      assert(options.port == nil and options.from == "10.0.0.1" and options.more == nil)
    ]], nil, { ["roles/web.lua"] = web, ["roles/y.lua"] = "return function(o) o.from = nil o.more = 1 end" })
  end)

  it("wants a module's name", function()
    for _, name in ipairs { "../x", "/etc/passwd", "roles/x", "roles.x.lua", "roles..x", ".x", "x.", "", "a b", "x\\0y",
      "roles.-x" } do
      fails("policy.lua:1: use: ", ('use("%s")'):format(name))
      fails('write words joined by dots, as in use("roles.web_server")', ('use("%s")'):format(name))
    end
    fails("policy.lua:1: use: a module's name is needed, not nil", "use()")
    fails("policy.lua:1: use: a module's name is needed, not 7", "use(7)")
    fails("is too long for a module's name", "use(('x'):rep(201))")
  end)

  it("wants one table of options", function()
    for _, options in ipairs { "'x'", "7", "true", "{}, {}", "addresses {}", "function() end" } do
      fails('policy.lua:1: use("roles.x"): takes one table of options', uses("return function() end", options))
    end
    fails('policy.lua:1: use("roles.x"): nil given instead of options (a misspelt variable?)',
      uses("return function() end", "nil"))
  end)

  it("suggests the module that was probably meant", function()
    local modules = { ["roles/web_server.lua"] = web, ["nets.lua"] = web }
    fails('policy.lua:2: use("roles.web_sever"): there is no file roles/web_sever.lua: did you mean `roles.web_server`',
      '\nuse("roles.web_sever")', modules)
    fails("did you mean `roles.web_server`?", 'use("role.web_server")', modules)
    fails("did you mean `nets`?", 'use("net")', modules)
    assert.falsy(fake.failure('use("roles.zzzzzzzz")', modules):find("did you mean", 1, true))
  end)

  it("tells what is wrong with a module's file", function()
    fails('policy.lua:1: use("roles.x"): roles/x.lua:1: unexpected symbol near', uses "local x =")
    fails("roles/x.lua returns nothing, but a module returns module {", uses "local x = 1")
    fails("roles/x.lua returns a table, but a module returns module {", uses "return {}")
    fails("attempt to load a binary chunk", uses "\27Lua")
    fails("roles/x.lua:2: attempt to call a nil value", uses "\nlocal x = nil; x()")
  end)

  it("tells a circle with all who make it", function()
    local modules = {
      ["a.lua"] = "return function() use 'b' end",
      ["b.lua"] = "return function()\n use 'c' end",
      ["c.lua"] = "use 'a' return function() end",
      ["self.lua"] = "return function(o) if o.n > 0 then use('self', { n = o.n - 1 }) end end",
    }
    fails('c.lua:1: use("a"): goes in a circle: policy.lua:2 uses a, a.lua:1 uses b, b.lua:2 uses c, c.lua:1 uses a',
      "\nuse 'a'", modules)
    fails("goes in a circle: policy.lua:1 uses self, self.lua:1 uses self again", "use('self', { n = 3 })", modules)
    fails('b.lua:1: use("back"): goes in a circle: policy.lua:1 uses back, policy.lua:1 uses b, b.lua:1 uses back',
      "use('back', { function() use 'b' end })",
      { ["back.lua"] = "return function(o) o[1]() end", ["b.lua"] = "return function() use('back', { use }) end" })
  end)

  it("is not confused by an error that the policy catches", function()
    fake.run([[
      local ok, why = pcall(use, "bad")
      assert(not ok and why:find("on purpose"))
      ok, why = pcall(use, "bad")
      assert(not ok and why:find("on purpose"), why)
      use "outer"
      x = 1
      assert(x == 1)
    ]], nil, {
      ["bad.lua"] = "return function() error('on purpose') end",
      ["outer.lua"] = "return function() pcall(use, 'bad') use 'good' end",
      ["good.lua"] = "return function() end",
    })
  end)
end)

describe("a module's options", function()
  local modules = { ["roles/web.lua"] = web }

  local function refuses(expected, options)
    fails('policy.lua:3: use("roles.web"): ' .. expected, ('\n\nuse("roles.web", %s)'):format(options), modules)
  end

  it("are named, or refused with the nearest one", function()
    refuses("unknown option `prot`: did you mean `port`?", '{ from = "10.0.0.1", prot = 80 }')
    refuses("unknown option `zzzzzz`", '{ from = "10.0.0.1", zzzzzz = 80 }')
    refuses('takes options by name, but "10.0.0.1" stands without one', '{ "10.0.0.1" }')
  end)

  it("are asked for where they are required", function()
    refuses("`from` is missing: an address, a list of addresses or except(...) is needed (who may come in)", "{}")
    fails('policy.lua:1: use("roles.web"): `from` is missing', 'use("roles.web")', modules)
    fails('policy.lua:1: use("roles.web"): `from` is missing', 'use "roles.web"', modules)
  end)

  it("are of their kind", function()
    local good = 'from = "10.0.0.1"'
    for option, wrong in pairs { port = "true", from = "7", engine = "7", on = "7", single = '"80"', services = "7",
      state = "7", protocol = "true", note = "7", deny = '"yes"', count = '"7"', guard = '"INPUT"',
      often = "7", told = "7" } do
      refuses(option .. ": ", ("{ %s, %s = %s }"):format(option == "from" and "on = 'eth0'" or good, option, wrong))
    end
  end)

  it("are read to the bottom, at the line that gives them", function()
    refuses('from[2]: "10.0.0.300" is not an IPv4 or IPv6 address', '{ from = { "10.0.0.1", "10.0.0.300" } }')
    refuses("port: port 65536 is out of range", '{ from = "10.0.0.1", port = 65536 }')
    refuses("port[2]: port 0 is out of range", '{ from = "10.0.0.1", port = { 80, 0 } }')
    refuses('port: unknown service "htps": did you mean `https`?', '{ from = "10.0.0.1", port = "htps" }')
    refuses('on: "eth 0" is no interface name', '{ from = "10.0.0.1", on = "eth 0" }')
    refuses("single: port 0 is out of range", '{ from = "10.0.0.1", single = 0 }')
    refuses("single: port 1.5 is out of range", '{ from = "10.0.0.1", single = 1.5 }')
    refuses('services[1]: unknown service "shh": did you mean `ssh`?', '{ from = "10.0.0.1", services = { "shh" } }')
    refuses('state: unknown state "NWE": did you mean `NEW`?', '{ from = "10.0.0.1", state = "NWE" }')
    refuses('protocol: unknown protocol "tpc"', '{ from = "10.0.0.1", protocol = "tpc" }')
    refuses('engine: "ngnix" is not one of apache, nginx: did you mean `nginx`?',
      '{ from = "10.0.0.1", engine = "ngnix" }')
    refuses("often: ", '{ from = "10.0.0.1", often = "5/fortnight" }')
    refuses("often.rate: ", '{ from = "10.0.0.1", often = { rate = "x" } }')
    refuses("told: ", '{ from = "10.0.0.1", told = ("x"):rep(100) }')
    refuses("guard: a chain is needed", '{ from = "10.0.0.1", guard = {} }')
    refuses("note: has a line break", '{ from = "10.0.0.1", note = "a\\nb" }')
  end)

  it("take exceptions, names of services, lists and chains", function()
    fake.run([[
      use("roles.web", {
        from = except { "10.0.0.1", "10.0.0.2" }, port = { "https", 8080, "9000-9010" }, on = except "lan0",
        engine = "nginx", single = 53, services = { "ssh", "dns" }, state = "NEW", protocol = { "tcp", 50 },
        deny = false, count = 1.5, guard = chain("filter", "GUARD"),
        often = "5/minute", told = { prefix = "web: ", group = 5 },
      })
      use("roles.web", { from = {}, port = except(80) })
    ]], nil, modules)
  end)

  it("are all that the module's function can read", function()
    fails("roles/x.lua:1: the module declares no option `form`: did you mean `from`?",
      uses "return module { options = { from = 'addresses' }, function(o) local x = o.form end }")
    runs "return module { options = { from = 'addresses' }, function(o) assert(o.from == nil) end }"
  end)

  it("are declared as they can be meant, or the module's file is told", function()
    local function declares(expected, options)
      fails('policy.lua:1: use("roles.x"): roles/x.lua: module: ' .. expected,
        uses(("return module { options = %s, function() end }"):format(options)))
    end
    declares('options: from: unknown kind "adresses": did you mean `addresses`?', '{ from = "adresses" }')
    declares("options: from: says no kind", "{ from = { required = true } }")
    declares("options: from: unknown option `requird`: did you mean `required`?",
      '{ from = { "addresses", requird = 1 } }')
    declares("options: from: is required, so its default is never used",
      '{ from = { "addresses", required = true, default = "10.0.0.1" } }')
    declares("options: default: from: an address, a list", '{ from = { "addresses", default = 7 } }')
    declares("options: default: port: port 0 is out of range", '{ port = { "ports", default = 0 } }')
    declares("options: default: how: \"c\" is not one of a, b",
      '{ how = { "string", default = "c", one_of = { "a", "b" } } }')
    declares("options: how: one_of: an empty list", '{ how = { "string", one_of = {} } }')
    declares("options: how: a kind is needed", "{ how = 7 }")
    declares("options: 1 is no name of an option", '{ "addresses" }')
    declares('options: "a-b" is no name of an option', '{ ["a-b"] = "addresses" }')
    declares("options: a table is needed, not 7", "7")
  end)

  it("come with a function", function()
    fails("module: has no function", uses "return module { options = {} }")
    fails("module: unknown option `option`: did you mean `options`?", uses "return module { option = {} }")
    fails('use("roles.x"): roles/x.lua: module: takes one options table', uses "return module({}, function() end)")
    fails("policy.lua:1: module: this file is a module: a policy brings it in with use(",
      "local m = module { function() end } return m")
    runs "return module { run = function() end }"
  end)
end)

describe("a module", function()
  it("has no globals, of its own or the policy's", function()
    fails("roles/x.lua:1: `count` would be a global, and a module has none: write `local count`", uses "count = 1")
    fails("roles/x.lua:1: `help` would be a global", uses "return function() function help() end end")
    fails("`allow_icmp` would be a global", uses "allow_icmp = nil")
    fails("`office` is a global of the policy, which a module does not see: hand it over as an option",
      "office = '10.0.0.1' use('x')", { ["x.lua"] = "return function() return office end" })
    fails("`x` would be a global", uses "_ENV.x = 2")
    fails("cannot change a protected metatable", uses "setmetatable(_ENV, {})")
    fails("host is read-only", uses "host.name = 'x'")
    fails("string is read-only", uses "string.rep = nil")
  end)

  it("is told with its use where a chain that it goes to is missing in the end", function()
    fails('x.lua:1: append: go_to: no chain "GUARDS" in filter: did you mean `GUARD`? (used at policy.lua:2)',
      "chain('filter', 'GUARD')\nuse 'x'",
      { ["x.lua"] = "return function() chain('filter', 'INPUT'):append { go_to = 'GUARDS' } end" })
  end)

  it("leaves no global behind for the policy or the next module", function()
    fails("unknown name `leak`", "pcall(use, 'a') local x = leak", { ["a.lua"] = "leak = 1" })
  end)

  it("has the language, and suggests its names, not the policy's", function()
    fails("roles/x.lua:1: unknown name `alow_icmp`: did you mean `allow_icmp`?",
      uses "return function() alow_icmp() end")
    local message = fake.failure("my_server = 1 use('x')", { ["x.lua"] = "local x = my_servr" })
    assert.falsy(message:find("my_server`", 1, true), message)
    local core = runs [[
      return function()
        service("minecraft", { tcp = 25565 })
        allow_inbound_minecraft()
        local c = chain("filter", "X")
        c:append "-j ACCEPT"
        assert(host.name == "fake" and pairs and string.rep)
      end
    ]]
    assert.equal(1, #fake.chain(core, 1, "INPUT"))
    assert.same({ "-j ACCEPT" }, fake.chain(core, 2, "X"))
  end)
end)

describe("clashes", function()
  local modules = {
    ["a.lua"] = "return function() service('x', { tcp = 1 }) end",
    ["b.lua"] = "return function() service('x', { tcp = 2 }) end",
    ["same.lua"] = "return function() service('x', { tcp = 1 }) end",
    ["deny.lua"] = "return function() default_deny() end",
    ["open.lua"] = "return function()\n chain('filter', 'OUTPUT', { policy = 'ACCEPT' }) end",
    ["guard.lua"] = "return function() local c = chain('filter', 'GUARD') return c end",
    ["guard2.lua"] = "return function() chain('filter', 'GUARD', { family = 'ipv6' }) end",
    ["guard4.lua"] = "return function() chain('filter', 'GUARD', { family = 'ipv4' }) end",
    ["input.lua"] = "return function() chain('filter', 'INPUT'):append '-j ACCEPT' end",
  }

  it("of services are told with both places", function()
    fails("b.lua:1: service(\"x\"): is already defined otherwise at a.lua:1", "use 'a' use 'b'", modules)
    fails("policy.lua:2: service(\"x\"): is already defined otherwise at a.lua:1",
      "use 'a'\nservice('x', { tcp = 3 })", modules)
    fake.run("use 'a' use 'same' allow_inbound_x()", nil, modules)
  end)

  it("of chain policies are told with both places", function()
    fails("open.lua:2: chain: policy ACCEPT for OUTPUT of filter, but another one is set at deny.lua:1",
      "use 'deny' use 'open'", modules)
    fails("policy.lua:1: default_deny: policy DROP for OUTPUT of filter, but another one is set at open.lua:2",
      "use 'open' default_deny()", modules)
    fails("deny.lua:1: default_deny: policy DROP for OUTPUT of filter, but another one is set at policy.lua:1",
      "chain('filter', 'OUTPUT', { policy = 'ACCEPT' }) use 'deny'", modules)
    fails("policy.lua:2: chain: policy ACCEPT for OUTPUT of filter, but another one is set at deny.lua:1",
      "use 'deny' default_deny()\nchain('filter', 'OUTPUT', { policy = 'ACCEPT' })", modules)
  end)

  it("of what is logged at the end are told with both places", function()
    fails("policy.lua:2: log_denied: INPUT is spoken of otherwise at log.lua:1 (used at policy.lua:1)",
      "use 'log'\nlog_denied()", { ["log.lua"] = "return function() log_denied { prefix = 'x ' } end" })
  end)

  it("of chain policies are none where all say the same, or within one file", function()
    fake.run("use 'deny' default_deny() use 'input'", nil, modules)
    local core = fake.run("default_deny() chain('filter', 'OUTPUT', { policy = 'ACCEPT' })", nil, modules)
    assert.equal("3 filter OUTPUT ACCEPT chain", core.policies[#core.policies])
  end)

  it("of user chains are told with both places", function()
    fails("guard.lua:1: chain: GUARD of filter is already made at policy.lua:1: name one of them otherwise, or hand",
      "chain('filter', 'GUARD') use 'guard'", modules)
    fails("policy.lua:2: chain: GUARD of filter is already made at guard.lua:1",
      "use 'guard'\nchain('filter', 'GUARD')", modules)
    fails("guard2.lua:1: chain: GUARD of filter is already made at guard.lua:1", "use 'guard' use 'guard2'", modules)
    fails("guard.lua:1: chain: GUARD of filter is already made at guard.lua:1",
      "use('guard', { 1 }) use('guard', { 2 })", modules)
  end)

  it("of user chains are none in other tables and families, and for a chain that is handed on", function()
    fake.run([[
      use 'guard2' use 'guard4'
      chain('mangle', 'GUARD')
      chain('mangle', 'GUARD'):append '-j ACCEPT'
    ]], nil, modules)
    local core = fake.run("use('guard'):append '-j DROP'", nil, modules)
    assert.same({ "-j DROP" }, fake.chain(core, 1, "GUARD"))
  end)
end)
