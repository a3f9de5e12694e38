-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- addresses_from_file with the real core: which files it finds and refuses, what
-- their lines may be, that no error says what is in them, and how long it takes.

local lfs = require "lfs"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"

local base = "default_deny() allow_established() allow_icmp()\n"

describe("a file of addresses #integration", function()
  local root

  local function write(path, text)
    path = root .. "/" .. path
    run.must { "mkdir", "-p", path:match("^(.*)/") }
    return run.write_file(path, text)
  end

  before_each(function()
    root = run.must({ "mktemp", "-d" }):gsub("\n", "")
    run.must { "chmod", "755", root }
    run.must { "mkdir", root .. "/own" }
  end)

  after_each(function()
    run.must { "rm", "-rf", root }
  end)

  local function check(text, options)
    return run.run({ moongate.binary, "check", "-v", write("own/policy.lua", base .. text) }, options)
  end

  -- Networks of the file lists/a.txt, as a policy sees them.
  local function networks(content, text)
    write("own/lists/a.txt", content)
    local result = check(text or 'print(tostring(addresses_from_file("lists/a.txt")))')
    assert.equal(0, result.code, result.err)
    return result.err:match("addresses { (.-) }") or "", result.err
  end

  local function refuses(expected, text, options)
    local result = check(text or 'addresses_from_file("lists/a.txt")', options)
    assert.equal(1, result.code, result.out .. result.err)
    assert.equal(("moongate: policy.lua:2: addresses_from_file: %s\n"):format(expected), result.err)
  end

  it("has an address, a network or a range on each line, and comments", function()
    assert.equal("10.0.0.7/32, 10.0.0.8/31, 192.0.2.0/24, 198.51.100.0/24, 203.0.113.5/32, 2001:db8::/32",
      (networks("# a list\r\n\r\n  192.0.2.0/25 ; SBL1\r\n\t192.0.2.128/25\t# half\n;\n"
        .. "198.51.100.0/255.255.255.0\n2001:DB8::/33\n2001:db8:8000::/33\n10.0.0.7-10.0.0.9\n203.0.113.5")))
    assert.equal("192.0.2.1/32", (networks("\xEF\xBB\xBF192.0.2.1\n")))
    assert.equal("", (networks("# nothing\n")))
    assert.equal("", (networks("")))
  end)

  it("is folded to the fewest networks", function()
    assert.equal("10.0.0.0/8, 192.0.2.0/30, 192.0.2.5/32, ::/0",
      (networks("192.0.2.5\n192.0.2.3\n10.1.0.0/16\n192.0.2.0\n192.0.2.1\n10.0.0.0/8\n192.0.2.2\n"
        .. "8000::/1\n192.0.2.5\n::/1\n2001:db8::1\n")))
  end)

  it("includes others, each once, beside itself or from the top", function()
    write("own/lists/deep/b.txt", "10.0.0.2\ninclude ../a.d.txt\ninclude top.txt\n")
    write("own/lists/a.d.txt", "10.0.0.4\n")
    write("own/top.txt", "10.0.0.6\n")
    assert.equal("10.0.0.2/32, 10.0.0.4/32, 10.0.0.6/32, 10.0.0.9/32", (networks(
      "include deep/b.txt # more\r\ninclude \"a.d.txt\"\ninclude deep/./b.txt\n10.0.0.9\n")))
  end)

  it("may not include itself, nor without end", function()
    write("own/lists/b.txt", "\ninclude a.txt\n")
    write("own/lists/a.txt", "include b.txt\n")
    refuses(root .. "/own/lists/b.txt:2: includes go in a circle: this file is being read already")
    write("own/lists/a.txt", "include a.txt\n")
    refuses(root .. "/own/lists/a.txt:1: includes go in a circle: this file is being read already")
    for i = 1, 20 do
      write(("own/lists/%d.txt"):format(i), ("include %d.txt\n"):format(i + 1))
    end
    write("own/lists/a.txt", "include 1.txt\n")
    refuses(root .. "/own/lists/15.txt:1: includes nested more than 16 deep")
  end)

  it("is found beside the module that asks for it, or where the policy lies", function()
    write("own/roles/near.txt", "10.0.0.1\n")
    write("own/near.txt", "10.0.0.2\n")
    write("own/far.txt", "10.0.0.3\n")
    write("own/roles/mine.lua", [[return module { options = { file = "string" }, function(o)
      print(tostring(addresses_from_file(o.file))) end }]])
    assert.equal("10.0.0.1/32", (networks("", 'use("roles.mine", { file = "near.txt" })')))
    assert.equal("10.0.0.3/32", (networks("", 'use("roles.mine", { file = "far.txt" })')))
    assert.equal("10.0.0.2/32", (networks("", 'print(tostring(addresses_from_file "near.txt"))')))
    assert.equal("10.0.0.2/32", (networks("", 'print(tostring(addresses_from_file "roles/../near.txt"))')))
    assert.equal("10.0.0.3/32", (networks("", ('print(tostring(addresses_from_file "%s/own/far.txt"))'):format(root))))
  end)

  it("lies nowhere else", function()
    write("secret.txt", "10.0.0.1\n")
    local out = " leads out of the folders in which modules may lie: put the file beside the policy, or below it"
    refuses("../secret.txt" .. out, 'addresses_from_file "../secret.txt"')
    refuses(root .. "/secret.txt" .. out, ('addresses_from_file "%s/secret.txt"'):format(root))
    refuses(root .. "/own/../secret.txt" .. out, ('addresses_from_file "%s/own/../secret.txt"'):format(root))
    assert(lfs.link("../../secret.txt", root .. "/own/link.txt", true))
    refuses(root .. "/own/link.txt is a symbolic link out of that folder, or a circle of them",
      'addresses_from_file "link.txt"')
    write("own/lists/near.txt", "10.0.0.1\n")
    assert(lfs.link("near.txt", root .. "/own/lists/a.txt", true))
    assert.equal(0, check('addresses_from_file "lists/a.txt"').code)
    local result = check 'addresses_from_file "none.txt"'
    assert.truthy(result.err:find("there is no file none.txt in " .. root .. "/own, /etc/moongate/policies or ", 1,
      true), result.err)
  end)

  it("is a regular file of bounded size that not everybody can write", function()
    run.must { "mkdir", "-p", root .. "/own/lists/a.txt" }
    refuses(root .. "/own/lists/a.txt is not a regular file")
    run.must { "rmdir", root .. "/own/lists/a.txt" }
    run.must { "mkfifo", root .. "/own/lists/a.txt" }
    refuses(root .. "/own/lists/a.txt is not a regular file")
    run.must { "rm", root .. "/own/lists/a.txt" }
    run.must { "truncate", "-s", "17M", root .. "/own/lists/a.txt" }
    refuses(root .. "/own/lists/a.txt is larger than 16 MiB")
    write("own/lists/a.txt", "10.0.0.1\n")
    run.must { "chmod", "646", root .. "/own/lists/a.txt" }
    refuses(("everybody can write %s/own/lists/a.txt, so root does not trust it: chmod o-w %s/own/lists/a.txt")
      :format(root, root))
    run.must { "chmod", "600", root .. "/own/lists/a.txt" }
    refuses(("cannot read %s/own/lists/a.txt: Permission denied"):format(root), nil, { nobody = true })
  end)

  -- What a mistake is told as, and that its words are nowhere in it.
  it("is in no error: a mistake is told by line and kind", function()
    for line, kind in pairs {
      ["sesame.example.org"] = "a host name or another word, where an address is needed",
      ["root:sesame:19000:0:99999:7:::"] = "not an IPv4 or IPv6 address, network or range",
      ["192.0.2.777"] = "not an IPv4 or IPv6 address, network or range",
      ["192.0.2.0/77"] = "behind the / stands no prefix length from 0 to 32, nor a mask",
      ["2001:db8::/777"] = "behind the / stands no prefix length from 0 to 128",
      ["192.0.2.77-192.0.2.7"] = "a range that ends before it begins",
      ["192.0.2.77-2001:db8::77"] = "a range that begins in one family and ends in the other",
      ["192.0.2.77 sesame"] = "more than one word: a line has one address, network or range",
      ["!192.0.2.77"] = "a list of addresses has no negation: write except(...) in the policy",
      ["fe80::77%sesame"] = "an address that names an interface: leave that out",
      [("7"):rep(1000)] = "too long for an address",
      ["192.0.2.77\0"] = "holds a NUL byte",
      ["include"] = "include what? No file is named",
      ["include sesame.txt"] = "the file to be included is not there",
      ["include ../../sesame"] = "the file to be included lies outside of the folders of policies, or is a "
        .. "symbolic link that leads there",
      ["include /etc/sesame"] = "the file to be included lies outside of the folders of policies, or is a "
        .. "symbolic link that leads there",
      ["include ."] = "what is to be included is not a regular file",
      ["include /"] = "the file to be included lies outside of the folders of policies, or is a "
        .. "symbolic link that leads there",
    } do
      write("own/lists/a.txt", "192.0.2.1\n\n" .. line .. "\n")
      local result = check 'addresses_from_file "lists/a.txt"'
      assert.equal(1, result.code, line)
      assert.equal(("moongate: policy.lua:2: addresses_from_file: %s/own/lists/a.txt:3: %s\n"):format(root, kind),
        result.err)
    end
    -- an included one, too
    write("own/lists/b.txt", "sesame\n")
    write("own/lists/a.txt", "include b.txt\n")
    refuses(root .. "/own/lists/b.txt:1: a host name or another word, where an address is needed")
  end)

  it("is not a policy, nor anything else that lies there", function()
    local result = check "local secret = 'sesame' addresses_from_file('policy.lua')"
    assert.equal(1, result.code)
    assert.falsy(result.err:find("sesame", 1, true), result.err)
    local bytes = {}
    for i = 1, 5000 do
      bytes[i] = string.char(i * 7919 % 256)
    end
    write("own/lists/a.txt", table.concat(bytes))
    result = check 'addresses_from_file("lists/a.txt")'
    assert.equal(1, result.code)
    assert.matches("^moongate: policy.lua:2: addresses_from_file: [%g ]+\n$", result.err)
  end)

  it("warns of bits beyond a prefix, once, without the network", function()
    local found, err = networks("10.0.0.0/8\n192.0.2.77/24\n198.51.100.77/24\n")
    assert.equal("10.0.0.0/8, 192.0.2.0/24, 198.51.100.0/24", found)
    assert.truthy(err:find(("policy.lua:2: warning: addresses_from_file: 2 networks have bits set beyond their "
      .. "prefix, the first one at %s/own/lists/a.txt:2"):format(root), 1, true), err)
    assert.falsy(err:find("192.0.2.77", 1, true))
    found, err = networks("192.0.2.77/24\n")
    assert.equal("192.0.2.0/24", found)
    assert.truthy(err:find("a.txt:1: a network has bits set beyond its prefix", 1, true), err)
  end)

  it("has 100,000 lines in well under a second", function()
    local lines = {}
    for i = 0, 99999 do
      local bits = i * 40503 % 131072
      lines[#lines + 1] = ("100.%d.%d.%d\n"):format(bits >> 15, bits >> 7 & 255, (bits & 127) * 2)
    end
    write("own/lists/a.txt", table.concat(lines))
    local best = math.huge
    for _ = 1, 3 do
      local result = check 'assert(#addresses_from_file("lists/a.txt") > 50000)'
      assert.equal(0, result.code, result.err)
      best = math.min(best, result.seconds)
    end
    assert.truthy(best < 0.8, best)
  end)

  it("becomes the rules that the kernel has, and changes only what changed in it", function()
    local lab = network.host()
    finally(network.close_all)
    local program = moongate.new(lab)
    run.write_file(lab.dir .. "/bad.txt", "203.0.113.0/25\n203.0.113.128/25\n2001:db8:bad::/48\n198.51.100.7\n")
    local path = program:policy('default_deny() allow_established() allow_icmp() allow_inbound_ssh()\n'
      .. 'block { addresses_from_file "bad.txt" }')
    program:apply(path)
    assert.truthy(lab.server:must({ "iptables-legacy", "-S", "INPUT" }):find(
      "-A INPUT -s 198.51.100.7/32 -j DROP\n-A INPUT -s 203.0.113.0/24 -j DROP\n", 1, true))
    assert.truthy(lab.server:must({ "ip6tables-legacy", "-S", "INPUT" }):find("-A INPUT -s 2001:db8:bad::/48 -j DROP\n",
      1, true))
    -- the same addresses in other words
    run.write_file(lab.dir .. "/bad.txt", "198.51.100.7\n203.0.113.0-203.0.113.255\n2001:db8:bad::/48\n203.0.113.9\n")
    assert.equal(0, program:run("plan", path, "--detailed-exitcode").code)
    run.write_file(lab.dir .. "/bad.txt", "198.51.100.7\n203.0.113.0/24\n2001:db8:bad::/48\n192.0.2.1\n")
    local plan = program:run("plan", path, "--detailed-exitcode")
    assert.equal(2, plan.code)
    assert.truthy(plan.out:find("4 to add, 0 to remove", 1, true), plan.out)
  end)
end)
