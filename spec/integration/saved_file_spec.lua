-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The file of a saved plan: where it may be written, who may have written it,
-- and what becomes of one that is cut, rotten, forged or another host's.

local features = require "spec.support.features"
local lfs = require "lfs"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local plan_file = require "spec.support.plan_file"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local base = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
]]

describe("the file of a saved plan #integration", function()
  local lab, program, file, other, before

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
    file, other = lab.dir .. "/kept.plan", lab.dir .. "/other.plan"
    program:apply(program:policy(base))
    program:must("plan", program:policy(base .. "allow_inbound { tcp = 8443 }\n"), "--out", file)
    before = tables.both(lab.server)
  end)

  after_each(network.close_all)

  -- The exit code, something on stderr, and nothing touched; returns stderr.
  local function refused(code, result, ...)
    assert.equal(code, result.code, result.out .. result.err)
    assert.truthy(#result.err > 0)
    assert.falsy(result.err:find("core dumped", 1, true) or result.err:find("Sanitizer", 1, true), result.err)
    for _, word in ipairs { ... } do
      assert.truthy(result.err:find(word, 1, true), ("%q is not in: %s"):format(word, result.err))
    end
    assert.equal(before, tables.both(lab.server))
    return result.err
  end

  local function apply(path, ...)
    return program:run("apply", path, "--no-confirm", ...)
  end

  -- Many runs in one go: apply every file that the pattern names; their exit codes.
  local function codes_of(glob)
    local line = ("for f in %s/%s; do %s >/dev/null 2>&1; echo $? $f; done"):format(lab.dir, glob,
      (program:line("apply", "--no-confirm", "FILE"):gsub("'FILE'", '"$f"')))
    local codes = {}
    for code, name in lab.server:must({ "sh", "-c", line }, { limit = 60 }):gmatch("(%d+) (%S+)\n") do
      codes[name] = tonumber(code)
    end
    return codes
  end

  local function write(name, text)
    run.write_file(lab.dir .. "/" .. name, text)
    run.must { "chmod", "600", lab.dir .. "/" .. name }
  end

  local function assert_all_refused(glob, least)
    local seen = 0
    for name, code in pairs(codes_of(glob)) do
      assert.equal(1, code, name)
      seen = seen + 1
    end
    assert.truthy(seen >= least, "only " .. seen .. " files were tried")
    assert.equal(before, tables.both(lab.server))
  end

  it("is noticed wherever it was cut", function()
    local text = run.read_file(file)
    local step = #text // 60
    for length = 1, #text - 1, step do
      write(("cut-%d"):format(length), text:sub(1, length))
    end
    write("cut-last", text:sub(1, -2))
    assert_all_refused("cut-*", 60)
    refused(1, apply(lab.dir .. "/cut-last"), "cut-last", "damaged")
    -- an empty file is an empty policy, which is refused as one
    write("empty", "")
    refused(5, apply(lab.dir .. "/empty"), "truncated")
  end)

  it("is noticed wherever a bit of it is another, and when something follows it", function()
    local text = run.read_file(file)
    for at = 2, #text, #text // 60 do
      local byte = string.char(text:byte(at) ~ (1 << at % 7))
      write(("bit-%d"):format(at), text:sub(1, at - 1) .. byte .. text:sub(at + 1))
    end
    write("bit-more", text .. " ")
    write("bit-nul", text .. "\0")
    write("bit-twice", text .. text)
    assert_all_refused("bit-*", 60)
  end)

  -- A pattern of the text, what stands there instead, and a word of the answer.
  local forgeries = {
    { '"time": %d+', '"time": "now"', "time" },
    { '"user": "[^"]*"', '"user": 7', "user" },
    { '"policy": "[^"]*"', '"policy": null', "policy" },
    { '"policy": "[^"]*"', '"policies": "x"', "polic" },
    { '"version": "[^"]*",', "", "version" },
    { '"version"', '"more": 1, "version"', "more" },
    { '"version": ("[^"]*"),', '"version": %1, "version": %1,', "duplicate" },
    { '"name": "[^"]*"', '"name": []', "name" },
    { '"machine": "?%w+"?', '"machine": "xyz"', "machine" },
    { '"families": %[[^%]]*%]', '"families": []', "families" },
    { '"families": %[[^%]]*%]', '"families": ["v4", "v4"]', "twice" },
    { '"families": %[[^%]]*%]', '"families": ["v5"]', "v4" },
    { '"families": %[[^%]]*%]', '"families": ["v4"]', "families" },
    { '"asked": %[[^%]]*%]', '"asked": ["v4"]', "asked" },
    { '"remove_foreign": false', '"remove_foreign": 0', "remove_foreign" },
    { '"overridden": %[%]', '"overridden": {}', "overridden" },
    { '"overridden": %[%]', '"overridden": [1]', "overridden" },
    { '"v6": "[^\n]*"\n', '"v6": null\n', "rules" },
    { '"v6": "[^\n]*"\n', '"v6": ["*filter"]\n', "rules" },
    { '"v6": "[^\n]*"\n', '"v6": ""\n', "live tables" },
    { '"v6": "%*filter', '"v6": "*nosuchtable', "nosuchtable" },
    { '"v6": "%*filter', '"v6": "*nat', "other.plan" },
    { '"v4": "%*filter', '"v4": "nonsense', "other.plan:1" },
    { ':INPUT DROP', ':INPUT MAYBE', "MAYBE" },
    { '%-A INPUT [^\\]*\\n', '-A INPUT -j NOSUCHTARGET\\n', "NOSUCHTARGET" },
    { '%-A INPUT [^\\]*\\n', '-A INPUT -m nosuchmatch -j DROP\\n', "nosuchmatch" },
    { '%-A INPUT [^\\]*\\n', '-A INPUT -j DROP\\u0000\\n', "u0000" },
    { '"table": "filter"', '"table": "filters"', "table" },
    { '"table": "filter"', '"table": "nat"', "live tables" },
    { '"family": "v6"', '"family": "v4"', "twice" },
    { '"INPUT": "%x+"', '"INPUT": "12"', "sum" },
    { '"INPUT": "%x+"', '"INPUT": 12', "sum" },
    { '"foreign": %[%]', '"foreign": [true]', "foreign" },
    { '"chains": {', '"chains": [], "chain": {', "live table" },
  }

  it("is refused with a reason when it says what it cannot mean, its sum being right", function()
    for _, forgery in ipairs(forgeries) do
      plan_file.edit(file, other, forgery[1], (forgery[2]:gsub("%%%D", "%%%0")))
      local said = refused(1, apply(other), "other.plan", forgery[3])
      assert.falsy(said:find("out of memory", 1, true), said)
    end
  end)

  it("takes what a forger may write, as long as it is a plan", function()
    plan_file.edit(file, other, '"user": "[^"]*"', '"user": "somebody"')
    assert.equal(0, apply(other).code)
  end)

  it("is refused by its format where that is another", function()
    local text = run.read_file(file):gsub('"moongate_plan":2', '"moongate_plan":3')
    run.write_file(other, text)
    refused(1, apply(other), "format 2", "plan again")
    run.write_file(other, '{ "some": "json" }\n')
    refused(1, apply(other), "other.plan")
    refused(1, program:run("plan", other), "other.plan")
    refused(1, program:run("check", other), "other.plan")
  end)

  it("is refused on another host", function()
    local words = { "unshare", "--uts", "sh", "-c",
      "hostname elsewhere && exec " .. program:line("apply", file, "--no-confirm") }
    local result = lab.server:run(words, program:options())
    refused(5, result, "elsewhere", "plan the policy on this host")
    plan_file.edit(file, other, '"machine": [^\n]*\n', '"machine": "0123456789abcdef"\n')
    refused(5, apply(other), "another machine")
    assert.equal(5, program:run("plan", other).code)
    assert.equal(0, apply(other, "--force").code)
    before = tables.both(lab.server) -- where there is nothing to do any more
    refused(5, apply(other), "another machine")
  end)

  it("is refused when IPv6 has come since", function()
    plan_file.edit(file, other, '"families": %[[^%]]*%]', '"families": ["v4"]')
    plan_file.edit(other, other, '"v6": "[^\n]*"\n', '"v6": null\n')
    plan_file.edit(other, other, ',\n  {\n   "family": "v6".-\n  }\n', "\n")
    refused(5, apply(other), "without IPv6", "plan the policy again")
  end)

  it("is refused when others could have written it", function()
    for _, mode in ipairs { "666", "620", "602" } do
      run.must { "chmod", mode, file }
      refused(5, apply(file), "kept.plan", "others", "0600")
    end
    run.must { "chmod", "644", file }
    run.must { "chown", "65534", file }
    refused(5, apply(file), "owner 65534")
    run.must { "chown", "0", file }
    assert.equal(0, apply(file).code)
  end)

  it("is not for everybody to read, and needs the rights that planning needs", function()
    local result = program:run_with({ nobody = true }, "plan", file)
    assert.equal(1, result.code, result.err)
    run.must { "chmod", "644", file }
    run.must { "chmod", "755", lab.dir }
    result = program:run_with({ nobody = true }, "plan", file)
    assert.equal(7, result.code, result.err)
    assert.equal(0, program:run_with({ nobody = true }, "check", file).code)
  end)

  it("is not written where something else is", function()
    local policy = lab.dir .. "/policy.lua"
    local text = run.read_file(policy)
    run.must { "mkfifo", lab.dir .. "/fifo" }
    run.must { "ln", "-s", "kept.plan", lab.dir .. "/link" }
    for _, place in ipairs {
      { policy, "no saved plan" }, { lab.dir, "regular file" }, { lab.dir .. "/", "no name" },
      { lab.dir .. "/fifo", "regular file" }, { lab.dir .. "/link", "regular file" },
      { lab.dir .. "/missing/x.plan", "No such file" }, { policy .. "/x.plan", "Not a directory" },
    } do
      local result = program:run("plan", policy, "--out", place[1])
      refused(1, result, place[1], place[2])
      assert.truthy(result.out:find("8443", 1, true), "the plan itself was not shown")
    end
    assert.equal(text, run.read_file(policy))
    for _, word in ipairs { "", "-" } do
      assert.equal(64, program:run("plan", policy, "--out=" .. word).code)
    end
    assert.equal(64, program:run("apply", policy, "--out", other).code)
  end)

  it("takes an empty file's place, and a name in the current folder", function()
    write("empty", "")
    program:must("plan", lab.dir .. "/policy.lua", "--out", lab.dir .. "/empty")
    local line = ("cd %s && %s"):format(lab.dir, program:line("plan", "policy.lua", "--out", "here.plan"))
    assert.equal(0, lab.server:run({ "sh", "-c", line }, program:options()).code)
    assert.equal("file", lfs.attributes(lab.dir .. "/here.plan", "mode"))
    assert.equal(0, apply(lab.dir .. "/here.plan").code)
  end)

  it("stays what it was when the disk is full", function()
    local policy, small = lab.dir .. "/policy.lua", lab.dir .. "/small"
    local plan = program:line("plan", policy, "--out", small .. "/x.plan", "-q")
    local line = ("mkdir %s && mount -t tmpfs -o size=16k none %s && %s && cp %s/x.plan %s/first"
      .. " && head -c 65536 /dev/zero >%s/filler; %s; echo $?; cmp %s/x.plan %s/first && ls -A %s"):format(
      small, small, plan, small, lab.dir, small, plan, small, lab.dir, small)
    local result = lab.server:run({ "unshare", "--mount", "sh", "-c", line }, program:options())
    assert.truthy(result.out:find("^7\n"), result.out .. result.err)
    assert.equal("7\nfiller\nx.plan\n", result.out, result.err)
    assert.truthy(result.err:find("No space left", 1, true), result.err)
  end)
end)
