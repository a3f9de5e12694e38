-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Shows a comparison: a Markdown table to be read as it is or pasted, and
-- lines of tab-separated values.

local M = {}

local function time(microseconds)
  if microseconds < 1000 then
    return ("%.0f µs"):format(microseconds)
  end
  return (microseconds < 100000 and "%.1f ms" or "%.0f ms"):format(microseconds / 1000)
end

-- A row as it was measured: what it says, and whether it is what was asked.
local function judge(row, samples)
  local result = { what = row[1] }
  if row.case then
    result.microseconds = samples:time(row.case)
    result.low, result.high = samples:time(row.case, 0.25), samples:time(row.case, 0.75)
    result.kilobytes = samples:memory(row.case)
    result.ratio = row.case ~= row.reference and samples:ratio(row.case, row.reference) or 1
    local reference = samples:memory(row.reference)
    result.peak_ratio = result.kilobytes and reference and result.kilobytes / reference
    result.each = row.rules and result.microseconds * 1000 / row.rules
    result.unit = row.unit or "a rule"
  else
    result.count = row.count
  end
  if row.limit then
    result.target, result.met = "≤ " .. time(row.limit):gsub("%.0", ""), result.microseconds <= row.limit
  elseif row.limit_ratio then
    result.target, result.met = ("≤ %g ×"):format(row.limit_ratio), result.ratio <= row.limit_ratio
  elseif row.wanted and row.count then
    result.target, result.met = tostring(row.wanted), row.count == row.wanted
  end
  if row.limit_peak then
    result.target = (result.target and result.target .. ", " or "") .. ("peak ≤ %g ×"):format(row.limit_peak)
    result.peak_met = result.peak_ratio <= row.limit_peak
    result.met = result.met ~= false and result.peak_met
  end
  return result
end

local function cells(result)
  local median = result.microseconds and time(result.microseconds) or result.count or "no strace"
  if result.each then
    median = ("%s (%.0f ns %s)"):format(median, result.each, result.unit)
  end
  local met = ""
  if result.met ~= nil then
    met = result.met and "yes" or "NO"
  end
  return {
    result.what,
    tostring(median),
    result.low and time(result.low) .. " – " .. time(result.high) or "",
    result.ratio and ("%.2f ×"):format(result.ratio) or "",
    result.kilobytes and ("%.1f MB (%.2f ×)"):format(result.kilobytes / 1024, result.peak_ratio or 1) or "",
    result.target or "",
    met,
  }
end

local function print_table(lines)
  local widths = {}
  for _, line in ipairs(lines) do
    for column, cell in ipairs(line) do
      widths[column] = math.max(widths[column] or 3, utf8.len(cell))
    end
  end
  local function show(line)
    local padded = {}
    for column, cell in ipairs(line) do
      local space = (" "):rep(widths[column] - utf8.len(cell))
      padded[column] = column == 1 and cell .. space or space .. cell
    end
    print("| " .. table.concat(padded, " | ") .. " |")
  end
  show(lines[1])
  local rule = {}
  for column, width in ipairs(widths) do
    rule[column] = ("-"):rep(width - 1) .. (column == 1 and "-" or ":")
  end
  show(rule)
  for index = 2, #lines do
    show(lines[index])
  end
end

-- A figure is not a test; but nobody should have to search for it.
local function print_missed(results)
  for _, result in ipairs(results) do
    if result.met == false then
      local by_ratio = result.target:find("^≤ [%d.]+ ×")
      local got = result.count or by_ratio and ("%.2f ×"):format(result.ratio) or time(result.microseconds)
      if result.peak_met == false then
        got = ("%s, peak %.2f ×"):format(got, result.peak_ratio)
      end
      print(("\nMissed: %s: %s, wanted %s"):format(result.what, got, result.target))
    end
  end
end

-- One line a row, for a program or a later comparison.
local function write_values(path, title, results)
  local file <close> = assert(io.open(path, "a"))
  for _, result in ipairs(results) do
    local line = {}
    for index, key in ipairs { "count", "microseconds", "low", "high", "ratio", "kilobytes", "each", "met" } do
      local value = result[key]
      line[index] = type(value) == "number" and ("%.6g"):format(value) or value == nil and "" or tostring(value)
    end
    file:write(title, "\t", result.what, "\t", table.concat(line, "\t"), "\n")
  end
end

--- The first line of a file for write_values().
M.heading = "subject\twhat\tcount\tmicroseconds\tquartile1\tquartile3\tratio\tpeak_kilobytes\tnanoseconds_a_rule\tmet\n"

--- Print a comparison; with a path, also append its values there.
function M.show(comparison, path)
  local results = {}
  local lines = { { "", "median", "quartiles", "ratio", "peak", "target", "met" } }
  for index, row in ipairs(comparison.rows) do
    results[index] = judge(row, comparison.samples)
    lines[index + 1] = cells(results[index])
  end
  print(("\n%s\n"):format(comparison.title))
  print_table(lines)
  print_missed(results)
  if path ~= "" then
    write_values(path, comparison.title, results)
  end
end

return M
