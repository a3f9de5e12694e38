-- SPDX-License-Identifier: GPL-2.0-or-later
-- `limit=` on the verbs, and limit_new_connections.
package.path = "spec/unit/language/?.lua;" .. package.path
local fake = require "fake_core"
local rules = fake.rules

local function fails(expected, text)
  fake.fails("policy.lua:1: " .. expected, text)
end

-- The only hashlimit name in some rules.
local function name_in(texts)
  local found
  for _, text in ipairs(texts) do
    for name in text:gmatch("%-%-hashlimit%-name (%S+)") do
      assert.truthy(not found or found == name, text)
      found = name
    end
  end
  assert.matches("^mg_%x+$", found)
  assert.truthy(#found <= 15)
  return found
end

local ssh = "-p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m comment --comment SSH"

describe("limit", function()
  it("stands behind all other matches, on each verb and direction", function()
    assert.same({ "3 INPUT " .. ssh .. " -m limit --limit 5/min -j ACCEPT" },
      rules 'allow_inbound_ssh { limit = "5/minute" }')
    for _, action in ipairs { "allow", "drop", "reject" } do
      for direction, chain in pairs { inbound = "INPUT", outbound = "OUTPUT", forward = "FORWARD" } do
        for _, call in ipairs { "%s_%s { udp = 53, limit = '9/hour' }", "%s_%s_syslog { limit = '9/hour' }" } do
          local found = rules(call:format(action, direction))
          assert.equal(1, #found)
          assert.matches("^3 " .. chain .. " %-p udp .* %-m limit %-%-limit 9/hour %-j %u+$", found[1])
        end
      end
    end
  end)

  it("takes units as people write them", function()
    for text, printed in pairs {
      ["5/s"] = "5/sec", ["5/sec"] = "5/sec", ["5 / Second"] = "5/sec", ["5/m"] = "5/min", ["5/minutes"] = "5/min",
      ["5/h"] = "5/hour", ["5/hour"] = "5/hour", ["10000/second"] = "10000/sec",
    } do
      local found = rules(('allow_inbound { tcp = 1, limit = "%s" }'):format(text))
      assert.matches("--limit " .. printed .. " -j", found[1], 1, true)
    end
  end)

  it("takes a burst, and gives one that the kernel can count", function()
    local function burst(limit)
      return rules("allow_inbound { tcp = 1, limit = " .. limit .. " }")[1]:match("%-%-limit%-burst (%d+)") or "5"
    end
    assert.equal("5", burst '"5/minute"')
    assert.equal("20", burst '{ "5/minute", burst = 20 }')
    assert.equal("24", burst '{ rate = "1/hour", burst = 24 }')
    assert.equal("4", burst '"4/day"')
    assert.equal("1", burst '"1/day"')
    fails('allow_inbound: limit.burst: 75 at 1/hour are more than a day\'s worth, which is all that the kernel can '
      .. "count: at most 24, or a faster rate", 'allow_inbound { tcp = 1, limit = { rate = "1/hour", burst = 75 } }')
  end)

  it("counts each source by itself, a whole /64 in IPv6", function()
    local found = rules 'allow_inbound_ssh { limit = { rate = "5/minute", burst = 10, per = "source" } }'
    local hash = " -m hashlimit --hashlimit-upto 5/min --hashlimit-burst 10 --hashlimit-mode srcip --hashlimit-name "
      .. name_in(found) .. " --hashlimit-htable-expire 120000"
    assert.same({ "1 INPUT " .. ssh .. hash .. " -j ACCEPT",
      "2 INPUT " .. ssh .. hash .. " --hashlimit-srcmask 64 -j ACCEPT" }, found)
  end)

  it("counts destinations and ports, and networks of a size", function()
    local found = rules [[allow_outbound { tcp = 25, limit = { rate = "5/second", per = { "destination_port",
      "destination", "source" }, ipv4_prefix = 24, ipv6_prefix = 48 } }]]
    assert.matches("--hashlimit-mode srcip,dstip,dstport", found[1], 1, true)
    assert.matches("--hashlimit-srcmask 24 --hashlimit-dstmask 24 -j ACCEPT", found[1], 1, true)
    assert.matches("--hashlimit-srcmask 48 --hashlimit-dstmask 48 -j ACCEPT", found[2], 1, true)
    found = rules 'allow_inbound { tcp = 25, limit = { rate = "5/second", per = "source_port" } }'
    assert.equal(1, #found)
    assert.matches("^3 INPUT .*%-%-hashlimit%-mode srcport ", found[1])
  end)

  it("turns round with above", function()
    local found = rules 'drop_inbound { tcp = 22, limit = { above = "5/minute", per = "source" } }'
    assert.matches("--hashlimit-above 5/min --hashlimit-burst 5 --hashlimit-mode srcip", found[1], 1, true)
    found = rules 'drop_inbound { tcp = 22, limit = { above = "5/minute" } }'
    assert.same({ "3 INPUT -p tcp -m tcp --dport 22 -m hashlimit --hashlimit-above 5/min --hashlimit-burst 5 "
      .. "--hashlimit-name " .. name_in(found) .. " -j DROP" }, found)
  end)

  it("says what a drop within a limit does", function()
    assert.same({ 'warning: drop_inbound: limit: what is within the limit is dropped, and what is over it goes on -> '
      .. 'to drop what is over it: limit = { above = "..." }, or limit_new_connections' },
      fake.run('drop_inbound { tcp = 1, limit = "1/second" }').notes)
    assert.same({}, fake.run('drop_inbound { tcp = 1, limit = { above = "1/second" } }').notes)
    assert.same({}, fake.run('reject_inbound { tcp = 1, limit = "1/second" }').notes)
  end)

  it("holds for all rules of a call together", function()
    local core = fake.run 'allow_inbound_dns { from = { "10.0.0.1", "2001:db8::1" }, limit = "9/second" }'
    local name = core.chains[1].name
    assert.matches("^LIMIT_%x+$", name)
    for family, source in ipairs { "10.0.0.1/32", "2001:db8::1/128" } do
      assert.same({ "-m limit --limit 9/sec -j ACCEPT" }, fake.chain(core, family, name))
      local rest = " --dport 53 -m conntrack --ctstate NEW -m comment --comment DNS -j " .. name
      assert.same({ ("-s %s -p tcp -m tcp"):format(source) .. rest, ("-s %s -p udp -m udp"):format(source) .. rest },
        fake.chain(core, family, "INPUT"))
    end
  end)

  it("leaves a reset to TCP in a chain of several", function()
    local core = fake.run [[
      reject_inbound { tcp = 1, udp = 2, from = { "10.0.0.1", "10.0.0.2" }, limit = "1/second" }
    ]]
    local targets = {}
    for _, chain in ipairs(core.chains) do
      targets[#targets + 1] = table.concat(fake.chain(core, 1, chain.name), "|")
    end
    table.sort(targets)
    assert.same({ "-m limit --limit 1/sec -j REJECT",
      "-p tcp -m limit --limit 1/sec -j REJECT --reject-with tcp-reset" }, targets)
    assert.equal(2, #fake.run('reject_inbound { tcp = 1, udp = 2, limit = "1/second" }').rules)
  end)

  it("goes into the chain of an exception", function()
    local core = fake.run 'allow_inbound { tcp = 1, from = except { "10.0.0.1", "10.0.0.2" }, limit = "1/second" }'
    local name = core.chains[1].name
    assert.same({ "-s 10.0.0.1/32 -j RETURN", "-s 10.0.0.2/32 -j RETURN", "-m limit --limit 1/sec -j ACCEPT" },
      fake.chain(core, 1, name))
    assert.same({ "-p tcp -m tcp --dport 1 -m conntrack --ctstate NEW -m limit --limit 1/sec -j ACCEPT" },
      fake.chain(core, 2, "INPUT"))
  end)

  it("holds for all places of a zone together, with what is excluded from it", function()
    local core = fake.run [[
      local lan = zone { interfaces = { "lan0", "lan1" }, networks = "10.0.0.0/24" }
      allow_inbound_ssh { from = { lan, "10.9.9.9" }, limit = "5/minute" }
      allow_inbound_smtp { from = { except(lan), "10.0.0.0/8", "2001:db8::/32" }, limit = "5/minute" }
    ]]
    local limited = {}
    for _, chain in ipairs(core.chains) do
      local texts = fake.chain(core, 1, chain.name)
      if texts[#texts] == "-m limit --limit 5/min -j ACCEPT" then
        limited[#limited + 1] = chain.name:match("^%u+")
      end
    end
    assert.same({ "LIMIT", "EXCEPT" }, limited)
    local count = 0
    for _, rule in ipairs(core.rules) do
      count = count + (rule.text:find("-m limit", 1, true) and rule.families & 1 or 0)
    end
    assert.equal(2, count)
  end)

  it("needs no chain where two parts are for a family each", function()
    assert.same({}, fake.run('allow_inbound { protocol = "ah", limit = "5/minute" }').chains)
  end)

  it("is another limit for another call, and the same in each run", function()
    local text = [[
      local limit = { rate = "5/minute", per = "source" }
      allow_inbound_ssh { limit = limit }
      allow_inbound_smtp { limit = limit }
      allow_inbound { tcp = 1, from = except { "10.0.0.1", "10.0.0.2" }, limit = "1/second" }
      allow_inbound { tcp = 2, from = except { "10.0.0.1", "10.0.0.2" }, limit = "1/second" }
      allow_inbound_ssh { limit = { rate = "6/minute", per = "source" } }
    ]]
    local core = fake.run(text)
    local names = {}
    for _, rule in ipairs(core.rules) do
      local name = rule.text:match("%-%-hashlimit%-name (%S+)")
      names[name or ""] = true
    end
    names[""] = nil
    local count = 0
    for _ in pairs(names) do
      count = count + 1
    end
    assert.equal(3, count)
    assert.equal(2, #core.chains)
    assert.same(fake.all(core), fake.all(fake.run("\n\n" .. text)))
  end)

  it("is checked", function()
    fails('allow_inbound: limit: "5" in what time? write "5/second", "5/minute" ...',
      'allow_inbound { tcp = 1, limit = "5" }')
    fails('allow_inbound: limit: "often" is no rate: write it like "5/minute"',
      'allow_inbound { tcp = 1, limit = "often" }')
    fails('allow_inbound: limit: "5/minuet": unknown unit: did you mean `minute`?',
      'allow_inbound { tcp = 1, limit = "5/minuet" }')
    fails('allow_inbound: limit: "0/s" never matches', 'allow_inbound { tcp = 1, limit = "0/s" }')
    fails('allow_inbound: limit: "10001/s" is faster than the kernel counts: at most 10000/second',
      'allow_inbound { tcp = 1, limit = "10001/s" }')
    fails('allow_inbound: limit.rate: "' .. ("9"):rep(30) .. '/day" is faster', 'allow_inbound { tcp = 1, limit = '
      .. '{ rate = ("9"):rep(30) .. "/day", per = "source" } }')
    fails("allow_inbound: limit: `rate` is missing", "allow_inbound { tcp = 1, limit = { burst = 3 } }")
    fails("allow_inbound: limit: unknown option `brust`: did you mean `burst`?",
      'allow_inbound { tcp = 1, limit = { "1/s", brust = 3 } }')
    fails("allow_inbound: limit.burst: a whole number is needed, not \"3\"",
      'allow_inbound { tcp = 1, limit = { "1/s", burst = "3" } }')
    fails("allow_inbound: limit.burst: 2.5 is no burst (1 to 10000)",
      'allow_inbound { tcp = 1, limit = { "1/s", burst = 2.5 } }')
    fails("allow_inbound: limit.burst: 10001 is no burst (1 to 10000)",
      'allow_inbound { tcp = 1, limit = { "1/s", burst = 10001 } }')
    fails("allow_inbound: limit.above: rate already says how often",
      'allow_inbound { tcp = 1, limit = { "1/s", above = "1/s" } }')
    fails('allow_inbound: limit.per: "sorce" is not what a limit can be per: did you mean `source`?',
      'allow_inbound { tcp = 1, limit = { "1/s", per = "sorce" } }')
    for _, value in ipairs { 'except "5/minute"', 'addresses "10.0.0.1"', "host", 'zone { interfaces = "lan0" }' } do
      for _, option in ipairs { "limit", "log" } do
        fails(("allow_inbound: %s: a plain table of options is needed"):format(option),
          ("allow_inbound { tcp = 1, %s = %s }"):format(option, value))
      end
    end
    fails("allow_inbound: limit.per: an empty list", 'allow_inbound { tcp = 1, limit = { "1/s", per = {} } }')
    fails('allow_inbound: limit.ipv4_prefix: needs per = "source"',
      'allow_inbound { tcp = 1, limit = { "1/s", ipv4_prefix = 24 } }')
    fails("allow_inbound: limit.ipv4_prefix: 33 is no prefix length (1 to 32)",
      'allow_inbound { tcp = 1, limit = { "1/s", per = "source", ipv4_prefix = 33 } }')
    fails('allow_inbound_ssh: limit[1]: a rate like "5/minute" is needed, not 5',
      "allow_inbound_ssh { limit = { 5 } }")
  end)
end)

describe("limit_new_connections", function()
  it("drops new connections over a rate per source, with the guards", function()
    local core = fake.run 'limit_new_connections { "ssh", rate = "6/minute", burst = 10 }'
    local found = fake.all(core)
    local hash = " -m hashlimit --hashlimit-above 6/min --hashlimit-burst 10 --hashlimit-mode srcip --hashlimit-name "
      .. name_in(found) .. " --hashlimit-htable-expire 100000"
    assert.same({ "1 INPUT " .. ssh .. hash .. " -j DROP",
      "2 INPUT " .. ssh .. hash .. " --hashlimit-srcmask 64 -j DROP" }, found)
    assert.equal(34, core.rules[1].rank)
    assert.equal("limit_new_connections", core.rules[1].helper)
  end)

  it("limits how many there are at the same time", function()
    assert.same({
      "1 INPUT -p tcp -m multiport --dports 80,443 -m conntrack --ctstate NEW -m connlimit --connlimit-above 50 "
        .. "--connlimit-mask 32 --connlimit-saddr -j DROP",
      "2 INPUT -p tcp -m multiport --dports 80,443 -m conntrack --ctstate NEW -m connlimit --connlimit-above 50 "
        .. "--connlimit-mask 64 --connlimit-saddr -j DROP",
    }, rules "limit_new_connections { tcp = { 80, 443 }, connections = 50 }")
    local found = rules [[
      limit_new_connections { connections = 9, per = "destination", ipv4_prefix = 24, rate = "1/s" }
    ]]
    assert.equal(4, #found)
    assert.matches("--connlimit-above 9 --connlimit-mask 24 --connlimit-daddr", found[3], 1, true)
    assert.matches("--connlimit-above 9 --connlimit-mask 128 --connlimit-daddr", found[4], 1, true)
  end)

  it("counts all new connections without a service, also forwarded ones on request", function()
    local core = fake.run 'limit_new_connections { rate = "9/s", forward = true, on = "wan0" }'
    for _, chain in ipairs { "INPUT", "FORWARD" } do
      assert.matches("^%-i wan0 %-m conntrack %-%-ctstate NEW %-m hashlimit ", fake.chain(core, 1, chain)[1])
    end
    core = fake.run 'limit_new_connections { rate = "9/s", forward = true, out = "lan0" }'
    assert.same({}, fake.chain(core, 1, "INPUT"))
    assert.matches("^%-o lan0 ", fake.chain(core, 1, "FORWARD")[1])
  end)

  it("answers and logs if it is told to", function()
    local core = fake.run 'limit_new_connections { tcp = 22, rate = "9/s", reject = true, log = "ssh flood: " }'
    local name = core.chains[1].name
    assert.same({ '-p tcp -m limit --limit 5/min --limit-burst 10 -j LOG --log-prefix "ssh flood: "',
      "-p tcp -j REJECT --reject-with tcp-reset" }, fake.chain(core, 2, name))
    assert.matches(" -j " .. name .. "$", fake.chain(core, 2, "INPUT")[1])
  end)

  it("is checked", function()
    fails("limit_new_connections: `rate` is missing", "limit_new_connections()")
    fails("limit_new_connections: `rate` is missing", 'limit_new_connections "ssh"')
    fails("limit_new_connections: burst: belongs to a rate", "limit_new_connections { connections = 7, burst = 7 }")
    fails("limit_new_connections: rate: \"5\" in what time?", 'limit_new_connections { rate = "5" }')
    fails("limit_new_connections: burst: 3 at 1/day are more than a day's worth",
      'limit_new_connections { rate = "1/d", burst = 3 }')
    fails("limit_new_connections: per: connections are counted per", 'limit_new_connections { connections = 7, '
      .. 'per = "source_port" }')
    fails("limit_new_connections: connections: -1 is no number of connections",
      "limit_new_connections { connections = -1 }")
    fails("limit_new_connections: out: a packet for this host", 'limit_new_connections { rate = "1/s", out = "lan0" }')
    fails('limit_new_connections: [1]: unknown service "shh"', 'limit_new_connections { "shh", rate = "1/s" }')
  end)
end)
