-- SPDX-License-Identifier: GPL-2.0-or-later
--- A rule in the structured form of `c:append { ... }` as arguments.
--
-- Extensions' option names are their own, with `_` for `-`; `true` is an
-- option without a value, `except(v)` is `!`, a list is joined by commas.
local exceptions = require "moongate.exceptions"
local interfaces = require "moongate.interfaces"
local lists = require "moongate.lists"
local order = require "moongate.order"
local ports = require "moongate.ports"
local protocols = require "moongate.protocols"
local schema = require "moongate.schema"
local scope = require "moongate.rule_scope"

local M = {}

local type, next, tointeger, math_type = type, next, math.tointeger, math.type
local bad_text, exception_of, of_option = schema.bad_text, exceptions.of, scope.of_option

--- What a structured rule may hold.
M.schema = schema.helper("append", {
  protocol = "protocol",
  source = "addresses",
  destination = "addresses",
  source_port = "ports",
  destination_port = "ports",
  in_interface = "interfaces",
  out_interface = "interfaces",
  fragment = "boolean",
  set_counters = "list",
  match = "list",
  comment = "comment",
  jump = "target",
  go_to = "target",
  stage = "stage",
  family = "family",
}, { call = 'chain("filter", "INPUT"):append(%s)', example = { jump = "ACCEPT" } })

--- What was found to mean the same in both families, and to take one value at
-- most: { match = { NAME = true }, option = { KEY = "--option" }, target = {
-- NAME = true } }. The core writes a rule of nothing else by itself.
M.plain = { match = {}, option = {}, target = { ACCEPT = true, DROP = true, RETURN = true } }
local plain = M.plain

-- Options that take two arguments: a list gives one each.
local takes_two = {
  ["--tcp-flags"] = true, ["--match-set"] = true, ["--add-set"] = true, ["--del-set"] = true, ["--map-set"] = true,
}

-- The rule being written: its words, the families that its parts leave, and
-- where in the options it is, for an error. One at a time, and used again: a
-- loop makes many. A path is put together only when it is needed.
local rule = { args = nil, n = 0, families = 3 }

local function path()
  local text = rule.where
  if rule.index then
    text = ("%s[%d]"):format(text, rule.index)
  end
  return rule.name and text .. "." .. rule.name or text
end

local function add(first, second)
  local args, n = rule.args, rule.n
  args[n + 1] = first
  if second then
    args[n + 2] = second
    n = n + 1
  end
  rule.n = n + 1
end

-- A word that only one family knows leaves only that one. Returns whether it does.
local function narrow(core, option, value, negated)
  local family = of_option(core, option, value, negated)
  if family then
    rule.families = rule.families & family
  end
  return family ~= nil
end

-- Option names as extensions spell them, and names of extensions, once seen.
local spelt = {}
local good_names = { ["-m"] = {}, ["-j"] = {}, ["-g"] = {} }

-- What a name may be; that of a chain is anything that chain() takes.
local name_patterns = { ["-m"] = "^[%w_][%w_.-]*$", ["-j"] = "^[^%s%c!-][^%s%c]*$",
  ["-g"] = "^[^%s%c!-][^%s%c]*$" }

local function spell(name)
  local option = spelt[name]
  if not option then
    option = "--" .. name:gsub("_", "-")
    spelt[name] = option
  end
  return option
end

local function scalar(session, helper, where, value)
  if type(value) == "number" then
    local whole = tointeger(value)
    return whole and ("%d"):format(whole) or ("%.14g"):format(value)
  elseif type(value) ~= "string" then
    session.fail(helper, where or path(), ("a string, a number, a list, true or except(...) is needed, not %s")
      :format(lists.shown(value)))
  end
  local wrong = bad_text(value, 1024)
  if wrong then
    session.fail(helper, where or path(), wrong)
  end
  return value
end

local function joined(session, helper, where, value)
  if type(value) ~= "table" then
    return scalar(session, helper, where, value)
  end
  local texts = {}
  where = where or path()
  lists.each(session, helper, where, value, function(leaf, leaf_path)
    if type(leaf) == "table" and not exceptions.is(leaf) then
      return
    end
    texts[#texts + 1] = scalar(session, helper, leaf_path, leaf)
  end)
  if #texts == 0 then
    session.fail(helper, where, "an empty list has no value for an option")
  end
  return table.concat(texts, ",")
end

-- The value of an option that takes two: "NAME src", or { "NAME", { "src", "dst" } }.
local function two_words(session, helper, value)
  local first, second
  if type(value) == "string" then
    first, second = value:match("^(%S+)%s+(%S+)$")
  elseif type(value) == "table" and not exceptions.is(value)
      and lists.length(session, helper, path(), value) == 2 then
    first = joined(session, helper, path() .. "[1]", value[1])
    second = joined(session, helper, path() .. "[2]", value[2])
  end
  if not first then
    session.fail(helper, path(), "takes two values: { first, second }")
  end
  return first, second
end

-- One option of an extension.
local function add_option(session, helper, name, value)
  local option = spell(name)
  if value == false then
    return
  end
  rule.name = name
  local excluded = type(value) == "table" and exception_of(value) or nil
  if excluded ~= nil then
    add("!")
    value = excluded
  end
  if value == true then
    add(option)
  elseif takes_two[option] then
    add(option)
    add(two_words(session, helper, value))
  else
    value = joined(session, helper, nil, value)
    add(option, value)
    narrow(session.core, option, value, excluded ~= nil)
    plain.option[name] = not scope.has_family(option) and option or nil
  end
  rule.name = nil
end

-- The option of an extension that has one; nothing to sort then.
local function option_alone(options)
  local first = next(options)
  local second = first ~= nil and next(options, first)
  if second and next(options, second) == nil and (first == 1 or second == 1) then
    local key = first == 1 and second or first
    return type(key) == "string" and (spelt[key] or key:find("^%a[%w_-]*$")) and key
  end
end

-- An extension's name and options: "conntrack" or { "conntrack", ctstate = "NEW" }.
local function add_extension(session, helper, flag, value)
  local name, options = value, nil
  if type(value) == "table" then
    name, options = value[1], value
  end
  if not good_names[flag][name] then
    if type(name) ~= "string" or not name:find(name_patterns[flag]) then
      session.fail(helper, path(), ("the extension's name comes first, not %s"):format(lists.shown(name)))
    end
    good_names[flag][name] = true
  end
  add(flag, name)
  if not narrow(session.core, flag, name) and flag ~= "-g" then
    plain[flag == "-m" and "match" or "target"][name] = true
  end
  if not options then
    return
  end
  local only = option_alone(options)
  if only then
    add_option(session, helper, only, options[only])
    return
  end
  local keys, wrong = order.keys(options)
  if not keys then
    session.fail(helper, path(), wrong)
  end
  for _, key in ipairs(keys) do
    if type(key) == "string" then
      if not spelt[key] and not key:find("^%a[%w_-]*$") then
        session.fail(helper, path(), ("%s is no option name"):format(lists.shown(key)))
      end
      add_option(session, helper, key, options[key])
    elseif key ~= 1 then
      session.fail(helper, path(), ("%s stands without an option's name"):format(lists.shown(options[key])))
    end
  end
end

local function add_protocol(session, helper, value)
  local excluded = exception_of(value)
  local protocol, wrong = protocols.find(excluded == nil and value or excluded)
  if wrong then
    session.fail(helper, "protocol", wrong)
  elseif protocol.arg then
    if excluded ~= nil then
      add("!")
    end
    add("-p", protocol.arg)
    narrow(session.core, "-p", protocol.arg, excluded ~= nil)
  end
  return excluded == nil and protocol.arg
end

local has_ports = { tcp = true, udp = true, sctp = true, ["33"] = true, udplite = true }

local function read_ports(session, helper, options, key, protocol)
  if options[key] == nil then
    return nil
  elseif not has_ports[protocol] then
    session.fail(helper, key, "needs a protocol with ports, like protocol = \"tcp\"")
  end
  local found = ports.read(session, helper, key, options[key], protocol)
  if #found == 0 then
    session.fail(helper, key, "an empty list is no port")
  end
  return found
end

local function add_ports(session, helper, options, protocol)
  local port = options.destination_port
  if math_type(port) == "integer" and options.source_port == nil and session.port_cache[protocol] then
    add("-m", protocol)
    add("--dport", ports.single(session, helper, "destination_port", port, protocol)[1].args[6])
    return
  end
  local from = read_ports(session, helper, options, "source_port", protocol)
  local to = read_ports(session, helper, options, "destination_port", protocol)
  if not from and not to then
    return
  end
  local found = ports.arguments(protocol, from, to)
  if #found > 1 then
    session.fail(helper, to and #to > 1 and "destination_port" or "source_port",
      "more than 15 ports do not fit one rule (a range takes two): append several")
  end
  for i = 3, #found[1] do
    add(found[1][i])
  end
end

-- An interface: one name, or one that is excepted.
local function add_interface(session, helper, options, key, flag)
  local found = interfaces.read(session, helper, key, options[key])
  if found.zoned then
    session.fail(helper, key, ("%s is more than a list of interfaces: give those alone, as ZONE.interfaces")
      :format(found.zones[1].shown))
  elseif #found ~= 1 then
    session.fail(helper, key, ("one rule takes one interface, not %d: append several"):format(#found))
  elseif found.negative then
    add("!")
  end
  add(flag, found[1])
end

local function add_matches(session, helper, matches)
  if type(next(matches)) == "string" or type(matches[1]) == "string" and next(matches, 1) ~= nil
      and #matches == 1 then
    session.fail(helper, "match", 'takes a list of matches: match = { { "conntrack", ctstate = "NEW" } }')
  end
  rule.where = "match"
  for i = 1, lists.length(session, helper, "match", matches) do
    local value = matches[i]
    rule.index = i
    if type(value) ~= "string" and (type(value) ~= "table" or exceptions.is(value)) then
      session.fail(helper, path(), ("a match is needed, not %s"):format(lists.shown(value)))
    end
    add_extension(session, helper, "-m", value)
  end
  rule.index = nil
end

-- What the counters of a rule begin with that is new: packets and bytes.
local function add_counters(session, helper, value)
  local packets, bytes = value[1], value[2]
  if lists.length(session, helper, "set_counters", value) ~= 2 or math_type(packets) ~= "integer"
      or math_type(bytes) ~= "integer" or packets < 0 or bytes < 0 then
    session.fail(helper, "set_counters", "takes two numbers: { packets, bytes }")
  end
  add("-c", ("%d"):format(packets))
  add(("%d"):format(bytes))
end

-- The jump; without one a rule only counts. A chain object stands for its name.
local function add_jump(session, helper, options, chains)
  local jump, go_to = options.jump, options.go_to
  if jump ~= nil and go_to ~= nil then
    session.fail(helper, "go_to", "a rule either jumps or goes to a chain")
  elseif jump ~= nil then
    rule.where = "jump"
    add_extension(session, helper, "-j", chains[jump] and chains[jump].name or jump)
  elseif go_to ~= nil then
    go_to = chains[go_to] and chains[go_to].name or go_to
    if type(go_to) ~= "string" then
      session.fail(helper, "go_to", "a chain is needed")
    end
    rule.where = "go_to"
    add_extension(session, helper, "-g", go_to)
  end
end

--- Add what a structured rule says, apart from addresses, to its arguments.
-- @param session the evaluation under way
-- @param helper name for errors
-- @param options checked against `M.schema`
-- @param chains chain object -> { name = }, since an object may stand for a name
-- @param args the arguments so far, which are addresses; added to
-- @return the families that leaves: 0 to 3
-- @raise if a value is wrong
function M.add(session, helper, options, chains, args)
  local protocol
  -- an error may have left these set
  rule.args, rule.n, rule.families, rule.index, rule.name = args, #args, 3, nil, nil
  if options.in_interface ~= nil then
    add_interface(session, helper, options, "in_interface", "-i")
  end
  if options.out_interface ~= nil then
    add_interface(session, helper, options, "out_interface", "-o")
  end
  if options.protocol ~= nil then
    protocol = add_protocol(session, helper, options.protocol)
  end
  if options.fragment then
    add("-f")
    rule.families = rule.families & 1
  end
  add_ports(session, helper, options, protocol)
  if options.match then
    add_matches(session, helper, options.match)
  end
  if options.comment then
    add("-m", "comment")
    add("--comment", options.comment)
  end
  add_jump(session, helper, options, chains)
  if options.set_counters ~= nil then
    add_counters(session, helper, options.set_counters)
  end
  return rule.families
end

return M
