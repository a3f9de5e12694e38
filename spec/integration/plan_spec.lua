-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What a plan looks like, that it tells the truth, and that it changes nothing.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local base = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
]]

-- Primitives in a chain that holds nothing else, for exact numbers.
local function rules(ports)
  local text = { 'local c = chain("filter", "INPUT", { family = "ipv4" })' }
  for _, port in ipairs(ports) do
    text[#text + 1] = ('c:append "-p tcp -m tcp --dport %d -j ACCEPT"'):format(port)
  end
  return table.concat(text, "\n") .. "\n"
end

describe("a plan #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  local function plan(text, ...)
    local result = program:run("plan", program:policy(text), ...)
    assert.equal(0, result.code, result.out .. result.err)
    return result.out
  end

  -- The line of a plan that holds all of the given parts.
  local function line_with(out, ...)
    for line in out:gmatch("[^\n]+") do
      local all = true
      for _, part in ipairs { ... } do
        all = all and line:find(part, 1, true)
      end
      if all then
        return line
      end
    end
    error("no line with " .. table.concat({ ... }, " and ") .. " in:\n" .. out, 2)
  end

  it("heads each chain with its families and its change of policy", function()
    local out = plan(base)
    for _, chain in ipairs { "INPUT", "FORWARD", "OUTPUT" } do
      local line = line_with(out, "filter", chain, "policy")
      assert.truthy(line:find("^filter%s+" .. chain .. "%s+%(v4 v6%)%s+policy ACCEPT → DROP$"), line)
    end
  end)

  it("marks what is to be added, with helper and place at the right", function()
    local out = plan(base)
    local line = line_with(out, "RELATED,ESTABLISHED -j ACCEPT", "allow_established")
    assert.truthy(line:find("^  %+ +1  %-m conntrack %-%-ctstate RELATED,ESTABLISHED %-j ACCEPT"
      .. "  +allow_established  +policy.lua:2$"), line)
    line = line_with(out, "-i lo -j ACCEPT")
    assert.truthy(line:find("^  %+ +2  %-i lo %-j ACCEPT  +allow_loopback  +policy.lua:3$"), line)
    assert.truthy(line_with(out, "--dport 22"):find("allow_inbound_ssh  +policy.lua:5$"))
  end)

  it("sums up, and says that nothing has been touched", function()
    local out = plan(base)
    assert.truthy(out:find("\n%d+ to add[^\n]*; 6 chain policies to change%. Nothing has been touched: "
      .. "`moongate apply`[^\n]*\n$"), out)
  end)

  it("counts what it lists", function()
    program:apply(program:policy(rules { 1, 2, 3, 4 }))
    local out = plan(rules { 1, 3, 4, 5, 6 })
    local counted = { ["+"] = 0, ["-"] = 0 }
    for marker in out:gmatch("\n  ([+-]) ") do
      counted[marker] = counted[marker] + 1
    end
    assert.same({ ["+"] = 2, ["-"] = 1 }, counted, out)
    assert.truthy(out:find("\n2 to add, 1 to remove[^\n]* 3 kept"), out)
  end)

  it("counts unchanged stretches and lists them only with -v", function()
    local path = rules { 1, 2, 3, 4 }
    program:apply(program:policy(path))
    local out = plan(rules { 1, 2, 3, 4, 5 })
    assert.truthy(out:find("\n  = +4  unchanged, counters kept"), out)
    assert.falsy(out:find("--dport 2 ", 1, true), out)
    local verbose = plan(rules { 1, 2, 3, 4, 5 }, "-v")
    assert.truthy(verbose:find("\n  = [^\n]*%-%-dport 2 %-j ACCEPT"), verbose)
    assert.truthy(line_with(verbose, "--dport 5 "):find("^  %+ +5  "), verbose)
  end)

  it("tells what goes away, with what it has counted", function()
    program:apply(program:policy(rules { 1, 2 }))
    tables.restore(lab.server, "ipv4", "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
      .. "[0:0] -A INPUT -p tcp -m tcp --dport 1 -j ACCEPT\n"
      .. "[112:6144] -A INPUT -p tcp -m tcp --dport 2 -j ACCEPT\nCOMMIT\n", "-c")
    local line = line_with(plan(rules { 1 }), "--dport 2 ")
    assert.truthy(line:find("^  %- +2  %-p tcp %-m tcp %-%-dport 2 %-j ACCEPT  +not in the policy; 112 packets"), line)
  end)

  it("marks what moves, with its old place", function()
    program:apply(program:policy(rules { 1, 2, 3, 4 }))
    local out = plan(rules { 4, 1, 2, 3 })
    local line = line_with(out, "moved from")
    assert.truthy(line:find("^  ~ +1  moved from 4: %-p tcp %-m tcp %-%-dport 4 %-j ACCEPT"), line)
    assert.truthy(out:find("1 to move", 1, true), out)
    program:apply(program:policy(rules { 4, 1, 2, 3 }))
    local input = tables.filter(lab.server, "ipv4").INPUT
    assert.equal("-p tcp -m tcp --dport 4 -j ACCEPT", input[1].text)
    assert.equal(4, #input)
  end)

  it("shows a family by itself where the two differ", function()
    local out = plan(rules { 1 })
    assert.truthy(line_with(out, "filter", "INPUT"):find("%(v4%)"), out)
    assert.falsy(out:find("v4 v6", 1, true), out)
  end)

  it("changes nothing: the tables are not even made", function()
    plan(base)
    for _, family in ipairs(tables.families) do
      assert.equal("", tables.names(lab.server, family))
    end
    assert.equal(0, program:run("check", program:policy(base)).code)
    program:run("status")
    program:run("show")
    for _, family in ipairs(tables.families) do
      assert.equal("", tables.names(lab.server, family))
    end
  end)

  it("changes no rule and no counter of tables that are there", function()
    program:apply(program:policy(rules { 1, 2 }))
    local before = tables.save_counted(lab.server, "ipv4") .. tables.save_counted(lab.server, "ipv6")
    plan(base)
    assert.equal(before, tables.save_counted(lab.server, "ipv4") .. tables.save_counted(lab.server, "ipv6"))
  end)

  it("ends with 2 only when it is asked to and there are changes", function()
    local path = program:policy(base)
    assert.equal(0, program:run("plan", path).code)
    assert.equal(2, program:run("plan", path, "--detailed-exitcode").code)
    program:apply(path)
    assert.equal(0, program:run("plan", path, "--detailed-exitcode").code)
  end)

  it("has nothing to do after apply, for each of several policies in turn", function()
    for _, text in ipairs { base, rules { 1, 2, 3 }, base .. "drop_bad_tcp_flags()\ndrop_invalid()\n", rules {} } do
      local path = program:policy(text)
      program:apply(path)
      local result = program:run("plan", path, "--detailed-exitcode")
      assert.equal(0, result.code, result.out)
      assert.truthy(result.out:lower():find("nothing to do", 1, true), result.out)
    end
  end)

  it("does what it says: the rules added are the rules that are there then", function()
    local out = plan(base)
    local said = {}
    for rule in out:gmatch("\n  %+ +[%d/]+  (%-.-)  ") do
      said[#said + 1] = rule
    end
    for rule in out:gmatch("\n  %+ +%d+  v[46]  (%-.-)  ") do
      said[#said + 1] = rule
    end
    assert.truthy(#said > 5, out)
    program:apply(program:policy(base))
    local live = tables.both(lab.server)
    for _, rule in ipairs(said) do
      assert.truthy(live:find(" " .. rule .. "\n", 1, true), rule .. " is not in\n" .. live)
    end
  end)
end)
