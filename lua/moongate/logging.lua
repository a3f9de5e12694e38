-- SPDX-License-Identifier: GPL-2.0-or-later
--- Log lines: `log = true`, `log = "prefix"`, `{ prefix =, level =, limit =, group = }`.
--
-- They go to the kernel's log (LOG), or with `group` to the program that reads
-- that netlink group, such as ulogd (NFLOG). Unless `limit` says otherwise they
-- are limited, so that nobody can fill a disk from outside.
local limits = require "moongate.limits"
local lists = require "moongate.lists"
local nearest = require "moongate.nearest"
local order = require "moongate.order"
local schema = require "moongate.schema"

local M = {}

local type, tointeger = type, math.tointeger
local below = schema.below

local options_schema = schema.new({
  prefix = "string", level = "level", limit = "limit_or_none", group = "count",
}, "prefix")

local usual_limit = { rate = "5/minute", burst = 10 }

-- What fits the kernel's rule, less the NUL.
local longest_prefix = { LOG = 29, NFLOG = 63 }

-- Levels of syslog.
local levels = {
  emerg = 0, emergency = 0, alert = 1, crit = 2, critical = 2, err = 3, error = 3, warn = 4, warning = 4,
  notice = 5, info = 6, debug = 7,
}
local level_names = { "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" }

local function read_level(session, helper, path, value)
  local level = type(value) == "number" and tointeger(value)
    or type(value) == "string" and (levels[value:lower()] or tointeger(value))
  if not level or level < 0 or level > 7 then
    session.fail(helper, path, ("%s is no log level%s (one of %s, or 0 to 7)"):format(lists.shown(value),
      type(value) == "string" and nearest.suggestion(value, order.keys(levels)) or "", table.concat(level_names, ", ")))
  end
  return level
end

-- The kernel's line goes on right behind the prefix ("IN=eth0 ..."), so one
-- that a policy gives gets a space there; NFLOG's prefix is a field of its own.
local function read_prefix(session, helper, path, value, target)
  local wrong = schema.bad_text(value, longest_prefix[target])
  if wrong then
    local more = target == "LOG" and #value > longest_prefix.LOG and #value <= longest_prefix.NFLOG
    session.fail(helper, path, wrong .. (more and " (63 with group=)" or ""))
  elseif target == "LOG" and #value < longest_prefix.LOG and not value:find("%s$") then
    return value .. " "
  end
  return value
end

local function default_prefix(name, target)
  return name:sub(1, longest_prefix[target] - 2) .. ": "
end

--- Read the options of a log line that stand in a table.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param path path of the table; nil if the options are the helper's own
-- @param options `prefix`, `level`, `limit` (false for none), `group`; checked
-- @param name what the prefix says if none is given
-- @return a log line: opaque but for `by_family` (its arguments depend on the
--   family) and `text` (equal ones have equal texts)
-- @raise if something in it is wrong
function M.read_options(session, helper, path, options, name)
  local group, level, prefix = options.group, options.level, options.prefix or options[1]
  local target = group ~= nil and "NFLOG" or "LOG"
  if options.prefix ~= nil and options[1] ~= nil then
    session.fail(helper, below(path, "prefix"), "the first value already is the prefix: give one of them")
  end
  local words = { "-j", target }
  local function add(option, value)
    words[#words + 1] = option
    words[#words + 1] = value
  end
  prefix = prefix == nil and default_prefix(name, target)
    or read_prefix(session, helper, below(path, options.prefix ~= nil and "prefix" or "[1]"), prefix, target)
  if target == "LOG" then
    add("--log-prefix", prefix)
    if level ~= nil then
      add("--log-level", ("%d"):format(read_level(session, helper, below(path, "level"), level)))
    end
  else
    if level ~= nil then
      session.fail(helper, below(path, "level"), "is for the kernel's log; what goes to a group has none")
    elseif not tointeger(group) or group < 0 or group > 65535 then
      session.fail(helper, below(path, "group"), ("%s is no netlink group (0 to 65535)"):format(tostring(group)))
    end
    add("--nflog-prefix", prefix)
    add("--nflog-group", ("%d"):format(group))
  end
  local limit
  if options.limit ~= false then
    local given = options.limit ~= nil
    limit = limits.read(session, helper, given and below(path, "limit") or nil, given and options.limit or usual_limit)
    if limit.above then
      session.fail(helper, below(path, "limit"), "a log line is limited to a rate, not to what is above it")
    end
  end
  return {
    words = words, limit = limit, by_family = limit and limit.by_family,
    text = table.concat(words, "\0") .. "\0" .. (limit and limit.text or ""),
  }
end

--- Read what a policy gave as `log=`.
-- @param session the evaluation under way
-- @param helper name for errors; what the prefix says if none is given
-- @param path path of the value
-- @param value true, a prefix, or a table with `prefix`, `level`, `limit`, `group`
-- @return a log line, see `read_options`; nil for false
-- @raise if something in it is wrong
-- @usage logging.read(session, helper, "log", { prefix = "ssh: ", group = 5 })
function M.read(session, helper, path, value)
  if type(value) == "table" then
    schema.check(session, helper, options_schema, value, path)
    return M.read_options(session, helper, path, value, helper)
  elseif type(value) == "string" then
    read_prefix(session, helper, path, value, "LOG")
    return M.read_options(session, helper, path, { prefix = value }, helper)
  elseif value then
    return M.read_options(session, helper, path, {}, helper)
  end
end

--- The arguments that write a log line.
-- @param session the evaluation under way
-- @param log made by `read` or `read_options`
-- @param families the families of the rule; one only if the log is by family
-- @param identity text that tells what is logged: equal ones are limited together
-- @return a list of arguments, to stand behind the matches
function M.arguments(session, log, families, identity)
  local args = log.limit and limits.arguments(session, log.limit, families, identity .. "\0log") or {}
  return table.move(log.words, 1, #log.words, #args + 1, args)
end

return M
