-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What must be refused: each with its exit code, with words that name the place
-- and the thing, and with the tables as they were, byte for byte.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local good = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
]]

-- Policies that are wrong: the bad part stands in line 6, after the good ones.
local wrong_policies = {
  { "a syntax error", "allow_inbound { tcp = 22", { "bad.lua:[67]" } },
  { "a runtime error", "local x = nil; x.y = 1", { "bad.lua:6" } },
  { "an error that the policy raises", 'error("no such plan")', { "bad.lua:6", "no such plan" } },
  { "an unknown helper", "allow_inbound_shs()", { "bad.lua:6", "allow_inbound_shs", "allow_inbound_ssh" } },
  { "an unknown verb", "alow_established()", { "bad.lua:6", "alow_established", "allow_established" } },
  { "an unknown option", "allow_inbound { tpc = 80 }", { "bad.lua:6", "tpc", "%f[%a]tcp%f[%A]" } },
  { "an unknown option of a service's helper", "allow_inbound_https { form = '10.0.0.1' }",
    { "bad.lua:6", "form", "%f[%a]from%f[%A]" } },
  { "an unknown service", 'allow_inbound("htps")', { "bad.lua:6", "htps", "https" } },
  { "a value of the wrong type", "allow_inbound { tcp = true }", { "bad.lua:6", "tcp" } },
  { "a bad address", 'allow_inbound_ssh { from = "10.137.0.300/24" }', { "bad.lua:6", "10.137.0.300" } },
  { "a bad address in a list, by its path", 'allow_inbound { tcp = 80, from = { "10.0.0.1", "10.0.0.256" } }',
    { "bad.lua:6", "allow_inbound", "from%[2%]" } },
  { "a bad prefix length", 'allow_inbound { tcp = 80, from = "10.0.0.0/33" }', { "bad.lua:6", "10.0.0.0/33" } },
  { "a host name as an address", 'allow_inbound { tcp = 80, from = "host.example" }', { "bad.lua:6", "host.example" } },
  { "port 70000", "allow_inbound { tcp = 70000 }", { "bad.lua:6", "70000" } },
  { "a port range that runs backwards", 'allow_inbound { tcp = "8010-8000" }', { "bad.lua:6", "8010" } },
  { "an IPv6 address with an IPv4 match",
    'chain("filter", "INPUT"):append "-s 2001:db8::1 -m ttl --ttl-eq 4 -j ACCEPT"', { "bad.lua:6" } },
  { "an IPv6 address with an IPv4 option",
    'chain("filter", "INPUT"):append "-s 2001:db8::1 -f -j ACCEPT"', { "bad.lua:6" } },
  { "an IPv6 address in a chain of IPv4",
    'chain("filter", "INPUT", { family = "ipv4" }):append "-s 2001:db8::1 -j ACCEPT"', { "bad.lua:6", "family" } },
  { "a match that is not installed", 'chain("filter", "INPUT"):append "-m nosuchmatch -j ACCEPT"',
    { "bad.lua:6", "nosuchmatch" } },
  { "a target that is not installed", 'chain("filter", "INPUT"):append "-j NOSUCHTARGET"',
    { "bad.lua:6", "NOSUCHTARGET" } },
  { "an option that the match does not have", 'chain("filter", "INPUT"):append "-p tcp --nosuchoption 4 -j ACCEPT"',
    { "bad.lua:6", "nosuchoption" } },
  { "an open quote", [[chain("filter", "INPUT"):append '-m comment --comment "open -j ACCEPT']], { "bad.lua:6" } },
  { "the world outside", 'os.execute("true")', { "bad.lua:6" } },
  { "a file of the host", 'io.open("/etc/passwd")', { "bad.lua:6" } },
}

-- Rules that libxtables takes and the kernel does not, in filter INPUT.
local kernel_refuses = {
  { "-m owner --uid-owner 0 -j ACCEPT", "owner" },
  { "-j MASQUERADE", "MASQUERADE" },
  { "-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu", "TCPMSS" },
}

describe("a refusal #integration", function()
  local lab, program, before

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
    program:apply(program:policy(good, "good.lua"))
    before = tables.both(lab.server)
  end)

  after_each(network.close_all)

  local function refused(result, code, patterns)
    local said = result.out .. result.err
    assert.equal(code, result.code, said)
    assert.truthy(#result.err > 0, "nothing on stderr: " .. said)
    for _, pattern in ipairs(patterns or {}) do
      assert.truthy(said:find(pattern), ("it does not say %q: %s"):format(pattern, said))
    end
    assert.falsy(said:find("core dumped", 1, true))
    assert.falsy(said:find("stack traceback", 1, true), said)
    assert.equal(before, tables.both(lab.server))
  end

  for _, case in ipairs(wrong_policies) do
    it("of " .. case[1], function()
      local path = program:policy(good .. case[2] .. "\n", "bad.lua")
      refused(program:run("apply", path, "--no-confirm"), 1, case[3])
      refused(program:run("check", path), 1, case[3])
    end)
  end

  for _, case in ipairs(kernel_refuses) do
    it("of a rule that only the kernel does not take: " .. case[2], function()
      assert(not features.takes("ipv4", case[1]), "the kernel takes it after all")
      local append = ("chain('filter', 'INPUT', { family = 'ipv4' }):append '%s'\n"):format(case[1])
      local path = program:policy(good .. append, "bad.lua")
      refused(program:run("apply", path, "--no-confirm"), 6, { "bad.lua:6", case[2] })
    end)
  end

  it("of work without the right to do it", function()
    local path = program:policy(good, "mine.lua")
    for _, command in ipairs { "plan", "apply" } do
      refused(program:run_with({ nobody = true }, command, path), 7)
    end
  end)

  it("of a table whose lock another process holds", function()
    local path = program:policy(good .. "allow_inbound { tcp = 80 }\n", "more.lua")
    local holder = lab.server:start { "flock", "--close", program.lock_file, "sleep", "20" }
    run.wait_until("the lock to be held", 5, function()
      return run.run({ "flock", "-n", program.lock_file, "true" }).code ~= 0
    end)
    local result = program:run("apply", path, "--no-confirm", "--wait", "1")
    holder:signal("KILL")
    refused(result, 4, { "lock" })
    assert.truthy(result.seconds >= 0.9 and result.seconds < 5, result.seconds)
  end)

  it("of rules that are not the policy's", function()
    tables.edit(lab.server, "ipv4", "-A INPUT -p tcp --dport 2323 -j ACCEPT")
    before = tables.both(lab.server)
    local path = program:policy(good .. "allow_inbound { tcp = 80 }\n", "more.lua")
    refused(program:run("apply", path, "--no-confirm"), 5, { "2323" })
    program:apply(path, "--remove-foreign")
    local after = tables.save(lab.server, "ipv4")
    assert.falsy(after:find("2323", 1, true), after)
    assert.truthy(after:find("--dport 80 ", 1, true), after)
  end)

  it("of what would be the next boot's, where nothing is to be done now", function()
    lab:close()
    lab = network.host()
    program = moongate.new(lab)
    before = tables.both(lab.server)
    local path = program:policy("", "empty.lua")
    refused(program:run("plan", path), 5, { "truncated" })
    refused(program:run("apply", path, "--no-confirm"), 5, { "truncated", "nothing was recorded" })
    assert.truthy(program:must("status").out:find("none is confirmed", 1, true))
    program:apply(path, "--force")
    assert.truthy(program:must("status").out:find("generation   1,", 1, true))
  end)

  it("of a chain that is not the policy's", function()
    tables.edit(lab.server, "ipv6", "-N f2b-sshd")
    tables.edit(lab.server, "ipv6", "-A f2b-sshd -s 2001:db8::bad -j DROP")
    before = tables.both(lab.server)
    local path = program:policy(good .. "allow_inbound { tcp = 80 }\n", "more.lua")
    refused(program:run("apply", path, "--no-confirm"), 5, { "f2b%-sshd" })
  end)

  it("of a policy that is not there, and of one that cannot be read", function()
    refused(program:run("apply", lab.dir .. "/missing.lua", "--no-confirm"), 1, { "missing.lua" })
    refused(program:run("apply", lab.dir, "--no-confirm"), 1)
    local path = program:policy(good, "secret.lua")
    run.must { "chmod", "600", path }
    refused(program:run_with({ nobody = true }, "check", path), 1, { "secret.lua" })
  end)

  it("of a policy that is no text", function()
    local path = program:policy("\27Lua\84\0\25\147\r\n\26\n", "bytes.lua")
    refused(program:run("check", path), 1, { "bytes.lua" })
  end)
end)

describe("a refusal on a host that never had rules #integration", function()
  after_each(network.close_all)

  it("of rules that were there before the first apply", function()
    local lab = network.host()
    local program = moongate.new(lab)
    tables.edit(lab.server, "ipv4", "-A INPUT -p tcp --dport 2323 -j ACCEPT")
    local before = tables.both(lab.server)
    local path = program:policy(good)
    local result = program:run("apply", path, "--no-confirm")
    assert.equal(5, result.code, result.out .. result.err)
    assert.truthy(result.err:find("2323", 1, true) or result.out:find("2323", 1, true), result.out .. result.err)
    assert.equal(before, tables.both(lab.server))
    program:apply(path, "--remove-foreign")
    assert.falsy(tables.save(lab.server, "ipv4"):find("2323", 1, true))
    assert.equal(0, program:run("plan", path, "--detailed-exitcode").code)
  end)
end)
