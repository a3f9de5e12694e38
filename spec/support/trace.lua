-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Reads strace's text: which processes replaced a table of the kernel, and
-- whether they did so in a private network namespace of their own, where a
-- rehearsal is no write to the host. The trace must hold setsockopt, unshare,
-- setns, clone, clone3, fork and vfork.

local M = {}

-- What to give strace for replaces().
M.expression = "trace=setsockopt,unshare,setns,clone,clone3,fork,vfork"

-- The calls in order, those that strace broke in two put together again.
local function calls(text)
  local list, open = {}, {}
  for line in text:gmatch("[^\n]+") do
    local pid, call = line:match("^(%d+) +(.*)$")
    if pid then
      local begun = call:match("^(.*) <unfinished %.%.%.>$")
      local rest = call:match("^<%.%.%. %S+ resumed>(.*)$")
      if begun then
        open[pid] = begun
      else
        list[#list + 1] = { pid = pid, text = rest and (open[pid] or "") .. rest or call }
      end
    end
  end
  return list
end

--- The replacements of the host's own tables.
-- @return how many there were of each: { ipv4 =, ipv6 = }
function M.replaces(text)
  local private, found = {}, { ipv4 = 0, ipv6 = 0 }
  for _, call in ipairs(calls(text)) do
    local pid, words = call.pid, call.text
    local name = words:match("^(%w+)%(")
    local child = words:match("= (%d+)$")
    local succeeded = child ~= nil
    if name == "unshare" and succeeded and words:find("CLONE_NEWNET", 1, true) then
      private[pid] = true
    elseif name == "setns" and succeeded then
      private[pid] = nil
    elseif (name == "clone" or name == "clone3" or name == "fork" or name == "vfork") and succeeded then
      private[child] = private[pid] or words:find("CLONE_NEWNET", 1, true) ~= nil or nil
    elseif name == "setsockopt" and not private[pid]
        and (words:find("_SO_SET_REPLACE,", 1, true) or words:find(" 0x40 ", 1, true)) then
      -- strace names the option, or gives its number where it does not know it.
      local family = words:find("SOL_IPV6", 1, true) and "ipv6" or words:find("SOL_IP,", 1, true) and "ipv4"
      if family then
        found[family] = found[family] + 1
      end
    end
  end
  return found
end

return M
