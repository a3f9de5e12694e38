-- SPDX-License-Identifier: GPL-2.0-or-later
--- The name that the writer probably meant.
local M = {}

local byte, min = string.byte, math.min

-- Edits (insert, delete, replace, swap of neighbours) between two names;
-- stops early once more than `limit` are needed.
local function distance(a, b, limit)
  local before, previous, current = {}, {}, {}
  for j = 0, #b do
    previous[j] = j
  end
  for i = 1, #a do
    current[0] = i
    local best = i
    for j = 1, #b do
      local same = byte(a, i) == byte(b, j)
      local edits = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and byte(a, i) == byte(b, j - 1) and byte(a, i - 1) == byte(b, j) then
        edits = min(edits, before[j - 2] + 1)
      end
      current[j] = edits
      best = min(best, edits)
    end
    if best > limit then
      return best
    end
    before, previous, current = previous, current, before
  end
  return previous[#b]
end

-- How many bytes two names have in common at their beginning.
local function shared(a, b)
  local count = 0
  while count < #a and byte(a, count + 1) == byte(b, count + 1) do
    count = count + 1
  end
  return count
end

-- Of two equally near names the one that begins alike is meant.
local function is_likelier(name, a, b)
  local shared_a, shared_b = shared(name, a), shared(name, b)
  if shared_a ~= shared_b then
    return shared_a > shared_b
  end
  return a < b
end

--- The candidate nearest to a name.
-- @param name what was written
-- @param candidates a sequence of right names; their order does not matter
-- @return the nearest one and how many edits it is away, or nil if none is near
--   enough to be meant
-- @usage nearest.find("frmo", { "from", "to" }) --> "from", 1
function M.find(name, candidates)
  -- two edits make anything of a short name
  local limit = #name < 5 and 1 or min(3, #name // 3 + 1)
  local best, best_edits
  for i = 1, #candidates do
    local candidate = candidates[i]
    local apart = #candidate - #name
    if apart <= limit and -apart <= limit and #candidate > 0 then
      local edits = distance(name:lower(), candidate:lower(), limit)
      if edits <= limit and edits < #candidate and (not best_edits or edits < best_edits
          or edits == best_edits and is_likelier(name, candidate, best)) then
        best, best_edits = candidate, edits
      end
    end
  end
  return best, best_edits
end

--- The end of an error message: a suggestion, if there is one.
-- @param name what was written
-- @param candidates a sequence of right names
-- @return `: did you mean "from"?` or an empty string
function M.suggestion(name, candidates)
  local found = M.find(name, candidates)
  return found and (": did you mean `%s`?"):format(found) or ""
end

return M
