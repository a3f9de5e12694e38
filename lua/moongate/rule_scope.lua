-- SPDX-License-Identifier: GPL-2.0-or-later
--- In which families a rule given as arguments can match.
local M = {}

--- The networks of all addresses, and of which family each is.
M.any = { ["0.0.0.0/0"] = 1, ["::/0"] = 2 }

local by_option = {
  ["-s"] = true, ["--source"] = true, ["--src"] = true,
  ["-d"] = true, ["--destination"] = true, ["--dst"] = true,
  ["--to-source"] = true, ["--to-destination"] = true,
  ["--src-range"] = true, ["--dst-range"] = true, ["--gateway"] = true,
  ["--ctorigsrc"] = true, ["--ctorigdst"] = true, ["--ctreplsrc"] = true, ["--ctrepldst"] = true,
}

-- Options whose value is free text and may look like an option.
local free_text = {
  ["--comment"] = true, ["--log-prefix"] = true, ["--nflog-prefix"] = true,
  ["--string"] = true, ["--hex-string"] = true, ["--name"] = true,
}

-- AH is an extension header to IPv6, where only `-m ah` matches it.
local by_protocol = {
  ah = 1, ["51"] = 1, icmp = 1, ["1"] = 1, igmp = 1, ["2"] = 1, ["ipv6-icmp"] = 2, icmpv6 = 2, ["58"] = 2,
}

local by_match = {
  icmp = 1, ttl = 1, realm = 1,
  icmp6 = 2, icmpv6 = 2, hl = 2, rt = 2, frag = 2, dst = 2, hbh = 2, ipv6header = 2, mh = 2, eui64 = 2, srh = 2,
}

local by_target = { TTL = 1, ECN = 1, CLUSTERIP = 1, ULOG = 1, HL = 2, SNPT = 2, DNPT = 2 }

-- The family of the first address in a value: "10.0.0.1-10.0.0.9:80",
-- "[2001:db8::1]:80", "10.0.0.0/8,...", "10.0.0.1/255.0.0.255".
local function address_family(core, value)
  local text = value:match("^%[([%x:.]+)%]") or value
  local family = core.address(text)
  if family then
    return family
  end
  local first = value:match("^([%d.]+)[-,:/]") or value:match("^([%x:.]+)[-,/]")
  return first and core.address(first) or nil
end

local function reject_family(value)
  if value:find("^icmp6%-") or value == "no-route" or value == "adm-prohibited" or value == "addr-unreach"
      or value == "policy-fail" or value == "reject-route" then
    return 2
  elseif value:find("^icmp%-") then
    return 1
  end
end

local function by_name(names)
  return function(_, value)
    return names[value]
  end
end

-- Option -> function(core, value, negated) -> the one family it can match, or nil.
local readers = {
  ["-p"] = function(_, value, negated)
    return not negated and by_protocol[value:lower()] or nil
  end,
  ["-m"] = by_name(by_match),
  ["-j"] = by_name(by_target),
  ["--reject-with"] = function(_, value)
    return reject_family(value)
  end,
}
readers["--protocol"], readers["--match"], readers["--jump"] = readers["-p"], readers["-m"], readers["-j"]
for option in next, by_option do
  readers[option] = address_family
end

local family_name = { "IPv4", "IPv6" }

--- The one family that an option with this value can match, or nil.
-- @param core the primitives
-- @param option as an extension spells it, or -p, -m, -j
-- @param value its value
-- @param negated whether `!` stands before it
-- @return 1, 2 or nil
function M.of_option(core, option, value, negated)
  local reader = readers[option]
  return reader and reader(core, value, negated)
end

--- Whether the value of an option may belong to one family.
-- @param option as an extension spells it
-- @return true or false
function M.has_family(option)
  return readers[option] ~= nil
end

--- Whether an option's value is free text, such as a comment.
-- @param option the option
-- @return true or nil
function M.is_free_text(option)
  return free_text[option]
end

-- Two parts of a rule that exclude each other, in words.
local function disagreement(one, family, other)
  return ("`%s` is %s only, but `%s` is %s only"):format(one, family_name[family], other, family_name[3 - family])
end

--- The families in which a rule can match.
-- @param core the primitives
-- @param args sequence of arguments
-- @param lenient do not look at the protocol, nor at networks of all addresses:
--   iptables takes `-p icmp` in IPv6, where no packet matches it, and `-s 0/0`
-- @return 1, 2 or 3; or nil and why there is none
function M.families(core, args, lenient)
  local families, culprit = 3, nil
  for i = 1, #args do
    local option = args[i]
    local reader, family, what = readers[option], nil, option
    if lenient and (reader == readers["-p"] or M.any[args[i + 1]]) then
      reader = nil
    end
    if reader and args[i + 1] and not free_text[args[i - 1]] then
      family, what = reader(core, args[i + 1], args[i - 1] == "!"), i
    elseif (option == "-f" or option == "--fragment") and not free_text[args[i - 1]] then
      family = 1
    end
    if family and families == 3 then
      families, culprit = family, what
    elseif family and family ~= families then
      local function words(at)
        return type(at) == "number" and args[at] .. " " .. args[at + 1] or at
      end
      return nil, disagreement(words(what), family, words(culprit))
    end
  end
  return families
end

return M
