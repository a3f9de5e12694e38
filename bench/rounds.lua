-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Runs the cases of a comparison in turn, A B C A B C, so that a noisy moment
-- hits all of them, and makes medians of what came out.

local M = {}

local samples = {}
samples.__index = samples

local function quantile(values, share)
  local sorted = table.move(values, 1, #values, 1, {})
  table.sort(sorted)
  local place = 1 + (#sorted - 1) * share
  local below = math.floor(place)
  local above = math.ceil(place)
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below)
end

--- @param rounds how often each case is run
-- @param turn called with the round's number and a function record(case, result)
function M.run(rounds, turn)
  local self = setmetatable({}, samples)
  for round = 1, rounds do
    turn(round, function(case, result)
      self[case] = self[case] or { microseconds = {}, kilobytes = {} }
      self[case].microseconds[round] = result.microseconds
      self[case].kilobytes[round] = result.kilobytes
    end)
  end
  return self
end

--- Microseconds of a case: its median, or another share of the way up.
function samples:time(case, share)
  return quantile(self[case].microseconds, share or 0.5)
end

--- Peak memory of a case in kB, or nil.
function samples:memory(case)
  local values = self[case].kilobytes
  return values[1] and quantile(values, 0.5)
end

--- The median of the ratios that two cases had in the same round.
function samples:ratio(case, reference)
  local ratios = {}
  for round, time in ipairs(self[case].microseconds) do
    ratios[round] = time / self[reference].microseconds[round]
  end
  return quantile(ratios, 0.5)
end

return M
