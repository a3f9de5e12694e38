-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A policy as text for hosts without Moongate: what both restores load of it is
-- what `moongate apply` loads.

local features = require "spec.support.features"
local generator = require "spec.support.generator"
local judge = require "spec.support.judge"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local tables = require "spec.support.tables"
local text_generator = require "spec.support.text_generator"

local it = features.it(it, pending)
local it_with_nft = features.it(it, pending, "nft")

local seed = tonumber(os.getenv("MOONGATE_SEED")) or os.time() % 1000000
local rounds = tonumber(os.getenv("MOONGATE_ROUNDS")) or 30

local flags = { ipv4 = "-4", ipv6 = "-6" }

-- Every table, user chains, jumps, gotos, a chain that nothing enters, a rule of
-- no words, and values that a shell or a sloppy parser would take for something else.
local all_tables = [==[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound { tcp = { 80, "8000-8010" }, from = { "10.0.0.0/8", "2001:db8::/32" }, comment = [[say "hi"; it's \ a]] }
chain("raw", "PREROUTING"):append "-p udp -m udp --dport 53 -j CT --notrack"
chain("mangle", "FORWARD"):append "-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
chain("mangle", "POSTROUTING", { policy = "ACCEPT" }):append { jump = { "MARK", set_xmark = "0x7/0xff" } }
chain("security", "INPUT"):append "-j CONNSECMARK --restore"
local pre = chain("nat", "PREROUTING")
pre:append { protocol = "tcp", destination_port = 8080, jump = { "REDIRECT", to_ports = 80 } }
chain("nat", "POSTROUTING"):append { match = { { "mark", mark = 7 } }, out_interface = "wan+", jump = "MASQUERADE" }
local odd, other = chain("filter", "odd-name_1.x"), chain("filter", "OTHER")
chain("filter", "UNUSED")
local input = chain("filter", "INPUT")
input:append { protocol = "tcp", destination_port = 22, go_to = "odd-name_1.x" }
input:append { protocol = "udp", jump = "OTHER" }
odd:append { match = { { "comment", comment = [[$HOME `id` $(x) #no "-j" DROP ! [1:2] :INPUT COMMIT *nat]] } },
  jump = { "LOG", log_prefix = [["q" \ ' %s]], log_level = 4 } }
odd:append { match = { { "limit", limit = "5/minute" }, { "comment", comment = "ümläut" } }, jump = "RETURN" }
other:append {}
other:append { match = { { "string", algo = "bm", string = [[a "b|c\]] } }, jump = "DROP" }
other:append { source = except { "10.1.2.3" }, family = "ipv4", jump = "RETURN" }
]==]

describe("an exported policy #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  local function export(family, ...)
    local result = program:run("export", flags[family], ...)
    assert.equal(0, result.code, result.err)
    return result.out
  end

  -- Load it into a namespace that has nothing yet; returns what is there then.
  local function load_legacy(family, text)
    local other = network.host()
    local done = tables.try_restore(other.server, family, text)
    assert.equal(0, done.code, done.err .. text)
    local saved = tables.save(other.server, family)
    other:close()
    return saved
  end

  local function load_nft(family, text)
    local other = network.host()
    local done = tables.try_nft_restore(other.server, family, text)
    assert.equal(0, done.code, done.err .. text)
    local saved = tables.nft_save(other.server, family)
    other:close()
    return saved
  end

  -- What apply loads is what the legacy restore loads of the export, and the nft
  -- one, whose tables have no order.
  local function assert_same(path, label, ...)
    local with_nft = features.has("nft")
    program:apply(path, "--force", ...)
    for _, family in ipairs(tables.families) do
      local text, applied = export(family, path), tables.save(lab.server, family)
      assert.equal(applied, load_legacy(family, text), label)
      if with_nft then
        assert.same(tables.parse(applied), tables.parse(load_nft(family, text)), label)
      end
    end
  end

  it("is loaded by both restores: the remote server", function()
    assert_same(moongate.remote_server)
  end)

  it("is loaded by both restores: all tables, and odd values", function()
    assert_same(program:policy(all_tables))
    local names = {}
    for name in tables.save(lab.server, "ipv6"):gmatch("%*(%S+)\n") do
      names[#names + 1] = name
    end
    table.sort(names)
    assert.equal("filter mangle nat raw security", table.concat(names, " "))
  end)

  it("is loaded by both restores: random tables", function()
    print(("seed %d (MOONGATE_SEED=%d repeats it), %d rounds"):format(seed, seed, rounds))
    for round = 1, rounds // 5 do
      local parts = {}
      for index, family in ipairs(tables.families) do
        local random = generator.new(seed * 1000 + 2 * round + index, family, features.takes)
        parts[index] = "do\n" .. generator.policy_text(random:table(false), family) .. "end\n"
      end
      assert_same(program:policy(table.concat(parts)), ("seed %d, round %d"):format(seed, round), "-q")
    end
  end)

  -- Rules with every form of every extension that this kernel takes, as
  -- iptables-legacy-save prints them, by table.
  local function rules_of_all_extensions(family)
    local parts, lines = {}, {}
    for _, request in ipairs(text_generator.new(seed, family):rules(0)) do
      if not request.needs then
        parts[request[2]] = parts[request[2]] or {}
        table.insert(parts[request[2]], { request = request })
      end
    end
    local other, count = network.host(), 0
    for name, cases in pairs(parts) do
      judge.judge(other.server, family, name, cases, 1, #cases)
      lines[#lines + 1] = ('chain(%q, "USER", { family = %q })\n'):format(name, family)
      for _, case in ipairs(cases) do
        if case.saved then
          lines[#lines + 1] = ("chain(%q, %q, { family = %q }):append(%s)\n"):format(name, case.request[3], family,
            case.saved == "" and "{}" or ("%q"):format(case.saved))
          count = count + 1
        end
      end
    end
    other:close()
    return table.concat(lines), count
  end

  for _, family in ipairs(tables.families) do
    it_with_nft("is loaded by both restores: every extension, " .. family, function()
      local policy, count = rules_of_all_extensions(family)
      assert.truthy(count > 150, count)
      local text = export(family, program:policy(policy))
      local legacy, nft = load_legacy(family, text), load_nft(family, text)
      assert.same(tables.parse(legacy), tables.parse(nft))
      assert.equal(count, select(2, legacy:gsub("\n%-A ", "")))
    end)
  end

  it("says whose it is, and which line made each rule, and no more", function()
    local path = program:policy(all_tables)
    local text = export("ipv4", path)
    assert.truthy(text:find("^# IPv4 rules of [^\n]+, made by Moongate [%d.]+ from policy.lua\n"), text)
    assert.truthy(text:find("\n#@ policy.lua:2 allow_established\n-A INPUT -m conntrack ", 1, true), text)
    assert.truthy(text:find("\n:INPUT DROP [0:0]\n", 1, true) and text:find("\n:OTHER - [0:0]\n", 1, true), text)
    assert.truthy(text:find("COMMIT\n$"), text)
    assert.equal(text, export("ipv4", path))
    local order = {}
    for name in text:gmatch("\n%*(%S+)") do
      order[#order + 1] = name
    end
    assert.equal("raw mangle security nat filter", table.concat(order, " "))
  end)

  it("holds only what the family has", function()
    local path = program:policy(all_tables)
    assert.falsy(export("ipv4", path):find("2001:db8", 1, true))
    assert.falsy(export("ipv6", path):find("10.", 1, true))
    local four = program:policy 'default_deny() chain("nat", "POSTROUTING", { family = "ipv4" }):append "-j MASQUERADE"'
    assert.truthy(export("ipv4", four):find("*nat", 1, true))
    assert.falsy(export("ipv6", four):find("*nat", 1, true))
  end)

  it("is of one family: which one must be said where there are two", function()
    local path = program:policy(all_tables)
    for _, words in ipairs { {}, { "-4", "-6" } } do
      local result = program:run("export", path, table.unpack(words))
      assert.equal(64, result.code, result.err)
      assert.equal("", result.out)
      assert.truthy(result.err:find("-4 ", 1, true) and result.err:find("-6 ", 1, true), result.err)
    end
    local facts = program:policy('{ "ipv6": false }', "four.json")
    local one = program:run("export", "--facts", facts, path)
    assert.equal(0, one.code, one.err)
    assert.equal("", one.err)
    assert.truthy(one.out:find("^# IPv4"), one.out)
  end)

  it("needs no root, and touches nothing", function()
    local result = program:run_with({ nobody = true }, "export", "-4", program:policy(all_tables))
    assert.equal(0, result.code, result.err)
    assert.equal(export("ipv4", program:policy(all_tables)), result.out)
    for _, family in ipairs(tables.families) do
      assert.equal("", tables.names(lab.server, family))
    end
    assert.are_not.equal(0, lab.server:run({ "test", "-e", program.state_dir }).code)
  end)

  it("is written as a whole or not at all", function()
    local cases = {
      { 1, "policy.lua:2: unknown name `allow_htp`", "default_deny()\nallow_htp()" },
      { 1, "policy.lua:1: ", 'chain("filter", "INPUT"):append "-m nosuch -j DROP"' },
      { 1, "cannot read the policy", nil },
      { 5, "says nothing at all", "-- cut off" },
    }
    for _, case in ipairs(cases) do
      local path = case[3] and program:policy(case[3]) or lab.dir .. "/none.lua"
      local result = program:run("export", "-4", path)
      assert.equal(case[1], result.code, result.err)
      assert.equal("", result.out)
      assert.truthy(result.err:find(case[2], 1, true), result.err)
    end
    local line = program:line("export", "-4", program:policy(all_tables))
    assert.equal(7, lab.server:run({ "sh", "-c", line .. " >/dev/full" }, program:options()).code)
  end)

  it("keeps warnings off stdout", function()
    local result = program:run("export", "-4", program:policy "default_deny() allow_inbound_ssh()")
    assert.equal(0, result.code, result.err)
    assert.truthy(result.err:find("warning: ", 1, true), result.err)
    assert.truthy(load_legacy("ipv4", result.out):find("--dport 22 ", 1, true))
  end)

  describe("that the restores have no room for", function()
    -- A rule of so many words: each comment makes four.
    local function many_words(comments, more)
      local parts = {}
      for index = 1, comments do
        parts[index] = ("{ 'comment', comment = 'c%d' }"):format(index)
      end
      return ("\nchain('filter', 'INPUT'):append { match = { %s }%s }\n"):format(table.concat(parts, ", "), more or "")
    end

    -- A rule that is a line of so many bytes: comments of 200 bytes, and one to fit.
    local function long_line(bytes)
      local parts, left = {}, bytes - #"-A INPUT"
      while left > 0 do
        local take = left > 450 and 225 or left > 225 and left // 2 or left
        parts[#parts + 1] = ("{ 'comment', comment = ('x'):rep(%d) }"):format(take - #" -m comment --comment ")
        left = left - take
      end
      return ("\nchain('filter', 'INPUT'):append { match = { %s } }\n"):format(table.concat(parts, ", "))
    end

    local function assert_refused(policy, what)
      local result = program:run("export", "-4", program:policy(policy))
      assert.equal(1, result.code, result.err)
      assert.equal("", result.out)
      assert.truthy(result.err:find("policy.lua:2: append: " .. what), result.err)
    end

    -- Both restores load it, and it says so much.
    local function assert_loaded(text, what)
      assert.truthy(load_legacy("ipv4", text):find(what, 1, true))
      if features.has("nft") then
        assert.truthy(load_nft("ipv4", text):find(what, 1, true))
      end
    end

    it("is refused by its words, at the very one that is too many", function()
      -- "-A INPUT" makes two, "-f" one, "-j DROP" two
      assert_loaded(export("ipv4", program:policy(many_words(62, ", fragment = true, family = 'ipv4'"))), " c62")
      assert_refused(many_words(62, ", jump = 'DROP'"), "the rule has 252 words; iptables%-restore takes 251")
    end)

    it("is refused by a word, at the very byte that is too many", function()
      -- 61 instructions: additions, as long as the numbers are, and a return
      local function bytecode(bytes)
        local code = "61," .. ("4 0 0 4294967295,"):rep(58) .. "4 0 0 1111111111,"
        code = code .. "4 0 0 " .. ("1"):rep(bytes - #code - #"4 0 0 " - #",6 0 0 0") .. ",6 0 0 0"
        return ("\nchain('filter', 'INPUT'):append { match = { { 'bpf', bytecode = %q } } }\n"):format(code)
      end
      assert_loaded(export("ipv4", program:policy(bytecode(1023))), "-m bpf")
      assert_refused(bytecode(1024), "a value of the rule has 1024 bytes; iptables%-restore takes 1023")
    end)

    it("is refused by its line, at the very byte that is too many", function()
      local text = export("ipv4", program:policy(long_line(10238)))
      local longest = 0
      for line in text:gmatch("[^\n]+") do
        longest = math.max(longest, #line)
      end
      assert.equal(10238, longest)
      assert_loaded(text, ("x"):rep(200))
      assert_refused(long_line(10239), "the rule is a line of 10239 bytes; iptables%-restore takes 10238")
    end)
  end)
end)
