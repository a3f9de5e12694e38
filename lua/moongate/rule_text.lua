-- SPDX-License-Identifier: GPL-2.0-or-later
--- A rule in iptables' own syntax, as `c:append "-p tcp -j ACCEPT"` takes it.
local scope = require "moongate.rule_scope"
local addresses = require "moongate.addresses"

local M = {}

local source_or_destination = {
  ["-s"] = "-s", ["--source"] = "-s", ["--src"] = "-s",
  ["-d"] = "-d", ["--destination"] = "-d", ["--dst"] = "-d",
}

-- Which table, chain and place a rule goes to is said by the chain object.
local place = "the table, the chain and the place are the chain object's; give conditions and a jump only"
local refused = {}
for _, option in ipairs {
  "-A", "-I", "-D", "-R", "-C", "-L", "-S", "-F", "-Z", "-N", "-X", "-P", "-E", "-t",
  "--append", "--insert", "--delete", "--replace", "--check", "--list", "--list-rules", "--flush", "--zero",
  "--new-chain", "--delete-chain", "--policy", "--rename-chain", "--table",
} do
  refused[option] = place
end
for _, option in ipairs { "-h", "-V", "-v", "-n", "-x", "-w", "--help", "--version", "--verbose", "--numeric",
  "--exact", "--line-numbers", "--wait", "--modprobe" } do
  refused[option] = "it is for the iptables command, not for a rule"
end

local family_flag = { ["-4"] = 1, ["--ipv4"] = 1, ["-6"] = 2, ["--ipv6"] = 2 }

-- "-s=..." and "--source=..." as two arguments.
local function separate(words)
  local out = {}
  for i = 1, #words do
    local word, option, value = words[i], nil, nil
    if word:byte() == 45 and word:find("=", 1, true) then
      option, value = word:match("^(%-%-?%a+)=(.+)$")
    end
    if option and source_or_destination[option] then
      out[#out + 1] = option
      out[#out + 1] = value
    else
      out[#out + 1] = word
    end
  end
  return out
end

-- iptables' own ways of writing a network, which the language does without:
-- octets left out ("10.2/16", "0/0", "10.2") and masks that are no prefix.
-- Returns the address in full, and whether it has such a mask.
local function full_address(core, text)
  if core.address(text) then
    return text
  end
  local host, mask = text:match("^([^/]+)/([^/]+)$")
  host = host or text
  local _, dots = host:gsub("%.", "")
  if host:find("^%d[%d.]*$") and dots < 3 then
    host = host .. (".0"):rep(3 - dots)
  end
  if not mask then
    return core.address(host) and host or text
  end
  local full, family = host .. "/" .. mask, core.address(host)
  if core.address(full) then
    return full
  elseif family and core.address(mask) == family then
    return full, true
  end
  return text
end

-- Check the addresses of one -s or -d, and note where a list stands.
local function check_addresses(session, helper, args, i, found)
  local flag, value = source_or_destination[args[i]], args[i + 1]
  if not value then
    session.fail(helper, nil, ("`%s` needs an address"):format(args[i]))
  end
  local texts = {}
  for text in value:gmatch("[^,]+") do
    local full, has_mask = full_address(session.core, text)
    local set = has_mask and { full } or addresses.read(session, helper, args[i], full)
    texts[#texts + 1] = set[1] or addresses.whole[set.only]
  end
  local list = { at = i + 1, texts = texts, negated = args[i - 1] == "!" }
  if list.negated and #texts ~= 1 then
    session.fail(helper, args[i], "iptables excludes one address a rule, not a list")
  end
  args[i] = flag
  found[#found + 1] = list
end

-- Every combination of the addresses that lists hold, as iptables does it.
local function combine(args, found, index, out)
  local list = found[index]
  if not list then
    out[#out + 1] = table.move(args, 1, #args, 1, {})
    return
  end
  for _, text in ipairs(list.texts) do
    args[list.at] = text
    combine(args, found, index + 1, out)
  end
end

--- Read a rule.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param text the rule
-- @return a sequence of argument lists, and the families that -4 or -6 allow
-- @raise if the text is malformed or holds what is not a rule's
function M.read(session, helper, text)
  local words, wrong = session.core.split(text)
  if not words then
    session.fail(helper, nil, wrong)
  elseif #words == 0 then
    session.fail(helper, nil, "an empty string is no rule")
  end
  local args, found, families = {}, {}, 3
  for _, word in ipairs(separate(words)) do
    if (refused[word] or family_flag[word]) and not (args[1] and args[#args]:find("^%-%-")) then
      if refused[word] then
        session.fail(helper, nil, ("`%s` has no place here: %s"):format(word, refused[word]))
      end
      families = families & family_flag[word]
    else
      args[#args + 1] = word
    end
  end
  for i = 1, #args do
    if source_or_destination[args[i]] and not scope.is_free_text(args[i - 1]) then
      check_addresses(session, helper, args, i, found)
    end
  end
  if families == 0 then
    session.fail(helper, nil, "-4 and -6 leave no family")
  end
  local out = {}
  combine(args, found, 1, out)
  return out, families
end

return M
