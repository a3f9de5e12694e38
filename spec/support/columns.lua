-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Rules as the core hands them to moongate.import: column by column.

local M = {}

local fields = {
  ["-s"] = "source", ["-d"] = "destination", ["--dport"] = "to_ports", ["--dports"] = "to_ports",
  ["--sport"] = "from_ports", ["--sports"] = "from_ports", ["--comment"] = "comment",
}

-- The value as a column holds it and what stands for it in the kind; nil if it is not plain.
local function plain(field, value)
  if field == "comment" then
    return not value:find('[%c"\\]') and value or nil, "one"
  elseif field == "to_ports" or field == "from_ports" then
    if (value .. ","):find("^[1-9][%d]*[,:]") then
      return value, value:find("[,:]") and "several" or "one"
    end
  elseif value:find("^[%x.:]+/%d+$") and not value:find("/0$") then
    return (value:gsub("^([%d.]+)/32$", "%1"):gsub("^([%x:]+)/128$", "%1")), "one"
  end
end

--- Make columns.
-- @param rules a sequence of { text, place }
-- @param split text -> words
-- @param kinds the kinds of before by their words; grows
-- @return columns, see moongate.import
function M.new(rules, split, kinds)
  local columns = { count = #rules, kinds = {}, source = {}, destination = {}, to_ports = {}, from_ports = {},
    comment = {} }
  for at, rule in ipairs(rules) do
    local words, shown = split(rule[1]), {}
    for i, word in ipairs(words) do
      local field = i > 1 and fields[words[i - 1]]
      local value, mark
      if field and columns[field][at] == nil then
        value, mark = plain(field, word)
      end
      if value then
        columns[field][at] = value
      end
      shown[i] = value and "\1" .. mark or word
    end
    local key = table.concat(shown, "\0")
    if not kinds[key] then
      kinds.count = (kinds.count or 0) + 1
      kinds[key] = kinds.count
    end
    columns.kinds[at] = kinds[key]
  end
  function columns.text(at)
    return rules[at][1]
  end
  function columns.place(at)
    return rules[at][2]
  end
  function columns.find(text, first, last)
    for at = first, math.min(last, #rules) do
      if rules[at][1] == text then
        return at
      end
    end
  end
  return columns
end

return M
