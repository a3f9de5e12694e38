-- SPDX-License-Identifier: GPL-2.0-or-later
--- A rule as iptables-save prints it, taken apart as far as the verbs of the
-- language can say it.
local M = {}

-- Option -> field, for what takes one value.
local fields = {
  ["-s"] = "source", ["-d"] = "destination", ["-i"] = "ins", ["-o"] = "outs",
  ["--dport"] = "to_ports", ["--dports"] = "to_ports", ["--sport"] = "from_ports", ["--sports"] = "from_ports",
  ["--ctstate"] = "state", ["--comment"] = "comment", ["--reject-with"] = "reject",
  ["--to-source"] = "to_source",
}

-- Those that may be negated.
local negatable = {
  ["-s"] = true, ["-d"] = true, ["-i"] = true, ["-o"] = true,
  ["--dport"] = true, ["--dports"] = true, ["--sport"] = true, ["--sports"] = true,
}

local known_match = { tcp = true, udp = true, sctp = true, multiport = true, conntrack = true, comment = true }

local actions = { ACCEPT = "allow", DROP = "drop", REJECT = "reject", MASQUERADE = "masquerade", SNAT = "snat" }

-- Option by option. Returns the place behind it, or nil if it is none of a verb's.
local function take(rule, words, i)
  local word, negated = words[i], false
  if word == "!" then
    negated, i = true, i + 1
    word = words[i]
    if not negatable[word] then
      return nil
    end
  end
  local value = words[i + 1]
  local field = fields[word]
  if value == nil then
    return nil
  elseif field and rule[field] == nil then
    rule[field] = value
    rule.negated[field] = negated or nil
  elseif word == "-p" and not rule.protocol then
    rule.protocol = value
  elseif word == "-j" and not rule.action then
    rule.action = actions[value]
    if not rule.action then
      return nil
    end
  elseif not (word == "-m" and known_match[value]) then
    return nil
  end
  return i + 2
end

--- Take a rule apart.
-- @param words its words
-- @return { protocol =, source =, destination =, ins =, outs =, to_ports =, from_ports =, state =,
--   comment =, reject =, to_source =, negated = { FIELD = true }, action = "allow", "drop", "reject",
--   "masquerade" or "snat" }; or nil if a helper cannot say it
function M.parse(words)
  local rule = { negated = {} }
  local i = 1
  while words[i] do
    i = take(rule, words, i)
    if not i then
      return nil
    end
  end
  return rule.action and rule or nil
end

-- What one family calls otherwise than the other.
local same = {
  ["icmp6-port-unreachable"] = "icmp-port-unreachable",
  ["ipv6-icmp"] = "icmp",
}

--- What rules of one call have in common, whatever addresses they are for.
-- @param rule as `parse` returns it
-- @param but the field whose value does not count, "source" or "destination"; nil for both
-- @return a text
function M.shape(rule, but)
  local out = { rule.action, same[rule.protocol] or rule.protocol or "", rule.ins or "", rule.outs or "",
    rule.to_ports or "", rule.from_ports or "", rule.state or "", rule.comment or "", same[rule.reject] or rule.reject
    or "", rule.to_source or "" }
  if but == "source" then
    out[#out + 1] = rule.destination or ""
  elseif but == "destination" then
    out[#out + 1] = rule.source or ""
  end
  for _, field in ipairs { "source", "destination", "ins", "outs", "to_ports", "from_ports" } do
    out[#out + 1] = rule.negated[field] and "!" or rule[field] and "+" or ""
  end
  return table.concat(out, "\0")
end

return M
