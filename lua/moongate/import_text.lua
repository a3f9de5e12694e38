-- SPDX-License-Identifier: GPL-2.0-or-later
--- Values as a person would write them in a policy.
local M = {}

local width = 100

--- A string in quotes.
-- @param text any text without newlines
-- @return Lua source
-- @usage import_text.quoted 'say "hi"' --> 'say "hi"' in long brackets
function M.quoted(text)
  if not text:find("^%C*$") then -- looking for "%c" is slower
    return (("%q"):format(text):gsub("\\\n", "\\n"):gsub("\t", "\\t"))
  elseif not text:find('"', 1, true) and not text:find("\\", 1, true) then
    return '"' .. text .. '"'
  elseif not text:find("]", 1, true) then
    return "[[" .. text .. "]]"
  elseif not text:find("]=]", 1, true) and text:sub(-2) ~= "]=" then
    return "[=[" .. text .. "]=]"
  end
  return ("%q"):format(text)
end

--- An address without the prefix that every host has.
-- @param value an address or a network
-- @return text
-- @usage import_text.address "10.0.0.1/32" --> "10.0.0.1"
function M.address(value)
  if value:sub(-4) == "/128" then
    return value:sub(1, -5)
  end
  return value:sub(-3) == "/32" and not value:find(":", 1, true) and value:sub(1, -4) or value
end

--- One value, or a list of them, broken where a line gets too long.
-- @param values a sequence of strings and numbers
-- @return Lua source
function M.list(values)
  local parts = {}
  for i, value in ipairs(values) do
    parts[i] = type(value) == "string" and M.quoted(value) or tostring(value)
  end
  if #parts == 1 then
    return parts[1]
  end
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if #line <= width - 20 then
    return line
  end
  local lines, current = { "{" }, " "
  for _, part in ipairs(parts) do
    if #current + #part + 2 > width - 2 then
      lines[#lines + 1] = current
      current = " "
    end
    current = current .. " " .. part .. ","
  end
  lines[#lines + 1] = current
  lines[#lines + 1] = "}"
  return table.concat(lines, "\n")
end

--- A call with options, on one line and on several.
-- @param name of the helper
-- @param options a sequence of { key, Lua source }
-- @return Lua source on one line; and broken, or nil where there is nothing to break
function M.layouts(name, options)
  if #options == 0 then
    return name .. "()"
  end
  local parts, lines = {}, {}
  for i, option in ipairs(options) do
    parts[i] = option[1] .. " = " .. option[2]
    lines[i] = "  " .. parts[i]:gsub("\n", "\n  ") .. ","
  end
  return name .. " { " .. table.concat(parts, ", ") .. " }",
    #options > 1 and name .. " {\n" .. table.concat(lines, "\n") .. "\n}" or nil
end

--- Is a line short enough to be read?
-- @param line a text
-- @return true or false
function M.fits(line)
  return #line <= width
end

--- A call with options.
-- @param name of the helper
-- @param options a sequence of { key, Lua source }
-- @return Lua source
-- @usage import_text.call("allow_inbound_ssh", { { "from", '"10.0.0.0/8"' } })
function M.call(name, options)
  local line, broken = M.layouts(name, options)
  return broken and not M.fits(line) and broken or line
end

return M
