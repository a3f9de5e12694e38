-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- What becomes of a rule when somebody writes it in other ways, good or bad:
-- options cut short, negated or not, left out, given twice, joined to their
-- values, a match given twice. Which of them are good is for iptables to say.

local M = {}

-- "--comment \"a b\"" as words, quotes and all.
local function words_of(text)
  local words, word, quoted = {}, "", false
  for at = 1, #text do
    local c = text:sub(at, at)
    if c == '"' and text:sub(at - 1, at - 1) ~= "\\" then
      quoted = not quoted
    end
    if c == " " and not quoted then
      words[#words + 1] = word ~= "" and word or nil
      word = ""
    else
      word = word .. c
    end
  end
  words[#words + 1] = word ~= "" and word or nil
  return words
end

-- Where the options of an extension stand: { first =, last =, negated = }.
local function options_of(words, start)
  local options = {}
  for at = start, #words do
    if words[at]:find("^%-%-%a") then
      options[#options + 1] = { first = at, last = at, negated = words[at - 1] == "!" }
    elseif #options > 0 and words[at] ~= "!" then
      options[#options].last = at
    end
  end
  return options
end

-- The words with those from `first` to `last` replaced.
local function replaced(words, first, last, ...)
  local out = table.move(words, 1, first - 1, 1, {})
  for _, word in ipairs { ... } do
    out[#out + 1] = word
  end
  return table.move(words, last + 1, #words, #out + 1, out)
end

-- Each makes of a rule and one of its options another rule, or nothing.
local ways = {
  function(words, option) -- cut by a letter
    return replaced(words, option.first, option.first, words[option.first]:sub(1, -2))
  end,
  function(words, option) -- the other way about
    if option.negated then
      return replaced(words, option.first - 1, option.first - 1)
    end
    return replaced(words, option.first, option.first, "!", words[option.first])
  end,
  function(words, option) -- cut in half
    local word = words[option.first]
    return replaced(words, option.first, option.first, word:sub(1, #word // 2 + 2))
  end,
  function(words, option) -- left out
    return replaced(words, option.first - (option.negated and 1 or 0), option.last)
  end,
  function(words, option) -- joined to its value
    if option.last == option.first + 1 then
      return replaced(words, option.first, option.last, words[option.first] .. "=" .. words[option.last])
    end
  end,
  function(words, option) -- given twice
    local own = table.move(words, option.first, option.last, 1, {})
    return replaced(words, option.last + 1, option.last, table.unpack(own))
  end,
}

--- How many ways there are.
M.count = #ways

--- Write a part of a rule in other ways.
-- @param text the part, with `-m NAME` or `-j NAME` in it
-- @param chosen function(way number, option number) that says whether to do it
-- @return list of texts
function M.of(text, chosen)
  local words, out = words_of(text), {}
  local start = 1
  for at, word in ipairs(words) do
    if word == "-m" or word == "-j" then
      start = at + 2
    end
  end
  for number, option in ipairs(options_of(words, start)) do
    for way, make in ipairs(ways) do
      local made = chosen(way, number) and make(words, option)
      -- iptables does nothing but show its help then
      if made and not (" " .. table.concat(made, " ") .. " "):find(" %-%-hel?p? ") then
        out[#out + 1] = table.concat(made, " ")
      end
    end
  end
  if words[1] == "-m" then
    out[#out + 1] = text .. " " .. text
  end
  return out
end

return M
