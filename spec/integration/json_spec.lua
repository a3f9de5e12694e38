-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- --json: every document is what the schema says, tells the truth about the
-- kernel's tables, and is there also when something is wrong.

local documents = require "spec.support.documents"
local features = require "spec.support.features"
local json = require "dkjson"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local packets = require "spec.support.packets"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)
local null = documents.null

local base = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
]]

local broad = base .. [[
chain("filter", "WATCH"):append { comment = "two words", jump = "RETURN" }
chain("filter", "INPUT"):append "-i wan0 -g WATCH"
chain("mangle", "PREROUTING", { family = "ipv6" }):append "-j MARK --set-mark 3"
chain("nat", "POSTROUTING", { family = "ipv4" }):append "-o wan0 -j MASQUERADE"
block { addresses { "192.0.2.7", "198.51.100.0/24", as = "set" } }
]]

-- Rules in a chain that holds nothing else.
local function rules(ports)
  local text = { 'local c = chain("filter", "INPUT", { family = "ipv4" })' }
  for _, port in ipairs(ports) do
    text[#text + 1] = ('c:append "-p tcp -m tcp --dport %d -j ACCEPT"'):format(port)
  end
  return table.concat(text, "\n") .. "\n"
end

describe("--json #integration", function()
  local lab, program, seen

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
    seen = documents.new(program)
  end)

  after_each(function()
    local wrong = seen.lines[1] and seen:judge() or ""
    network.close_all()
    assert.equal("", wrong)
  end)

  local function chain_of(plan, name)
    for _, chain in ipairs(plan.chains) do
      if chain.chain == name then
        return chain
      end
    end
    error("no chain " .. name)
  end

  -- The shown tables of a family as tables.parse() has them.
  local function as_parsed(document, family)
    local parsed = {}
    for _, shown in ipairs(document.tables) do
      if shown.family == family then
        parsed[shown.table] = {}
        for _, chain in ipairs(shown.chains) do
          local policy = chain.policy ~= null and chain.policy or { verdict = "-", packets = 0, bytes = 0 }
          local list = { policy = policy.verdict, packets = policy.packets, bytes = policy.bytes }
          for number, rule in ipairs(chain.rules) do
            assert.equal(number, rule.number)
            list[number] = { text = rule.rule, packets = rule.packets, bytes = rule.bytes }
          end
          parsed[shown.table][chain.chain] = list
        end
      end
    end
    return parsed
  end

  -- Runs that have between them every property of the schema.
  local function go_through_everything()
    seen:run("status")
    seen:run("plan", program:policy(rules { 1, 2, 3, 4 } .. 'allow_inbound { tcp = 80, from = {} }\n'))
    seen:run("plan", program:policy("allow_inbund()\n"))
    program:apply(program:policy(broad .. rules { 1, 2, 3, 4 }))
    tables.edit(lab.server, "ipv4", "-A INPUT -p udp -j DROP")
    local path = program:policy(broad .. rules { 4, 1, 2, 5 })
    seen:run("plan", path)
    seen:run("plan", path, "-v")
    -- a connection that is open, and would not be admitted
    local held = lab.server:start { "python3", "-c", [[
import socket, time
s = socket.create_server(("127.0.0.1", 8080)); c = socket.create_connection(s.getsockname()); a = s.accept()
c.sendall(b"x"); print("ready", flush=True); time.sleep(60)]] }
    run.wait_until("the connection", 5, function()
      return held:out():find("ready", 1, true)
    end)
    seen:run("plan", program:policy("default_deny() allow_established()\n"))
    program:policy(broad .. rules { 4, 1, 2, 5 })
    seen:run("show")
    seen:run("status")
    seen:run("show", "filtr")
    seen:run("history")
    seen:run("history", "show", "1")
    seen:run("plan", "--generation", "1")
    seen:run("history", "show", "9")
    program:apply(program:policy('keep "fail2ban"\n' .. base), "--remove-foreign")
    seen:run("history", "show", "2")
  end

  it("keeps to the schema, all of which occurs", function()
    go_through_everything()
    local wrong, unused = seen:judge()
    assert.equal("", wrong)
    assert.same({}, unused)
  end)

  it("has a schema that describes each property, and a manual that names each", function()
    local schema = assert(json.decode(run.read_file(documents.schema)))
    local manual = run.read_file("packaging/moongate-json.5")
    local count = 0
    local function walk(value, path)
      for name, property in pairs(type(value) == "table" and value.properties or {}) do
        local where = path .. "/" .. name
        local referred = property["$ref"] and schema["$defs"][property["$ref"]:match("[^/]+$")]
        count = count + 1
        assert.truthy(property.description or referred.description, where .. " is not described")
        assert.truthy(manual:find("Va " .. name .. "%f[^%w_]"),
          where .. " is not in moongate-json.5")
      end
      for name, inner in pairs(type(value) == "table" and value or {}) do
        walk(inner, path .. "/" .. name)
      end
      if type(value) == "table" and value.properties then
        assert.equal(false, value.additionalProperties, path)
      end
    end
    walk(schema, "#")
    assert.truthy(count > 80, count)
  end)

  it("tells of a plan what becomes true", function()
    local path = program:policy(broad)
    local plan = seen:run("plan", path)
    assert.same({ "plan", 0, path, false },
      { plan.command, plan.exit, plan.policy_file, plan.summary.empty })
    assert.same({ before = "ACCEPT", after = "DROP" }, chain_of(plan, "INPUT").policy)
    assert.equal(null, chain_of(plan, "WATCH").policy)
    assert.truthy(chain_of(plan, "WATCH").created)
    program:apply(path)
    local added = 0
    for _, family in ipairs(tables.families) do
      local live = tables.parse(tables.save(lab.server, family))
      for _, chain in ipairs(plan.chains) do
        for _, line in ipairs(chain.lines) do
          local number = line.number[family]
          if number then
            added = added + 1
            assert.equal(live[chain.table][chain.chain][number].text, line.rule)
          end
        end
      end
    end
    assert.equal(plan.summary.added, added)
    local after = seen:run("plan", path)
    assert.truthy(after.summary.empty)
    assert.equal(added, after.summary.kept)
    assert.equal(0, #after.chains)
  end)

  it("tells what is added, moved, removed and kept, as the text does", function()
    program:apply(program:policy(rules { 1, 2, 3, 4 }))
    tables.restore(lab.server, "ipv4", "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
      .. "-A INPUT -p tcp -m tcp --dport 1 -j ACCEPT\n[112:6144] -A INPUT -p tcp -m tcp --dport 2 -j ACCEPT\n"
      .. "-A INPUT -p tcp -m tcp --dport 3 -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 4 -j ACCEPT\nCOMMIT\n", "-c")
    local path = program:policy(rules { 4, 1, 3, 5 })
    local plan = seen:run("plan", path)
    local function rule(port)
      return ("-p tcp -m tcp --dport %d -j ACCEPT"):format(port)
    end
    local function origin(line)
      return { file = "policy.lua", line = line, helper = "append" }
    end
    local four = { "ipv4" }
    assert.same({
      { action = "move", families = four, number = { ipv4 = 1 }, from = { ipv4 = 4 }, rule = rule(4),
        origin = origin(2), kept_by = null },
      { action = "keep", families = four, number = { ipv4 = 2 }, count = { ipv4 = 1 } },
      { action = "remove", families = four, number = { ipv4 = 2 }, rule = rule(2), foreign = false, owner = null,
        packets = 112, bytes = 6144 },
      { action = "keep", families = four, number = { ipv4 = 3 }, count = { ipv4 = 1 } },
      { action = "add", families = four, number = { ipv4 = 4 }, rule = rule(5), origin = origin(5) },
    }, chain_of(plan, "INPUT").lines)
    assert.same({ 1, 1, 1, 2 }, { plan.summary.added, plan.summary.removed, plan.summary.moved, plan.summary.kept })
    local all = chain_of(seen:run("plan", path, "-v"), "INPUT").lines
    assert.same({ rule(4), rule(1), rule(2), rule(3), rule(5) }, (function()
      local texts = {}
      for number, line in ipairs(all) do
        texts[number] = line.rule
      end
      return texts
    end)())
    assert.truthy(program:must("plan", path).out:find("1 to add, 1 to remove, 1 to move, 2 kept", 1, true))
  end)

  it("ends as without it: 0, 2 with --detailed-exitcode, and 5 above all", function()
    local path = program:policy(base)
    assert.equal(0, seen:run("plan", path).exit)
    assert.equal(2, seen:run("plan", path, "--detailed-exitcode").exit)
    program:apply(path)
    assert.equal(0, seen:run("plan", path, "--detailed-exitcode").exit)
    tables.edit(lab.server, "ipv4", "-A INPUT -p udp -j DROP")
    for _, more in ipairs { "--json", "--detailed-exitcode" } do
      local plan, result = seen:run("plan", path, more)
      assert.equal(5, result.code)
      assert.same({ 1, 1, false }, { plan.summary.foreign_rules, plan.summary.refusals, plan.summary.empty })
      local remedy = "put them into the policy, keep them with keep(), or let them go with --remove-foreign"
      assert.same({ "refusal", null, remedy }, { plan.notes[1].severity, plan.notes[1].place, plan.notes[1].remedy })
      assert.truthy(result.err:find(plan.notes[1].text, 1, true), result.err)
    end
    assert.equal(5, program:run("plan", path, "--detailed-exitcode").code)
    assert.equal(2, program:run("plan", path, "--detailed-exitcode", "--remove-foreign").code)
    assert.equal(0, seen:run("plan", path, "--remove-foreign").exit)
  end)

  it("shows what iptables-legacy-save -c shows, with integers", function()
    program:apply(program:policy(broad))
    tables.edit(lab.server, "ipv4", "-A INPUT -p udp -j DROP")
    packets.ping(lab.server, "127.0.0.1", 3)
    packets.ping(lab.server, "::1", 3)
    local shown = seen:run("show")
    for _, family in ipairs(tables.families) do
      assert.same(tables.parse(tables.save_counted(lab.server, family)), as_parsed(shown, family))
    end
    local input = seen:run("show", "filter", "INPUT", "-4").tables[1].chains[1]
    assert.truthy(input.rules[2].packets > 0)
    local last = input.rules[#input.rules]
    assert.same({ "-p udp -j DROP", false, null }, { last.rule, last.ours, last.origin })
    assert.same({ "allow_loopback", 3, true }, { input.rules[2].origin.helper, input.rules[2].origin.line,
      input.rules[2].ours })
  end)

  it("keeps large counters exact, up to what a signed number holds", function()
    tables.restore(lab.server, "ipv4", "*filter\n:INPUT ACCEPT [9007199254740993:18446744073709551615]\n"
      .. ":FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n[9223372036854775807:1] -A INPUT -j ACCEPT\nCOMMIT\n", "-c")
    local _, result = seen:run("show", "filter", "INPUT", "-4")
    assert.truthy(result.out:find('"packets":9007199254740993,"bytes":9223372036854775807', 1, true), result.out)
    assert.truthy(result.out:find('"packets":9223372036854775807,"bytes":1', 1, true), result.out)
  end)

  it("tells that a table is not there, without making it", function()
    local shown = seen:run("show", "nat", "OUTPUT")
    assert.same({ 2, false, false }, { #shown.tables, shown.tables[1].exists, shown.tables[2].exists })
    assert.equal("", tables.names(lab.server, "ipv4"))
    local all = seen:run("show")
    assert.same({ 2, "filter", false }, { #all.tables, all.tables[1].table, all.tables[1].exists })
  end)

  it("tells how things stand: nothing, applied, drifted, waiting, left behind", function()
    local nothing = seen:run("status")
    assert.same({ null, null, null, "none", null },
      { nothing.generation, nothing.drift, nothing.foreign_rules, nothing.pending.state, nothing.pending.generation })
    local before = os.time()
    program:apply(program:policy(base))
    local applied = seen:run("status")
    assert.same({ 1, "no-confirm", program.lab.dir .. "/policy.lua", false, 0, 0, 0 },
      { applied.generation.number, applied.generation.confirmed_by, applied.generation.policy_file,
        applied.drift.drifted, applied.drift.missing, applied.drift.policies, applied.foreign_rules })
    local when = tonumber(run.must { "date", "-d", applied.generation.time, "+%s" })
    assert.truthy(when >= before - 1 and when <= os.time() + 1, applied.generation.time)
    tables.edit(lab.server, "ipv4", "-D INPUT 1")
    tables.edit(lab.server, "ipv4", "-A INPUT -p udp -j DROP")
    tables.edit(lab.server, "ipv6", "-P FORWARD ACCEPT")
    local drifted = seen:run("status")
    assert.same({ true, 1, 1, 1 }, { drifted.drift.drifted, drifted.drift.missing, drifted.drift.policies,
      drifted.foreign_rules })
    local process = program:start("apply", program:policy(base .. "allow_inbound { tcp = 80 }\n", "next.lua"),
      "--confirm", "20", "--remove-foreign")
    run.wait_until("the commit", 5, function()
      return tables.save(lab.server, "ipv6"):find("--dport 80 ", 1, true)
    end)
    local waiting
    run.wait_until("the record of it", 5, function()
      waiting = seen:run("status").pending
      return waiting.state == "waiting"
    end)
    assert.same({ "waiting", 2 }, { waiting.state, waiting.generation })
    assert.truthy(waiting.seconds_left > 10 and waiting.seconds_left <= 20, waiting.seconds_left)
    program:must("rollback")
    process:wait(5)
    assert.same({ "none", null, null }, (function()
      local pending = seen:run("status").pending
      return { pending.state, pending.generation, pending.seconds_left }
    end)())
  end)

  it("tells who else filters here", function()
    lab.server:must { "nft", "add table inet other; add chain inet other in { type filter hook input priority 0; "
      .. "policy drop; }" }
    local status = seen:run("status")
    assert.equal("warning", status.notes[1].severity)
    assert.truthy(status.notes[1].text:find("table inet other", 1, true), status.notes[1].text)
    assert.truthy(status.notes[1].remedy:find("nft delete table", 1, true), status.notes[1].remedy)
  end)

  it("gives a note its place", function()
    local plan = seen:run("plan", program:policy(base .. "allow_inbound { tcp = 80, from = {} }\n"))
    local place
    for _, note in ipairs(plan.notes) do
      place = note.place ~= null and note.place.line == 6 and note.place or place
    end
    assert.truthy(place and place.file:find("policy.lua", 1, true))
  end)

  it("goes with --out, and with a plan that was saved", function()
    local path, file = program:policy(base), lab.dir .. "/saved.plan"
    local first = seen:run("plan", path, "--out", file)
    local second = seen:run("plan", file)
    assert.equal(file, second.policy_file)
    assert.same(first.chains, second.chains)
    program:apply(file)
    assert.truthy(seen:run("plan", file).summary.empty)
    tables.edit(lab.server, "ipv4", "-A INPUT -p udp -j DROP")
    local refused = seen:run("plan", path, "--out", lab.dir .. "/other.plan")
    assert.same({ "unsafe", 5, "refusal" }, { refused.error.code, refused.exit, refused.notes[1].severity })
  end)

  -- Each: what is done, the error's code and status, and a part of its words.
  local failures = {
    { "a policy that is wrong", function() return seen:run("plan", program:policy("allow_inbund()\n")) end,
      "invalid", 1, "policy.lua:1" },
    { "a policy that is not there", function() return seen:run("plan", "/nonexistent/policy.lua") end,
      "invalid", 1, "/nonexistent/policy.lua" },
    { "a table that is not there", function() return seen:run("show", "nta") end, "invalid", 1, "did you mean `nat'" },
    { "a rule that the kernel refuses", function()
      return seen:run("plan", program:policy(base .. 'chain("filter", "INPUT"):append "-j MASQUERADE"\n'))
    end, "kernel", 6, "MASQUERADE" },
    { "a state that cannot be opened", function()
      program:apply(program:policy(base))
      run.must { "rm", "-r", program.state_dir .. "/run" }
      run.write_file(program.state_dir .. "/run", "")
      return seen:run("status")
    end, "environment", 7, "/run" },
  }

  for _, case in ipairs(failures) do
    it("is there for " .. case[1] .. ", with the words of stderr", function()
      local document, result = case[2]()
      assert.same({ case[3], case[4] }, { document.error.code, document.error.status })
      assert.truthy(document.error.text:find(case[5], 1, true), document.error.text)
      assert.truthy(result.err:find(document.error.text:match("^[^\n]+"), 1, true), result.err)
    end)
  end

  it("is there for a user who may not look, from each command", function()
    local path = program:policy(base)
    for _, words in ipairs { { "plan", path }, { "show" } } do
      local result = program:run_with({ nobody = true }, words[1], "--json", words[2])
      assert.same({ "environment", words[1] }, { seen:read(result).error.code, seen:read(result).command })
    end
  end)

  it("is not there for a command line that makes no sense", function()
    for _, words in ipairs { { "plan", "--json", "--nonsense" }, { "show", "--json", "a", "b", "c" },
                             { "apply", "--json" }, { "check", "--json" }, { "confirm", "--json" },
                             { "plan", "--json=yes" } } do
      local result = program:run(table.unpack(words))
      assert.same({ 64, "" }, { result.code, result.out }, result.line)
    end
  end)

  it("stays JSON whatever bytes a rule or a name holds", function()
    -- valid, broken, too long, a surrogate, cut off, a control character
    local bytes = "ü\xff|\xc0\xaf|\xed\xa0\x80|\xf0\x9f\x8c|\xf0\x9f\x8c\x99|\27[2J|\\|\xe2\x82"
    local wanted = "ü�|��|���|���|🌙|\27[2J|\\|��"
    tables.restore(lab.server, "ipv4", '*filter\n-A INPUT -m comment --comment "' .. bytes:gsub("\\", "\\\\")
      .. '" -j ACCEPT\nCOMMIT\n')
    local shown, result = seen:run("show", "filter", "INPUT", "-4")
    local text = '-m comment --comment "' .. wanted:gsub("\\", "\\\\") .. '" -j ACCEPT'
    assert.equal(text, shown.tables[1].chains[1].rules[1].rule)
    assert.falsy(result.out:find("\27", 1, true))
    local plan = seen:run("plan", program:policy(base, "n\xe4me.lua"))
    assert.equal(text, chain_of(plan, "INPUT").lines[#chain_of(plan, "INPUT").lines].rule)
    assert.truthy(plan.policy_file:find("n�me.lua", 1, true), plan.policy_file)
    program:must("plan", program:policy(base, "n\xe4me.lua"), "--remove-foreign")
  end)

  it("is printed with -q, too, and once only", function()
    local path = program:policy(base)
    assert.equal(false, seen:run("plan", path, "-q").summary.empty)
    seen:run("show", "-q")
    seen:run("status", "-q")
  end)

  it("fails when it cannot be written", function()
    local path = program:policy(base)
    for _, words in ipairs { { "plan", path }, { "show" }, { "status" } } do
      local line = program:line(words[1], "--json", words[2])
      local result = run.run({ "sh", "-c", line .. " >/dev/full" }, { netns = lab.server.pid })
      assert.equal(7, result.code)
      assert.truthy(result.err:find("stdout", 1, true), result.err)
      assert.falsy(result.err:find("memory", 1, true), result.err)
    end
  end)

  it("is valid for policies with many rules, and in good time", function()
    program:apply(program:policy('for port = 1, 3000 do allow_inbound { tcp = port, comment = "n" .. port } end\n'))
    local shown = seen:run("show", "filter", "INPUT")
    assert.same({ 3000, 3000 }, { #shown.tables[1].chains[1].rules, #shown.tables[2].chains[1].rules })
    assert.equal("-p tcp -m tcp --dport 3000 -m conntrack --ctstate NEW -m comment --comment n3000 -j ACCEPT",
      shown.tables[2].chains[1].rules[3000].rule)
  end)
end)
