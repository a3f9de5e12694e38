-- SPDX-License-Identifier: GPL-2.0-or-later
--- Limits: `limit = "5/minute"`, `{ rate = "5/minute", burst = 10, per = "source" }`.
--
-- A rule with a limit matches no more often than the limit says: a bucket of
-- `burst` matches, filled again at `rate`. What is over it goes on to the rules
-- below. With `above` in place of `rate` it is the other way round: the rule
-- matches what is over the limit.
--
-- Without `per` one bucket is for all packets (the match `limit`, or for
-- `above` a `hashlimit` that tells no packets apart); with it each source,
-- destination or port has its own. IPv4 and IPv6 count apart.
local lists = require "moongate.lists"
local names = require "moongate.names"
local nearest = require "moongate.nearest"
local schema = require "moongate.schema"

local M = {}

local type, floor, tointeger = type, math.floor, math.tointeger
local below = schema.below

local options_schema = schema.new({
  rate = "rate", above = "rate", burst = "count", per = "per", ipv4_prefix = "count", ipv6_prefix = "count",
}, "rate")

-- Kernel and iptables agree on these bounds: how fine the matches count, in
-- parts of a second, and how many fit the bucket.
local finest = { limit = 10000, hashlimit = 1000000 }
local largest_burst = { limit = 10000, hashlimit = 1000000 }

-- Both matches count credit in a word that is sized to hold a day of it. More
-- is refused by some kernels and wraps round in others.
local longest = 86400

local usual_burst = 5

-- A provider gives each IPv6 customer a network of this size at least.
local ipv6_customer = 64

local units = { second = 1, minute = 60, hour = 3600, day = 86400 }
local unit_names = { "second", "minute", "hour", "day" }
local unit_arguments = { second = "sec", minute = "min", hour = "hour", day = "day" }

local modes = { source = "srcip", destination = "dstip", source_port = "srcport", destination_port = "dstport" }
local per_names = { "source", "destination", "source_port", "destination_port" }

-- "m", "min", "minute", "minutes" -> "minute"
local function unit_of(word)
  word = word:lower()
  for _, name in ipairs(unit_names) do
    if name:sub(1, #word) == word or name .. "s" == word then
      return name
    end
  end
end

-- "5/minute" -> { count =, unit =, seconds = of one }
local function read_rate(session, helper, path, text)
  local number, word = text:match("^%s*(%d+)%s*/%s*(%a+)%s*$")
  if not number then
    session.fail(helper, path, text:find("^%s*%d+%s*$")
      and ('%s in what time? write "%d/second", "%d/minute" ...'):format(lists.shown(text), text, text)
      or ('%s is no rate: write it like "5/minute"'):format(lists.shown(text)))
  end
  local unit, count = unit_of(word), tointeger(number)
  if not unit then
    session.fail(helper, path, ("%s: unknown unit%s (second, minute, hour or day)"):format(lists.shown(text),
      nearest.suggestion(word, unit_names)))
  elseif count == 0 then
    session.fail(helper, path, ("%s never matches: leave the rule out"):format(lists.shown(text)))
  end
  return { count = count or math.huge, unit = unit, seconds = units[unit] / (count or math.huge) }
end

-- "source", or a list of such names -> hashlimit's modes, in its order.
local function read_per(session, helper, path, value)
  local found = {}
  local given, wanted = lists.choose(session, helper, path, value, per_names, "not what a limit can be per",
    "leave per out for one limit for all")
  for i, name in ipairs(given) do
    found[i] = modes[name]
  end
  return found, wanted
end

local function read_prefix(session, helper, path, value, longest_prefix, wanted)
  local prefix = tointeger(value)
  if not prefix or prefix < 1 or prefix > longest_prefix then
    session.fail(helper, path, ("%s is no prefix length (1 to %d)"):format(tostring(value), longest_prefix))
  elseif not (wanted.source or wanted.destination) then
    session.fail(helper, path, 'needs per = "source" or per = "destination"')
  end
  return prefix
end

local function read_burst(session, helper, path, value, limit)
  local rate, most = limit.rate, largest_burst[limit.match]
  local fits = math.max(1, floor(longest / rate.seconds))
  if value == nil then
    return math.min(usual_burst, fits)
  end
  local burst = tointeger(value)
  if not burst or burst < 1 or burst > most then
    session.fail(helper, path, ("%s is no burst (1 to %d)"):format(tostring(value), most))
  elseif burst > fits then
    session.fail(helper, path, ("%d at %d/%s are more than a day's worth, which is all that the kernel can count: "
      .. "at most %d, or a faster rate"):format(burst, rate.count, rate.unit, fits))
  end
  return burst
end

local function read_options(session, helper, path, rate_path, options)
  local key = options.above ~= nil and "above" or "rate"
  local text = options[key] or options[1]
  if options.above ~= nil and (options.rate ~= nil or options[1] ~= nil) then
    session.fail(helper, below(path, "above"), "rate already says how often: give one of them")
  elseif text == nil then
    session.fail(helper, path, '`rate` is missing: a rate like "5/minute" is needed')
  end
  rate_path = rate_path or below(path, key)
  local limit = { above = options.above ~= nil, rate = read_rate(session, helper, rate_path, text) }
  local wanted = {}
  if options.per ~= nil then
    limit.modes, wanted = read_per(session, helper, below(path, "per"), options.per)
  end
  limit.match = (limit.above or limit.modes) and "hashlimit" or "limit"
  if limit.rate.seconds * finest[limit.match] < 1 then
    session.fail(helper, rate_path, ("%s is faster than the kernel counts: at most %d/second"):format(
      lists.shown(text), finest[limit.match]))
  end
  limit.burst = read_burst(session, helper, below(path, "burst"), options.burst, limit)
  limit.prefix = { {}, {} }
  for family, name in ipairs { "ipv4_prefix", "ipv6_prefix" } do
    local most = family == 1 and 32 or 128
    local prefix = options[name] ~= nil and read_prefix(session, helper, below(path, name), options[name], most, wanted)
    local prefixes = limit.prefix[family]
    prefixes.src = wanted.source and (prefix or family == 2 and ipv6_customer) or nil
    prefixes.dst = wanted.destination and prefix or nil
    limit.by_family = limit.by_family or (prefixes.src or prefixes.dst) and true
  end
  limit.text = names.fingerprint { limit.rate, limit.above, limit.burst, limit.modes or false, limit.prefix }
  return limit
end

--- Read what a policy gave as a limit.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param path path of the value; nil if its options are the helper's own
-- @param value a rate, or a table with `rate` or `above`, `burst`, `per`,
--   `ipv4_prefix`, `ipv6_prefix`
-- @return a limit: opaque but for `above`, `by_family` (the arguments depend on
--   the family) and `text` (equal limits have equal ones)
-- @raise if something in it is wrong, or more than the kernel can count
-- @usage limits.read(session, helper, "limit", { rate = "5/minute", burst = 10, per = "source" })
function M.read(session, helper, path, value)
  if type(value) == "string" then
    return read_options(session, helper, path, path, { rate = value })
  elseif path then
    schema.check(session, helper, options_schema, value, path)
  end
  -- a helper whose own options are the limit's calls it `rate`, whichever way round
  return read_options(session, helper, path, not path and "rate" or nil, value)
end

--- Read how many connections there may be at the same time, as a limit.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param options checked: `connections`; `per` ("source", the default, or
--   "destination"), `ipv4_prefix`, `ipv6_prefix`
-- @return a limit, which matches what is above it
-- @raise if something in it is wrong
function M.read_connections(session, helper, options)
  local most, per = tointeger(options.connections), options.per or "source"
  if not most or most < 0 or most > 0xffffffff then
    session.fail(helper, "connections", ("%s is no number of connections"):format(tostring(options.connections)))
  elseif per ~= "source" and per ~= "destination" then
    session.fail(helper, "per", 'connections are counted per "source" or "destination"; make two calls')
  end
  local masks = {}
  for family, name in ipairs { "ipv4_prefix", "ipv6_prefix" } do
    local all = family == 1 and 32 or 128
    masks[family] = options[name] ~= nil and read_prefix(session, helper, name, options[name], all, { [per] = true })
      or family == 2 and per == "source" and ipv6_customer or all
  end
  local flag = per == "source" and "--connlimit-saddr" or "--connlimit-daddr"
  return {
    match = "connlimit", above = true, by_family = true, most = most, masks = masks, flag = flag,
    text = names.fingerprint { "connlimit", most, masks, flag },
  }
end

local function add(args, ...)
  table.move({ ... }, 1, select("#", ...), #args + 1, args)
end

--- The arguments that match within a limit, or above it.
-- @param session the evaluation under way
-- @param limit made by `read`
-- @param families the families of the rule; one only if the limit is by family
-- @param identity text that tells what the limit is for: equal ones count together
-- @return a list of arguments, to stand behind all other matches: what they
--   refuse must not count
function M.arguments(session, limit, families, identity)
  if limit.match == "connlimit" then
    return { "-m", "connlimit", "--connlimit-above", ("%d"):format(limit.most),
      "--connlimit-mask", ("%d"):format(limit.masks[families & 1 ~= 0 and 1 or 2]), limit.flag }
  end
  local rate = ("%d/%s"):format(limit.rate.count, unit_arguments[limit.rate.unit])
  local burst = ("%d"):format(limit.burst)
  if limit.match == "limit" then
    local args = { "-m", "limit", "--limit", rate }
    if limit.burst ~= usual_burst then
      add(args, "--limit-burst", burst)
    end
    return args
  end
  -- A name means a table in the kernel, which keeps the settings that it was
  -- made with as long as one rule holds it: other settings need another name.
  local name = names.unique(session, "mg_", identity .. "\0" .. limit.text)
  local args = { "-m", "hashlimit", limit.above and "--hashlimit-above" or "--hashlimit-upto", rate,
    "--hashlimit-burst", burst }
  if limit.modes then
    add(args, "--hashlimit-mode", table.concat(limit.modes, ","))
  end
  add(args, "--hashlimit-name", name)
  -- An entry that is forgotten is a full bucket: keep it until it would be full.
  local full_again = math.ceil(limit.rate.seconds * limit.burst)
  if full_again > units[limit.rate.unit] then
    add(args, "--hashlimit-htable-expire", ("%d"):format(full_again * 1000))
  end
  local prefix = limit.prefix[families & 1 ~= 0 and 1 or 2]
  for _, side in ipairs { "src", "dst" } do
    if prefix[side] then
      add(args, "--hashlimit-" .. side .. "mask", ("%d"):format(prefix[side]))
    end
  end
  return args
end

return M
