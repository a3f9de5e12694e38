-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- iptables as the judge of single rules: which of many does it take, and how
-- does iptables-legacy-save print each?

local tables = require "spec.support.tables"

local M = {}

--- iptables-restore exits with this where the words of a rule are wrong; with
-- another code where the kernel refuses it.
M.WORDS = 2

--- Rules of table mangle that make what rules of other tables name.
M.estimators = {
  "-j RATEEST --rateest-name spec --rateest-interval 250ms --rateest-ewmalog 500ms",
  "-j RATEEST --rateest-name spec2 --rateest-interval 250ms --rateest-ewmalog 500ms",
}

--- Give a namespace what some extensions need: a set, and accounting objects.
function M.prepare(namespace, family)
  namespace:must { "ipset", "create", "moongate-none", "hash:ip", "family", family == "ipv4" and "inet" or "inet6",
    "timeout", "60", "counters", "skbinfo" }
  for number = 1, 9 do
    namespace:must { "nfacct", "add", "counter" .. number }
  end
end

--- Load the estimators that some rules name.
function M.load_estimators(namespace, family)
  tables.restore(namespace, family, "*mangle\n:ESTIMATORS - [0:0]\n-A ESTIMATORS "
    .. table.concat(M.estimators, "\n-A ESTIMATORS ") .. "\nCOMMIT\n")
end

local function restore_text(name, cases, first, last)
  local lines = { "*" .. name, ":USER - [0:0]" }
  for index = first, last do
    local request = cases[index].request
    lines[#lines + 1] = ("-A %s %s"):format(request[3], request[4])
  end
  lines[#lines + 1] = "COMMIT\n"
  return table.concat(lines, "\n")
end

-- How many rules iptables makes of one that lists addresses.
local function rules_in(text)
  local count = 1
  for list in (" " .. text):gmatch(" %-[sd] (%S+)") do
    count = count * (select(2, list:gsub(",", "")) + 1)
  end
  return count
end

--- Load cases first..last into a namespace's table, all of them or, by halves,
-- those that can be.
-- @param cases list of { request = { family, table, chain, text } }; each gets
--   `saved`, its text by iptables-legacy-save (a line for each address that it lists), or
--   `refused`, the exit code, with the `words`
-- @param loaded function(first, last), called while these cases are in the table
function M.judge(namespace, family, name, cases, first, last, loaded)
  if first > last then
    return
  end
  local done = tables.try_restore(namespace, family, restore_text(name, cases, first, last))
  if done.code ~= 0 and first == last then
    cases[first].refused, cases[first].words = done.code, done.err
    return
  elseif done.code ~= 0 then
    local line = tonumber(done.err:match("[Ee]rror occurred at line: (%d+)"))
    -- A wrong word is named by its line; the kernel's refusal is not.
    local bad = done.code == M.WORDS and line and line - 2 + first - 1
    if bad and bad >= first and bad <= last then
      M.judge(namespace, family, name, cases, bad, bad, loaded)
      M.judge(namespace, family, name, cases, first, bad - 1, loaded)
      return M.judge(namespace, family, name, cases, bad + 1, last, loaded)
    end
    local middle = (first + last) // 2
    M.judge(namespace, family, name, cases, first, middle, loaded)
    return M.judge(namespace, family, name, cases, middle + 1, last, loaded)
  end
  local chains = tables.parse(tables.save(namespace, family))[name]
  local position = {}
  for index = first, last do
    local case = cases[index]
    local chain = case.request[3]
    local texts, before = {}, position[chain] or 0
    for number = 1, rules_in(case.request[4]) do
      texts[number] = chains[chain][before + number].text
    end
    position[chain] = before + #texts
    case.saved = table.concat(texts, "\n")
  end
  if loaded then
    loaded(first, last)
  end
end

return M
