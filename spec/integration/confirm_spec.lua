-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What counts as a confirmation: over real ssh connections, new, old, shared and
-- from this very host; by token; at the console; and by a command.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local services = require "spec.support.services"
local tables = require "spec.support.tables"

local it_over_ssh = features.it(it, pending, "sshd", "ssh")
local it_under_tmux = features.it(it, pending, "sshd", "ssh", "tmux")
local it = features.it(it, pending)

local old_policy = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
]]

local new_policy = old_policy .. "allow_inbound { tcp = 8080 }\n"

local address = network.addresses.server_for.friend
local wrong_token = ("0"):rep(32)

describe("a confirmation #integration", function()
  local lab, program, old_tables, new_path

  local function is_new()
    return tables.save(lab.server, "ipv4"):find("--dport 8080", 1, true)
      and tables.save(lab.server, "ipv6"):find("--dport 8080", 1, true)
  end

  local function prepare(make)
    lab = make()
    program = moongate.new(lab)
    program:apply(program:policy(old_policy, "old.lua"))
    new_path = program:policy(new_policy, "new.lua")
    old_tables = tables.both(lab.server)
  end

  -- What apply has told to type, once it waits.
  local function token_of(process)
    return run.wait_until("apply to wait", 8, function()
      assert(process:alive(), "apply has ended: " .. process:out() .. process:err())
      return (process:err() .. process:out()):match("\n    moongate confirm (%x+)")
    end)
  end

  local function apply_pending(...)
    local process = program:start("apply", new_path, ...)
    return process, token_of(process)
  end

  local function assert_refused(result, code, ...)
    assert.equal(code, result.code, result.line .. ": " .. result.out .. result.err)
    for _, words in ipairs { ... } do
      assert.truthy((result.err .. result.out):find(words, 1, true), words .. " in: " .. result.err .. result.out)
    end
  end

  after_each(network.close_all)

  describe("over ssh", function()
    local sshd

    before_each(function()
      prepare(network.lab)
      sshd = services.sshd(lab.server, 22)
    end)

    -- A connection that is shared by all that name it; it stays open.
    local function share(name)
      local options = { "-o", "ControlPath=" .. lab.dir .. "/" .. name }
      local master = { "-M", table.unpack(options) }
      lab.friend:start(sshd:words(address.ipv4, "sleep 60", master), { unset = { "SSH_AUTH_SOCK" } })
      run.wait_until("a shared connection", 5, function()
        return sshd:run(lab.friend, address.ipv4, "true", options).code == 0
      end)
      return options
    end

    local function start_over(options)
      local process = lab.friend:start(
        sshd:words(address.ipv4, program:line("apply", new_path, "--confirm", "30"), options),
        { unset = { "SSH_AUTH_SOCK" } })
      return process, token_of(process)
    end

    local function confirm_over(options, ...)
      return sshd:run(lab.friend, address.ipv4, program:line("confirm", ...), options)
    end

    -- Run lines in one session over a connection: a list of { line=, code=, out=, err= }.
    local function each_over(options, lines)
      local script = {}
      for index, line in ipairs(lines) do
        script[index] = line .. " 2>&1; echo =$?="
      end
      local said = sshd:run(lab.friend, address.ipv4, table.concat(script, "\n"), options)
      local results = {}
      for out, code in said.out:gmatch("(.-)=(%d+)=\n") do
        results[#results + 1] = { line = lines[#results + 1], out = out, err = "", code = tonumber(code) }
      end
      assert.equal(#lines, #results, said.out .. said.err)
      return results
    end

    it_over_ssh("counts over a new connection alone, under its own token", function()
      local other, own = share("other"), share("own")
      local process, token = start_over(own)
      local confirm = program:line("confirm")

      assert_refused(confirm_over(other), 5, "from before the apply", "ControlPath=none")
      -- The old session opens connections of its own, to its very host.
      local bind = { "-b", network.addresses.server_for.stranger.ipv4 }
      local left = lab.dir .. "/left"
      local tries = each_over(own, {
        confirm,
        "su root -s /bin/sh -c " .. run.quote(confirm),
        "setsid -w env SSH_CONNECTION='10.137.0.2 1 10.137.0.1 22' " .. confirm,
        program:line("confirm", "--console"),
        run.line(sshd:words("127.0.0.1", confirm)),
        run.line(sshd:words("::1", confirm)),
        run.line(sshd:words(address.ipv4, confirm, bind)),
        ("setsid -f sh -c %s >%s"):format(run.quote("sleep 0.2; " .. confirm .. "; echo code $?"), left),
      })
      local applied, here = "over which it was applied", "this very host"
      for index, words in ipairs { applied, applied, applied, "comes by ssh", here, here, here } do
        assert_refused(tries[index], 5, words)
      end
      -- Cut off from its sshd.
      local said = run.wait_until("the end of what was left behind", 5, function()
        return (run.read_file(left) or ""):match("^(.*code %d+)\n")
      end)
      assert.truthy(said:find("log in anew", 1, true) and said:find("code 5", 1, true), said)
      assert.truthy(is_new() and process:alive())

      tries = each_over(nil, {
        program:line("confirm", wrong_token),
        program:line("confirm", token:sub(1, 31)),
        program:line("confirm", "--console", token),
        program:line("confirm", token),
        program:line("confirm", token),
      })
      assert_refused(tries[1], 1, wrong_token, "no transaction that waits")
      assert_refused(tries[2], 1, "no transaction that waits")
      assert_refused(tries[3], 5, "comes by ssh")
      assert.equal(0, tries[4].code, tries[4].out)
      assert_refused(tries[5], 1, "no transaction that waits")
      assert.equal(0, process:wait(5).code, process:err())
      assert.truthy(program:must("status").out:find("confirmed by: connection", 1, true))

      -- Nor does an old token count for the next transaction.
      local next_one = program:start("apply", lab.dir .. "/old.lua", "--confirm", "30")
      token_of(next_one)
      assert_refused(confirm_over(nil, token), 1, "no transaction that waits")
      assert_refused(program:run("rollback", token), 1, "no transaction that waits")
      assert.truthy(next_one:alive())
      assert.equal(0, program:run("rollback").code)
      assert.equal(3, next_one:wait(5).code)
      assert.truthy(is_new())
    end)

    it_under_tmux("does not count under tmux, whoever looks at it", function()
      local own = share("own")
      local tmux = ("env TMUX_TMPDIR=%s tmux -f /dev/null "):format(run.quote(lab.dir))
      sshd:run(lab.friend, address.ipv4, tmux .. "new-session -d", own)
      start_over(own)
      local out = lab.dir .. "/tmux.out"
      local line = ("exec >%s 2>&1; %s; echo code $?; %s; echo code $?; echo end"):format(
        run.quote(out), program:line("confirm"), program:line("confirm", "--console"))
      -- Asked for over a new connection, it runs below the old server all the same.
      local asked = sshd:run(lab.friend, address.ipv4, tmux .. "new-window -d " .. run.quote(line))
      assert.equal(0, asked.code, asked.err)
      local said = run.wait_until("the end of the window", 5, function()
        return (run.read_file(out) or ""):match("^(.*)end\n")
      end)
      local plain, console = said:match("^(.*)code 5\n(.*)code 5\n$")
      assert.truthy(plain and plain:find("outside of it", 1, true), said)
      assert.truthy(console:find("SSH_CONNECTION", 1, true), said)
      sshd:run(lab.friend, address.ipv4, tmux .. "kill-server")
      assert.equal(0, confirm_over().code)
    end)

    it_over_ssh("counts after the connection of the apply is gone, over IPv6 too", function()
      local process = start_over({ "-tt" })
      process:signal("KILL")
      process:wait(5)
      local confirmed = sshd:run(lab.friend, address.ipv6, program:line("confirm"))
      assert.equal(0, confirmed.code, confirmed.err)
      assert.truthy(is_new())
      assert.truthy(program:must("status").out:find("confirmed by: connection", 1, true))
    end)

    it_over_ssh("counts over ssh, too, for what was applied at the console", function()
      local process = apply_pending("--confirm", "30")
      assert_refused(program:run("confirm"), 5, "--console")
      assert.equal(0, confirm_over().code)
      assert.equal(0, process:wait(5).code)
    end)

    it_over_ssh("is given by a command that opens a new connection, or cannot", function()
      local command = ("nsenter --net=/proc/%s/ns/net timeout 3 %s"):format(lab.friend.pid,
        run.line(sshd:words(address.ipv4, "true")))
      local function apply_with_command(path)
        return program:run("apply", path, "--confirm", "20", "--confirm-command", command)
      end
      local result = apply_with_command(new_path)
      assert.equal(0, result.code, result.err)
      assert.truthy(is_new())
      local before = tables.both(lab.server)
      local closed = new_policy:gsub("allow_inbound_ssh%(%)", 'allow_inbound_ssh { from = "10.9.9.0/24" }')
      result = apply_with_command(program:policy(closed, "closed.lua"))
      assert.equal(3, result.code, result.err)
      assert.truthy(result.seconds < 10, result.seconds)
      assert.equal(before, tables.both(lab.server))
    end)

    -- The commands of the playbook's tasks, in order, over a connection that is shared as
    -- Ansible shares its own, until the playbook resets it.
    it_over_ssh("is a fleet's, as the playbook has it", function()
      local playbook = assert(run.read_file("examples/ansible/apply.yml"))
      local shared, values = share("ansible"), { moongate_policy = new_path, moongate_seconds = "60" }
      local function command_of(line)
        local filled = line:gsub("{{ (.-) }}", values)
        assert.falsy(filled:find("{{", 1, true), filled)
        local rest = filled:match("^moongate (.*)")
        return not rest and filled or ("env XTABLES_LOCKFILE=%s %s %s --state-dir %s"):format(
          program.lock_file, moongate.binary, rest, program.state_dir)
      end
      local commands = {}
      for line in playbook:gmatch("\n +cmd: ([^\n]+)") do
        commands[#commands + 1] = line
      end
      local function ask(options, line, wanted)
        local result = sshd:run(lab.friend, address.ipv4, line, options)
        assert.equal(wanted or 0, result.code, line .. ": " .. result.out .. result.err)
        return result.out
      end
      assert.equal(5, #commands)
      ask(shared, command_of(commands[1]), 2)
      local connection = ask(shared, command_of(commands[2])):gsub("\n$", "")
      ask(shared, ("env -u SSH_CONNECTION setsid -f env SSH_CONNECTION=%s %s >%s 2>&1 </dev/null"):format(
        run.quote(connection), command_of(commands[3]), lab.dir .. "/apply.log"))
      local token = run.wait_until("the token", 8, function()
        local status = ask(shared, command_of(commands[4]))
        return status:find('"state"%s*:%s*"waiting"') and status:match('"token"%s*:%s*"(%x+)"')
      end)
      values["(moongate_status.stdout | from_json).pending.token"] = token
      ask(shared, command_of(commands[5]), 5)
      lab.friend:must(sshd:words(address.ipv4, "", { "-O", "stop", table.unpack(shared) }))
      ask(nil, command_of(commands[5]))
      assert.truthy(is_new())
      assert.truthy(program:must("status").out:find("confirmed by: connection", 1, true))
    end)
  end)

  describe("without ssh", function()
    before_each(function()
      prepare(network.host)
    end)

    it("has to say that it is given at the console", function()
      local process, token = apply_pending("--confirm", "30")
      assert_refused(program:run("confirm"), 5, "--console")
      assert_refused(program:run("confirm", token), 5, "--console")
      assert_refused(program:run("confirm", "--console", wrong_token), 1, wrong_token)
      assert_refused(program:run("rollback", wrong_token), 1, wrong_token)
      assert_refused(program:run("rollback", "one", "two"), 64, "two")
      assert_refused(program:run_with({ env = { SSH_CONNECTION = "10.0.0.1 1 10.0.0.2 22" } }, "confirm", "--console"),
        5, "SSH_CONNECTION")
      assert.truthy(is_new())
      assert.equal(0, program:run("confirm", "--console", token).code)
      assert.equal(0, process:wait(5).code)
      assert.truthy(program:must("status").out:find("confirmed by: console", 1, true))
      assert_refused(program:run("confirm", "--console", token), 1, token)
    end)

    it("can be withdrawn with the token before it is given", function()
      local process, token = apply_pending("--confirm", "30")
      assert.equal(0, program:run("rollback", token).code)
      assert.equal(3, process:wait(5).code)
      assert.equal(old_tables, tables.both(lab.server))
      assert_refused(program:run("rollback", token), 1, token)
      assert_refused(program:run("confirm", "--console", token), 1, token)
    end)

    it("is asked for on a terminal with what to type, a countdown and the time", function()
      local terminal = program:on_terminal("apply", new_path, "--confirm", "2")
      local text = run.wait_until("the end of the countdown", 10, function()
        local said = terminal:text()
        return said:find("ended %d") and said
      end)
      terminal:close()
      assert.truthy(text:match("Applied as generation 2%. In 2 s, at %d%d:%d%d:%d%d, it is taken back"), text)
      assert.truthy(text:match("moongate confirm %x+ %-%-state%-dir"), text)
      assert.truthy(text:find("moongate rollback --state-dir " .. program.state_dir, 1, true), text)
      for seconds = 1, 2 do
        assert.truthy(text:find(seconds .. " s left", 1, true), seconds .. " in: " .. text)
      end
      assert.truthy(text:find("taken back; the tables are what they were before", 1, true), text)
      assert.truthy(text:find("ended 3", 1, true), text)
    end)

    it("is asked for once where there is no terminal", function()
      local process = apply_pending("--confirm", "1")
      assert.equal(3, process:wait(5).code)
      assert.falsy(process:err():find("s left", 1, true), process:err())
    end)
  end)

  describe("by a command", function()
    local out

    before_each(function()
      prepare(network.host)
      out = lab.dir .. "/command.out"
    end)

    local function apply_with(command, ...)
      return program:run("apply", new_path, "--confirm-command", command, ...)
    end

    it("counts if it succeeds, and knows what it is for", function()
      local command = ([[
        exec >%s
        echo "$MOONGATE_TOKEN $MOONGATE_GENERATION $MOONGATE_STATE_DIR $MOONGATE_SECONDS"
        ls /proc/$$/fd; readlink /proc/$$/fd/0; ps -o pgid= -p $$; echo $$
        echo loud >&2; echo "told on stdout"]]):format(out)
      local result = apply_with(command, "--confirm", "20")
      assert.equal(0, result.code, result.err)
      assert.truthy(is_new())
      assert.truthy(result.err:find("loud", 1, true), result.err)
      assert.truthy(program:must("status").out:find("confirmed by: command", 1, true))
      local text = run.read_file(out)
      local token, number, dir, seconds = text:match("^(%x+) (%d+) (%S+) (%d+)\n")
      assert.equal(32, #token, text)
      assert.same({ "2", program.state_dir, "20" }, { number, dir, seconds })
      assert.truthy(text:find(" 20\n0\n1\n2\n/dev/null\n", 1, true), text)
      local group, leader = text:match("(%d+)\n(%d+)\ntold on stdout\n$")
      assert.equal(leader, group, text)
    end)

    it("takes it back if it fails, is killed, or is not there", function()
      for command, how in pairs { ["exit 7"] = "exit code 7", ["kill -TERM $$"] = "signal 15",
                                  ["/nowhere/at/all"] = "exit code 127" } do
        local result = apply_with(command, "--confirm", "20")
        assert.equal(3, result.code, result.err)
        assert.truthy(result.err:find(how, 1, true), result.err)
        assert.truthy(result.seconds < 5, "waited " .. result.seconds)
        assert.equal(old_tables, tables.both(lab.server))
      end
    end)

    it("takes it back at the deadline, and ends the command with what it has started", function()
      local result = apply_with("trap '' TERM; sleep 61.25 & echo $! >" .. out .. "; wait; sleep 30", "--confirm", "1")
      assert.equal(3, result.code, result.err)
      assert.truthy(result.seconds < 4, "took " .. result.seconds)
      assert.equal(old_tables, tables.both(lab.server))
      local pid = assert(run.read_file(out):match("%d+"))
      assert.falsy((run.read_file("/proc/" .. pid .. "/cmdline") or ""):find("61.25", 1, true), "it still runs")
    end)

    it("gives way to somebody who is faster", function()
      local process = program:start("apply", new_path, "--confirm-command", "sleep 30", "--confirm", "40")
      run.wait_until("the new tables", 5, is_new)
      assert.equal(0, program:run("confirm", "--console").code)
      assert.equal(0, process:wait(5).code, process:err())
      assert.truthy(program:must("status").out:find("confirmed by: console", 1, true))
      program:must("apply", lab.dir .. "/old.lua", "--no-confirm")
      process = program:start("apply", new_path, "--confirm-command", "sleep 30", "--confirm", "40")
      run.wait_until("the new tables", 5, is_new)
      process:signal("INT")
      assert.equal(3, process:wait(5).code, process:err())
      assert.equal(old_tables, tables.both(lab.server))
    end)

    it("is asked for with a request that makes sense", function()
      assert_refused(apply_with("true", "--no-confirm"), 64, "--no-confirm")
      assert_refused(apply_with(""), 64, "--confirm-command")
      assert_refused(program:run("confirm", "--confirm-command", "true"), 64, "--confirm-command")
      assert.equal(old_tables, tables.both(lab.server))
      -- Nothing to do, nothing to confirm.
      local result = program:run("apply", lab.dir .. "/old.lua", "--confirm-command", "touch " .. out)
      assert.equal(0, result.code, result.err)
      assert.falsy(run.read_file(out))
    end)
  end)
end)
