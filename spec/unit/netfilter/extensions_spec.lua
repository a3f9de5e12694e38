-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Every match and target that is installed is there in each family that it is
-- for, in one process and whichever family comes first: from the program, from
-- a C program with the static library, and from plain lua5.4.
--
-- iptables is the judge, asked for one extension of one family at a time, each
-- in a process of its own: it has none of the troubles of two families in one.

local c_program = require "spec.support.c_program"
local extensions = require "spec.support.extensions"
local moongate = require "spec.support.moongate"
local netfilter = require "spec.support.netfilter"
local run = require "spec.support.run"

local orders = { { "ipv4", "ipv6" }, { "ipv6", "ipv4" } }

-- As root the kernel is asked for its revisions; as somebody else it cannot be.
local users = netfilter.is_root and { { "root", {} }, { "nobody", { nobody = true } } } or { { "user", {} } }

-- With --help, iptables shows the help of an extension after its own. A target that
-- it does not find is a jump to a chain: then the help is that of no extension.
local judge = [[
for file in "$(pkg-config --variable=xtlibdir xtables)"/lib*.so; do
  name=${file##*/}
  case $name in libxt_*|libipt_*|libip6t_*) name=${name%.so}; echo "${name#lib*_}" ;; esac
done | sort -u | while read -r name; do
  for family in 4 6; do
    program=iptables-legacy
    [ $family = 6 ] && program=ip6tables-legacy
    if $program -m "$name" --help >/dev/null 2>&1; then echo "ipv$family match $name"; fi
    none=$($program -j moongate-none --help 2>/dev/null)
    if help=$($program -j "$name" --help 2>/dev/null) && [ "$help" != "$none" ]; then
      echo "ipv$family target $name"
    fi
  done
done
]]

local from_lua = [[
local netfilter = require "moongate.netfilter"
for _, family in ipairs { "%s", "%s" } do
  local found = assert(netfilter.extensions(family))
  for kind, list in pairs { match = found.matches, target = found.targets } do
    for _, extension in ipairs(list) do
      assert(math.type(extension.revision) == "integer")
      print(family, kind, extension.name)
    end
  end
end
]]

-- Arguments: "ipv4" and "ipv6" go to a family, "all" lists it, other words are targets to find.
local lister = [[
#include <stdio.h>
#include <string.h>

#include "netfilter/extensions.h"
#include "netfilter/session.h"

static const char *family;

static int find(void *context)
{
	const char *name = context;

	if (mg_find_target(name))
		printf("%s target %s\n", family, name);
	return 0;
}

static int list(void)
{
	struct mg_extensions found = { 0 };
	struct mg_error error;
	size_t i;

	if (mg_extensions_read(mg_session_ops()->family, &found, &error))
		return fprintf(stderr, "%s\n", error.text);
	for (i = 0; i < found.count; i++) {
		if (found.items[i].has_match)
			printf("%s match %s\n", family, found.items[i].name);
		if (found.items[i].has_target)
			printf("%s target %s\n", family, found.items[i].name);
	}
	mg_extensions_clear(&found);
	return 0;
}

int main(int argc, char **argv)
{
	struct mg_error error;
	int i, err = mg_session_open(&error);

	for (i = 1; i < argc && !err; i++) {
		if (strncmp(argv[i], "ipv", 3) == 0) {
			family = argv[i];
			mg_session_family(argv[i][3] == '4' ? MG_IPV4 : MG_IPV6);
		} else if (strcmp(argv[i], "all") == 0) {
			err = list();
		} else {
			err = mg_fence_run(find, argv[i], &error);
			fputs(mg_fence_output(), stdout);
		}
	}
	return err != 0;
}
]]

-- What the trap was: these vanished from the family that came second.
local once_lost = { "SNAT", "DNAT", "REDIRECT", "MASQUERADE", "TCPMSS", "TEE", "TPROXY", "DSCP" }

-- Lines in order, without the tabs of print().
local function sorted(text)
  local lines = {}
  for line in text:gsub("\t", " "):gmatch("[^\n]+") do
    lines[#lines + 1] = line
  end
  table.sort(lines)
  return lines
end

describe("the installed extensions", function()
  local dir, program
  local wanted = {} -- by user: lines "FAMILY KIND NAME"

  local function run_apart(words, options)
    return run.run(options.nobody and words or netfilter.apart(words), {
      nobody = options.nobody, limit = 60, env = { ASAN_OPTIONS = "detect_leaks=0" },
    })
  end

  local function must_apart(words, options)
    local done = run_apart(words, options)
    assert.equal(0, done.code, done.line .. ": " .. done.out .. done.err)
    return done.out
  end

  local function build_program()
    run.write_file(dir .. "/lister.c", lister)
    local done = c_program.compile(dir .. "/lister.c", dir .. "/lister")
    assert.equal(0, done.code, done.err)
    return dir .. "/lister"
  end

  setup(function()
    dir = run.must({ "mktemp", "-d" }):gsub("\n", "")
    run.must { "chmod", "755", dir }
    program = build_program()
    for _, user in ipairs(users) do
      wanted[user[1]] = sorted(must_apart({ "sh", "-c", judge }, user[2]))
    end
  end)

  teardown(function()
    run.must { "rm", "-rf", "--one-file-system", dir }
  end)

  it("are told by iptables as this spec needs them", function()
    for _, lines in pairs(wanted) do
      local all = table.concat(lines, "\n") .. "\n"
      for _, name in ipairs(once_lost) do
        assert.truthy(all:find("ipv4 target " .. name .. "\n", 1, true), name)
        assert.truthy(all:find("ipv6 target " .. name .. "\n", 1, true), name)
      end
      assert.truthy(all:find("ipv6 target HL\n", 1, true))
      assert.falsy(all:find("ipv4 target HL\n", 1, true))
      assert.truthy(#lines > 150, #lines)
    end
  end)

  -- A rule for each line of `lines` that is of `family`; and what cannot be compiled here.
  local function sample_rules(lines, family)
    local rules, unfit, samples = {}, {}, {}
    for kind, list in pairs { match = extensions.matches, target = extensions.targets } do
      for _, entry in ipairs(list) do
        if #entry.forms[family] > 0 then
          samples[kind .. " " .. entry.name] = entry
        end
      end
    end
    for _, line in ipairs(lines) do
      local of, extension = line:match("^(%S+) (.*)$")
      if of == family and extension ~= "target standard" then
        local entry = assert(samples[extension], "spec/support/extensions.lua has no form of " .. line)
        local text = extensions.words(entry, entry.forms[family][1])
        if entry.needs == "a set" then
          unfit[#unfit + 1] = (entry.kind == "match" and "-m " or "-j ") .. entry.name
        else
          rules[#rules + 1] = (entry.p and "-p " .. entry.p .. " " or "") .. extensions.fill(text, family, math.min)
        end
      end
    end
    return rules, unfit
  end

  -- Table raw is compiled before table filter: `first` goes there.
  local function policy_of(user, first, second, more)
    local lines = { ("local one = chain('raw', 'PREROUTING', { family = %q })"):format(first),
      ("local two = chain('filter', 'INPUT', { family = %q })"):format(second) }
    local count = 0
    for name, family in pairs { one = first, two = second } do
      for _, rule in ipairs(sample_rules(wanted[user], family)) do
        lines[#lines + 1] = ("%s:append(%q)"):format(name, rule)
        count = count + 1
      end
    end
    if more then
      lines[#lines + 1] = ("two:append(%q)"):format(more)
    end
    local path = run.write_file(dir .. "/policy.lua", table.concat(lines, "\n") .. "\n")
    run.must { "chmod", "644", path }
    return path, count
  end

  for _, who in ipairs(users) do
    local user, options = table.unpack(who)
    for _, order in ipairs(orders) do
      local first, second = table.unpack(order)
      local label = (", %s, %s first"):format(user, first)

      it("are all there for lua5.4" .. label, function()
        assert.same(wanted[user], sorted(netfilter.must(from_lua:format(first, second), options)))
      end)

      it("are all there for a C program with the static library" .. label, function()
        assert.same(wanted[user], sorted(must_apart({ program, first, "all", second, "all" }, options)))
      end)

      it("are all there for the command line" .. label, function()
        local path, count = policy_of(user, first, second)
        local out = must_apart({ moongate.binary, "check", path }, options)
        assert.truthy(out:find(": " .. count .. " rules in ", 1, true), out)
        local _, unfit = sample_rules(wanted[user], second)
        for _, words in ipairs(unfit) do
          path = policy_of(user, first, second, words .. " --moongate-none")
          local done = run_apart({ moongate.binary, "check", path }, options)
          assert.truthy(done.err:find('unknown option "--moongate-none"', 1, true), done.err)
        end
      end)

      it("are no jump to a chain in the second family" .. label, function()
        local requests = {}
        for _, family in ipairs(order) do
          for _, target in ipairs(extensions.targets) do
            local form = target.forms[family][1]
            if form and target.needs ~= "a set" then
              local text = extensions.fill(extensions.words(target, form), family, math.min)
              requests[#requests + 1] = { family, target.table, target.chain, (target.p and "-p " .. target.p or "")
                .. " " .. text }
            end
          end
          requests[#requests + 1] = { family, "nat", "POSTROUTING", "-j MOONGATE-NONE" }
        end
        for index, result in ipairs(netfilter.compile_all(requests, options)) do
          local name = requests[index][4]:match("%-j (%S+)")
          if name == "MOONGATE-NONE" then
            assert.equal("no chain and no target extension is called `MOONGATE-NONE'", result.error)
          else
            assert.truthy((result[1] or ""):find("-j " .. name, 1, true),
              requests[index][4] .. ": " .. (result[1] or result.error))
          end
        end
      end)
    end

    it("may be asked for in the wrong family first, " .. user, function()
      local words = { program, "ipv4", "HL", "DNPT", "SNPT", "ipv6", "HL", "DNPT", "SNPT", "TTL", "ECN",
        "ipv4", "TTL", "ECN", "HL" }
      assert.same({ "ipv4 target ECN", "ipv4 target TTL", "ipv6 target DNPT", "ipv6 target HL", "ipv6 target SNPT" },
        sorted(must_apart(words, options)))
    end)
  end

  it("are not listed where libxtables finds none", function()
    local text = [[
      local list, message, code = require("moongate.netfilter").extensions("ipv4")
      print(list, message, code)
    ]]
    local done = run.run({ "env", "XTABLES_LIBDIR=/nonexistent", "LUA_CPATH=" .. netfilter.build .. "/lua/?.so",
      netfilter.lua, "-" }, { input = text, env = { LD_PRELOAD = netfilter.sanitizer(netfilter.build
      .. "/lua/moongate/netfilter.so") } })
    assert.equal("nil\tthe target extension `standard' is missing: is iptables installed?\tenvironment\n", done.out)
  end)

  it("want a family", function()
    local done = netfilter.run [[
      local netfilter = require "moongate.netfilter"
      print(select(2, pcall(netfilter.extensions, "inet")))
      print(select(2, pcall(netfilter.extensions)))
    ]]
    assert.truthy(done.out:find("bad argument #1 .*invalid option 'inet'"), done.out)
    assert.truthy(done.out:find("bad argument #1 .*string expected, got no value"), done.out)
  end)
end)
