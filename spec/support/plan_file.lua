-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The file of a saved plan, edited as a forger would: its sum put right
-- afterwards, so that what is tested is what a reader makes of the rest.

local run = require "spec.support.run"

local M = {}

local head = '{"moongate_plan":2,"fnv1a64":"'

-- FNV-1a, 64 bits, as 16 hexadecimal digits; Lua's integers wrap as C's do.
local function fnv1a64(text)
  local sum = 0xcbf29ce484222325
  for at = 1, #text do
    sum = (sum ~ text:byte(at)) * 0x100000001b3
  end
  return ("%016x"):format(sum)
end

-- The text of a plan with the right sum for what follows it.
local function with_sum(text)
  assert(text:sub(1, #head) == head, "no saved plan: " .. text:sub(1, 60))
  local body = text:sub(#head + 16 + 3)
  return head .. fnv1a64(body) .. '",' .. body
end

--- Read, replace one pattern (which must be there), put the sum right, write.
-- @param from where the plan is read; @param to where it is written
function M.edit(from, to, pattern, replacement)
  local text, count = assert(run.read_file(from)):gsub(pattern, replacement, 1)
  assert(count == 1, pattern .. " is not in the plan:\n" .. text)
  run.write_file(to, with_sum(text))
  run.must { "chmod", "600", to }
  return to
end

return M
