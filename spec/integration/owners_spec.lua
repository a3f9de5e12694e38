-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Whose it is that a plan would remove: other software's layouts, loaded as it
-- does, and what a plan says of them.

local json = require "dkjson"
local layouts = require "spec.support.layouts"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local tables = require "spec.support.tables"

-- What of a layout a policy takes: the built-in chains' policies, and no rule.
local empty = [[
for _, name in ipairs { "filter", "nat", "mangle", "raw" } do chain(name, "OUTPUT") end
chain("filter", "INPUT"):append "-p tcp --dport 22 -j ACCEPT"
]]

describe("a plan names the likely owner", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
  end)

  after_each(network.close_all)

  -- Each rule and chain that goes, with its owner: "filter INPUT: -j x" -> "docker"
  local function owners(plan)
    local found, unknown = 0, {}
    for _, section in ipairs(plan.chains) do
      local place = section.table .. " " .. section.chain
      if section.foreign then
        found = found + 1
        unknown[#unknown + 1] = section.owner == json.null and place or nil
      end
      for _, line in ipairs(section.lines) do
        if line.foreign then
          found = found + 1
          unknown[#unknown + 1] = line.owner == json.null and place .. ": " .. line.rule or nil
        end
      end
    end
    table.sort(unknown)
    return found, unknown
  end

  -- What firewalld puts between its jumps anybody could have written.
  local plain = {
    firewalld = {
      "filter FORWARD: -j REJECT --reject-with icmp-host-prohibited",
      "filter INPUT: -i lo -j ACCEPT",
      "filter INPUT: -j REJECT --reject-with icmp-host-prohibited",
      "filter INPUT: -j REJECT --reject-with icmp6-adm-prohibited",
      "filter INPUT: -m conntrack --ctstate INVALID -j DROP",
      "raw PREROUTING: -p ipv6-icmp -m icmp6 --icmpv6-type 134 -j ACCEPT",
    },
  }

  for _, name in ipairs(layouts.names) do
    it("of all in the layout " .. name, function()
      local preset = layouts.preset(name)
      layouts.load(lab.server, name)
      local result = program:run("plan", program:policy(empty), "--json")
      assert.equal(5, result.code, result.err)
      local plan = json.decode(result.out, 1, json.null)
      local found, unknown = owners(plan)
      assert.truthy(found > 2, found)
      assert.same(plain[preset] or {}, unknown)
      local remedy
      for _, note in ipairs(plan.notes) do
        remedy = note.severity == "refusal" and note.remedy or remedy
      end
      -- Podman once had the chains of plugins that Kubernetes has still
      local kept = name == "kubernetes" and '{ "kubernetes", "podman" }' or ("%q"):format(preset)
      assert.truthy(remedy:find(("keep %s keeps what is likely theirs; "):format(kept), 1, true), remedy)
    end)
  end

  it("in words, with the line that keeps it, and says so where nobody is known", function()
    layouts.load(lab.server, "docker-28")
    layouts.load(lab.server, "crowdsec")
    tables.edit(lab.server, "ipv4", "-A INPUT -p udp -m udp --dport 7 -j DROP")
    local result = program:run("plan", program:policy(empty))
    assert.equal(5, result.code)
    for _, words in ipairs {
      'not in the policy, likely crowdsec\'s: keep("crowdsec") keeps it; 77 packets',
      'filter  CROWDSEC_CHAIN  (v4 v6)   chain to be removed, likely crowdsec\'s: keep("crowdsec") keeps it',
      'not in the policy, and not put there by Moongate; 0 packets',
    } do
      assert.truthy(result.out:find(words, 1, true), words .. "\n" .. result.out)
    end
    assert.truthy(result.err:find('keep { "crowdsec", "docker" } keeps what is likely theirs; put the rest into the '
      .. "policy, or let it go with --remove-foreign", 1, true), result.err)
  end)

  it("and with -v the keeper of what stays, with its line", function()
    layouts.load(lab.server, "fail2ban-chains")
    tables.edit(lab.server, "ipv4", "-A INPUT -i lxcbr0 -j ACCEPT")
    local path = program:policy(empty .. 'keep "fail2ban"\nkeep { rules = "-i lxc*" }\n')
    local plan = json.decode(program:must("plan", path, "-v", "--json").out, 1, json.null)
    local kept, chains = {}, {}
    for _, section in ipairs(plan.chains) do
      if section.kept_by ~= json.null then
        chains[#chains + 1] = section.chain .. " " .. section.kept_by
      end
      for _, line in ipairs(section.lines) do
        if line.kept_by and line.kept_by ~= json.null and section.chain == "INPUT" then
          kept[#kept + 1] = ("%s %s: %s:%d %s"):format(line.rule, line.kept_by, line.origin.file:match("[^/]+$"),
            line.origin.line, line.origin.helper)
        end
      end
    end
    assert.same({
      "-p tcp -m multiport --dports 80,443 -j f2b-nginx fail2ban: policy.lua:3 keep",
      "-p tcp -m multiport --dports 22 -j f2b-sshd fail2ban: policy.lua:3 keep",
      "-i lxcbr0 -j ACCEPT -i lxc*: policy.lua:4 keep",
    }, kept)
    assert.same({ "f2b-nginx fail2ban", "f2b-sshd fail2ban" }, chains)
    local out = program:must("plan", path, "-v").out
    assert.truthy(out:find("\nfilter  f2b%-sshd  %(v4 v6%)   kept: fail2ban\n"), out)
    assert.truthy(out:find("  = 2/1  %-p tcp %-m multiport %-%-dports 22 %-j f2b%-sshd +keep +policy.lua:3  "
      .. "%(fail2ban%)\n"), out)
  end)

  it("of no rule that Moongate made, whatever it looks like", function()
    local path = program:policy(empty .. [[
      chain("filter", "f2b-mine"):append "-j RETURN"
      chain("filter", "INPUT"):append "-j f2b-mine"
    ]])
    program:apply(path)
    local plan = json.decode(program:must("plan", program:policy(empty), "--json").out, 1, json.null)
    -- of both families
    assert.same({ 4, 2, 0 }, { plan.summary.removed, plan.summary.chains_removed, (owners(plan)) })
  end)
end)
