-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Seeds for the fuzz targets, from the specs' own samples: every form of every
-- extension, as text and as the kernel's copy of it, the facts of the example
-- hosts, and plans for them, lists of addresses and of names.
--
-- Arguments: the program, and a folder, which gets one folder for each target.
-- Runs as root in a network namespace that may be spoilt.

local extensions = require "spec.support.extensions"
local generator = require "spec.support.text_generator"
local run = require "spec.support.run"

local program, folder = table.unpack(arg)
local commands = {
  ipv4 = { "iptables-legacy-restore", "4" }, ipv6 = { "ip6tables-legacy-restore", "6" },
}
local counts = {}

local function write(target, content)
  local dir = folder .. "/" .. target
  if not counts[target] then
    run.must { "mkdir", "-p", dir }
    counts[target] = 0
  end
  counts[target] = counts[target] + 1
  run.write_file(("%s/%03d"):format(dir, counts[target]), content)
end

-- The kernel's copy of what has just been loaded.
local function write_copy(number)
  write("table", run.must { "python3", "spec/fuzz/kernel_copy.py", number })
end

local function load(command, lines)
  local text = "*filter\n:USER - [0:0]\n" .. table.concat(lines, "\n") .. "\nCOMMIT\n"
  return run.run({ command }, { input = text }).code == 0, text
end

local function rule_line(entry, form, family)
  local text = extensions.fill(extensions.words(entry, form), family, function(low, high)
    return (low + high) // 2
  end)
  return ("[1:2] -A %s %s%s"):format(entry.chain, entry.p and "-p " .. entry.p .. " " or "", text)
end

-- One table for each extension in its own forms, and one with all of them.
local function write_rules(family)
  local command, number = table.unpack(commands[family])
  local all = {}
  for _, list in ipairs { extensions.matches, extensions.targets } do
    for _, entry in ipairs(list) do
      local lines = {}
      for _, form in ipairs(entry.table == "filter" and entry.forms[family] or {}) do
        lines[#lines + 1] = rule_line(entry, form, family)
      end
      if #lines > 0 then
        local taken, text = load(command, lines)
        write("save_text", text)
        write("import", text)
        if taken then
          write_copy(number)
          table.move(lines, 1, 2, #all + 1, all)
        end
      end
    end
  end
  assert(load(command, all), "not all rules go together")
  write_copy(number)
  for seed = 1, 4 do
    local lines = {}
    for _, rule in ipairs(generator.new(seed, family):rules(0)) do
      lines[#lines + 1] = ("-A %s %s"):format(rule[3], rule[4])
    end
    table.move(lines, seed * 20, #lines, 1)
    write("save_text", '#@keep rules 10 docker "-i docker0 \\"a\\" *" "policy.lua:2 keep"\n'
      .. "*filter\r\n#@rank 20\n#@ policy.lua:3 allow_inbound\n" .. table.concat(lines, "\n", 1, 20)
      .. "\nCOMMIT\n# done\n*nat\n:OUTPUT ACCEPT [3:4]\n-A OUTPUT -j \"a\\\"b\"\n")
  end
end

-- Dumps as old versions have them.
local function write_dumps()
  write("import", "# Generated\r\n*nat\r\n:PREROUTING ACCEPT\r\nCOMMIT\r\n*filter\r\n:INPUT DROP [1:2]\r\n"
    .. "-A INPUT -m state --state NEW -p tcp --dports 22,80 -j ACCEPT\r\n-I INPUT -p tcp --dport 1:2 -j DROP\r\n"
    .. "[0:0] -A INPUT -s 10.0.0.1,10.0.0.2 -j REJECT\r\nCOMMIT\r\n")
  write("import", "-t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu\n"
    .. "iptables -N WEB\niptables -A INPUT -j WEB\niptables -A WEB ! -s 10.0.0.0/8 -m comment --comment 'a b' -j LOG\n")
end

local function write_facts_and_plans()
  local state = run.must({ "mktemp", "-d" }):gsub("\n", "")
  local plan = state .. "/plan"
  local function write_plan(...)
    local done = run.run { program, "plan", "--state-dir", state, "--out", plan, ... }
    if done.code == 0 then
      write("saved_plan", (run.read_file(plan):gsub('^{"moongate_plan":%d+,"fnv1a64":"%x+",', "", 1)))
      if not counts.whole then
        counts.whole = true
        write("saved_plan", run.read_file(plan))
      end
      run.must { "rm", "-f", plan }
    end
  end
  write("facts", run.must { program, "facts" })
  for path in run.must({ "find", "policies", "-name", "*.json" }):gmatch("%S+") do
    write("facts", run.read_file(path))
    write_plan("policies/hosts/site.lua", "--facts", path, "--remove-foreign", "--force")
  end
  write_plan("policies/hosts/remote_server.lua", "--remove-foreign", "--force")
  run.must { "rm", "-rf", "--one-file-system", state }
end

local function write_addresses()
  write("address_file", "# a list\r\n192.0.2.0/25 ; half\n192.0.2.128/255.255.255.128\n\n10.0.0.7-10.0.0.19\n")
  write("address_file", "2001:db8::/33\n2001:db8:8000::-2001:db8:ffff::1\n::ffff:192.0.2.1/128\n")
  write("address_file", 'include "c"\ninclude ./../a\n')
  write("address_file", "include b\n0.0.0.0/0\n")
  write("resolved", "# names\nwww.example.org 192.0.2.8 2001:db8::8\nbastion 10.0.0.1 # one\r\n")
end

local function write_sets()
  local families = { { "inet", "192.0.2.%d", "10.%d.0.0/16" }, { "inet6", "2001:db8::%d", "2001:db8:%d::/48" } }
  for _, family in ipairs(families) do
    local head = "#@ policy.lua:7 block\ncreate mg4-drop hash:net family " .. family[1]
      .. " hashsize 1024 maxelem 65536\n"
    local lines = {}
    for i = 1, 9 do
      lines[i] = ("add mg4-drop " .. family[i % 2 + 2]):format(i)
    end
    local text = head .. table.concat(lines, "\r\n") .. "\n# more\n\ncreate other hash:ip family " .. family[1] .. "\n"
    write("set_text", text)
    write("set_text", text .. "\n") -- of the other length
  end
end

-- A ruleset as a confined evaluation hands it over: sizes, and areas of them.
local function write_crossing()
  local function text(words)
    return string.pack("=s4", words .. "\0")
  end
  local strings = "\0filter\0INPUT\0p.lua:1 x\0DROP\0-j\0ACCEPT\0"
  local function at(words)
    return strings:find("\0" .. words .. "\0", 1, true)
  end
  local chains, rules = {}, {}
  for family = 0, 1 do -- family table name policy origin first count; chain words rank
    chains[#chains + 1] = string.pack("=I4I4I4I4I4I4I4", family, at "filter", at "INPUT", at "DROP", at "p.lua:1 x",
      family * 2, 2)
    for rank = 10, 20, 10 do
      rules[#rules + 1] = string.pack("=I4I4I4I4I4I4", family, at "-j", 2, 10, at "p.lua:1 x", rank)
    end
  end
  local members = string.pack("=I1I1I1I1I8I4B", 192, 0, 2, 1, 0, 0, 32)
  local rest = string.pack("=I4I4", 1, 0) .. text "mg4-office" .. text "p.lua:2 x" .. string.pack("=I4", 1)
    .. string.pack("=I4I4I4", 1, 0, 10) .. text "f2b-*" .. text "" .. text "p.lua:3 keep"
  local areas = { strings, table.concat(chains), table.concat(rules), members, rest }
  local sizes = {}
  for index, area in ipairs(areas) do
    sizes[index] = string.pack("=I4", #area)
  end
  write("crossing", table.concat(sizes) .. table.concat(areas))
  write("crossing", string.pack("=I4I4I4I4I4", 1, 0, 0, 0, 8) .. "\0" .. string.pack("=I4I4", 0, 0))
end

write_addresses()
write_sets()
write_crossing()
write_dumps()
write_rules("ipv4")
write_rules("ipv6")
write_facts_and_plans()
for _, target in ipairs { "address_file", "crossing", "facts", "import", "resolved", "save_text", "saved_plan",
                          "set_text", "table" } do
  print(("%d seeds for %s"):format(assert(counts[target], "no seeds for " .. target), target))
end
