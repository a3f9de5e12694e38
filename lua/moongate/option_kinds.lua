-- SPDX-License-Identifier: GPL-2.0-or-later
--- The kinds of options that helpers and modules may have.
-- What a kind does not say is for the helper to read: a kind knows the Lua type
-- and, where it is cheap, what values are right.
local nearest = require "moongate.nearest"
local stages = require "moongate.stages"
local shown = require("moongate.lists").shown

-- Families as the core counts them.
local families = { ipv4 = 1, ipv6 = 2, both = 3 }

-- What is wrong with a text that goes into a rule, or nil.
local function bad_text(text, limit)
  if #text > limit then
    return ("%d bytes given, but at most %d fit"):format(#text, limit)
  elseif text:find("[%c]") then
    return "has a line break or another control character"
  elseif text == "" then
    return "is empty"
  end
end

-- A kind of option: the Lua types that it takes, what to call it, and a
-- further check which returns what is wrong.
local kinds = {
  addresses = { string = true, table = true, what = "an address, a list of addresses or except(...)" },
  endpoint = { string = true, table = true, what = "an address with or without a port, or one for each family" },
  ports = { number = true, string = true, table = true, what = "a port, a range or a list of ports" },
  interfaces = { string = true, table = true, what = "an interface name or a list of them" },
  protocol = { string = true, number = true, table = true, what = "a protocol's name or number" },
  services = { string = true, table = true, what = "a service name or a list of them" },
  presets = { string = true, table = true, what = "the name of a preset or a list of them" },
  patterns = { string = true, table = true, what = "a pattern or a list of them" },
  states = { string = true, table = true, what = "a conntrack state or a list of them" },
  value = { string = true, number = true, table = true, what = "a value" },
  number = { number = true, what = "a number" },
  table = { table = true, what = "a table" },
  action = { ["function"] = true, what = "a function" },
  list = { table = true, what = "a list" },
  boolean = { boolean = true, what = "true or false" },
  string = { string = true, what = "a string" },
  count = { number = true, what = "a whole number" },
  rate = { string = true, what = 'a rate like "5/minute"' },
  per = { string = true, table = true, what = '"source", "destination" or a list of what a limit is per' },
  limit = { string = true, table = true, what = 'a rate like "5/minute" or { rate =, burst =, per = }' },
  directions = { string = true, table = true, what = '"inbound", "outbound", "forward" or a list of them' },
  level = { string = true, number = true, what = "a log level" },
  log = {
    boolean = true, string = true, table = true,
    what = "true, a prefix or { prefix =, level =, limit =, group = }",
  },
  mss = { string = true, number = true, what = '"pmtu" or a number of bytes' },
  target = { string = true, table = true, what = "a target's name, { name, option = value } or a chain" },
}

-- The last comment that was found good: loops say the same again and again.
local good_comment

kinds.comment = {
  string = true,
  boolean = true,
  what = "a string, or false for none",
  check = function(value)
    if value == good_comment or not value then
      return nil
    elseif value == true then
      return "true given, but a string is needed, or false for none"
    end
    local wrong = bad_text(value, 255)
    good_comment = not wrong and value or good_comment
    return wrong
  end,
}

kinds.limit_or_none = {
  string = true,
  table = true,
  boolean = true,
  what = kinds.limit.what .. ", or false for none",
  check = function(value)
    return value == true and "true given, but a rate is needed, or false for none" or nil
  end,
}

kinds.stage = {
  string = true,
  what = "the name of a stage",
  check = function(value)
    if not stages.of(value) then
      return ("%s is no stage%s (one of %s)"):format(shown(value), nearest.suggestion(value, stages.names),
        table.concat(stages.names, ", "))
    end
  end,
}

local family_names = { "ipv4", "ipv6", "both" }

kinds.family = {
  string = true,
  what = '"ipv4", "ipv6" or "both"',
  check = function(value)
    if not families[value] then
      return ('%s is no family%s ("ipv4", "ipv6" or "both")'):format(shown(value),
        nearest.suggestion(value, family_names))
    end
  end,
}

kinds.port = {
  number = true,
  what = "a port",
  check = function(value)
    if not math.tointeger(value) or value < 1 or value > 65535 then
      return ("port %s is out of range (1 to 65535)"):format(value)
    end
  end,
}

kinds.chain = {
  table = true,
  what = "a chain",
  check = function(value)
    if not require("moongate.chains").is(value) then
      return "a chain is needed, as chain(...) returns it"
    end
  end,
}

kinds.any = {
  string = true, number = true, boolean = true, table = true, ["function"] = true, what = "a value",
}

return {
  --- Kind -> the Lua types that it takes, `what` to call it, `check`.
  kinds = kinds,
  --- "ipv4", "ipv6", "both" -> the families as the core counts them.
  families = families,
  --- function(text, limit) -> what is wrong with a text for a rule of at most
  -- so many bytes, or nil.
  bad_text = bad_text,
}
