-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The guard when the kernel says no: to what arms it, and to what it restores with;
-- and when the wall clock jumps.

local features = require "spec.support.features"
local guards = require "spec.support.guards"
local lfs = require "lfs"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending, "strace")

local old_policy = "default_deny()\nallow_established()\nallow_loopback()\nallow_icmp()\n"
local new_policy = old_policy .. "allow_inbound { tcp = 8080 }\n"

-- What stands in front of the C library's clocks: what is in the file that
-- WALL_OFFSET names, in seconds, is added to the time of day, and to nothing else.
local wall_clock = [[
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long offset(void)
{
	char text[32] = "";
	int fd = open(getenv("WALL_OFFSET"), O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) < 0)
			text[0] = 0;
		close(fd);
	}
	return atol(text);
}
int clock_gettime(clockid_t clock, struct timespec *out)
{
	int ret = (int)syscall(SYS_clock_gettime, clock, out);
	if (!ret && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		out->tv_sec += offset();
	return ret;
}
int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec now;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	out->tv_sec = now.tv_sec;
	out->tv_usec = now.tv_nsec / 1000;
	return 0;
}
time_t time(time_t *out)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}
]]

describe("the guard, refused #integration", function()
  local lab, program, old_tables, new_path

  local function is_new()
    return tables.save(lab.server, "ipv4"):find("--dport 8080", 1, true)
  end

  -- Wait until an apply that runs waits; returns its guard and its watcher.
  local function await(process)
    run.wait_until("the commit", 8, function()
      assert(process:alive(), "apply did not wait: " .. process:out() .. process:err())
      local record = run.read_file(program.state_dir .. "/run/pending.json")
      return record and not record:find('"committed": 0,', 1, true) and is_new()
    end)
    return guards.of(program)
  end

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
    program:apply(program:policy(old_policy, "old.lua"))
    new_path = program:policy(new_policy, "new.lua")
    old_tables = tables.both(lab.server)
  end)

  after_each(network.close_all)

  it("is not armed, and nothing is committed, without a clock, a descriptor or a channel", function()
    local refused = 0
    for _, call in ipairs {
      "timerfd_create:error=EMFILE", "timerfd_create:error=ENOMEM", "eventfd2:error=EMFILE",
      "socketpair:error=EMFILE", "bind:error=ENOSPC", "listen:error=ENOBUFS",
    } do
      local name = call:match("^[^:]+")
      local result = program:traced({ "trace=" .. name, "inject=" .. call }, "apply", new_path, "--confirm", "1")
      assert.truthy(result.code == 7, call .. ": exit code " .. result.code .. "\n" .. result.err)
      refused = refused + 1
      assert.equal(old_tables, tables.both(lab.server), call)
      assert.falsy(lfs.attributes(program.state_dir .. "/run/pending.json"), call)
      assert.falsy(lfs.attributes(program.state_dir .. "/generations/2"), call)
    end
    assert.equal(6, refused)
  end)

  it("keeps its deadline though its timer does not go off", function()
    local result = program:traced({ "trace=timerfd_settime", "inject=timerfd_settime:error=EINVAL" }, "apply",
      new_path, "--confirm", "1")
    assert.equal(3, result.code, result.err)
    assert.truthy(result.seconds < 4.5, "after " .. result.seconds)
    assert.equal(old_tables, tables.both(lab.server))
  end)

  it("tries again when the kernel refuses the old tables", function()
    local process = program:start("apply", new_path, "--confirm", "2")
    local guard = await(process)
    local trace = lab.dir .. "/trace"
    local strace = run.start({ "strace", "-p", guard, "-o", trace, "-e", "trace=setsockopt", "-e",
      "inject=setsockopt:error=ENOMEM:when=1..3" }, { dir = lab.dir })
    local result = process:wait(6)
    assert.equal(3, result.code, result.out .. result.err)
    strace:wait(3)
    local text = run.read_file(trace)
    local _, failed = text:gsub("%(INJECTED%)", "")
    assert.equal(3, failed, text)
    assert.equal(old_tables, tables.both(lab.server))
  end)

  it("goes on without the lock of the tables after five seconds", function()
    local process = program:start("apply", new_path, "--confirm", "1")
    await(process)
    local holder = lab.server:start { "flock", program.lock_file, "sleep", "30" }
    local started = run.now()
    local result = process:wait(9)
    local seconds = run.now() - started
    holder:signal("KILL")
    assert.equal(3, result.code, result.out .. result.err)
    assert.truthy(seconds > 4.5 and seconds < 7.5, "after " .. seconds .. " s")
    assert.equal(old_tables, tables.both(lab.server))
  end)

  it("takes back what its own apply is too late to confirm, which says so", function()
    -- between commit and confirmation it lets go of the tables
    local line = { "strace", "-o", "/dev/null", "-P", program.lock_file, "-e", "trace=close", "-e",
                   "inject=close:delay_enter=5500000" }
    local words = program:words("apply", new_path, "--no-confirm")
    table.move(words, 1, #words, #line + 1, line)
    local result = lab.server:run(line, program:options { env = { ASAN_OPTIONS = "detect_leaks=0" } })
    assert.equal(3, result.code, result.out .. result.err)
    assert.truthy(result.err:find("too late: the old rules are back already\n", 1, true), result.err)
    assert.equal(old_tables, tables.both(lab.server))
  end)

  it("does not look at the wall clock", function()
    local shim, offset = lab.dir .. "/wall_clock.so", lab.dir .. "/offset"
    run.write_file(lab.dir .. "/wall_clock.c", wall_clock)
    run.must { "cc", "-shared", "-fPIC", "-o", shim, lab.dir .. "/wall_clock.c", "-ldl" }
    for _, jump in ipairs { 86400, -86400 } do
      run.write_file(offset, "0\n")
      local process = lab.server:start(program:words("apply", new_path, "--confirm", "2"), program:options { env = {
        LD_PRELOAD = shim, WALL_OFFSET = offset, ASAN_OPTIONS = "verify_asan_link_order=0",
      } })
      await(process)
      local committed = run.now()
      run.write_file(offset, jump .. "\n")
      run.must { "sleep", "1" }
      assert.truthy(is_new(), "taken back too early")
      local result = process:wait(3)
      assert.equal(3, result.code, result.out .. result.err)
      assert.truthy(run.now() - committed < 3, "taken back too late")
      assert.equal(old_tables, tables.both(lab.server))
    end
  end)

  it("keeps its deadline while the applying process is stopped, and under small limits", function()
    local words = { "prlimit", "--cpu=2", "--nofile=64", "--fsize=10000000", table.unpack(program:words("apply",
      new_path, "--confirm", "1")) }
    local process = lab.server:start(words, program:options())
    await(process)
    process:signal("STOP")
    tables.wait_for(lab.server, old_tables, 2, "the old tables")
    process:signal("CONT")
    assert.equal(3, process:wait(2).code)
  end)
end)
