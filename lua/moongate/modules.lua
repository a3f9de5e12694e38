-- SPDX-License-Identifier: GPL-2.0-or-later
--- Modules: `use("roles.web_server", { port = 8443 })`, and `module { ... }` in
-- the file that this finds.
--
-- A module is a file that returns `module { options = { ... }, function(o) ... end }`
-- or a plain function of its options. Its code has the policy language and no
-- globals: it sees none of the policy's and sets none, so what it does depends
-- on its options and the host's facts alone. The file is run anew at each use,
-- so that two uses share nothing; but a use with the same options as an
-- earlier one is that one, since modules may use what they need themselves.
local lists = require "moongate.lists"
local module_options = require "moongate.module_options"
local nearest = require "moongate.nearest"
local readonly = require "moongate.readonly"

local M = {}

local type, next, select, getmetatable = type, next, select, getmetatable

-- A module's path is also its name in errors, and a rule's origin has room for so much.
local longest_name = 200

-- A use of a name that another use of it brought about.
local function check_circle(session, helper, name, place)
  for depth, use in ipairs(session.uses) do
    if use.name == name then
      local steps = {}
      for i = depth, #session.uses do
        steps[#steps + 1] = ("%s uses %s"):format(session.uses[i].place, session.uses[i].name)
      end
      session.fail(helper, nil, ("goes in a circle: %s, %s uses %s again")
        :format(table.concat(steps, ", "), place, name))
    end
  end
end

local function check_name(session, name)
  local function fail(what)
    session.fail("use", nil, ('%s %s: write words joined by dots, as in use("roles.web_server")')
      :format(lists.shown(name), what))
  end
  if type(name) ~= "string" then
    session.fail("use", nil, ('a module\'s name is needed, not %s: use("roles.web_server")')
      :format(name == nil and "nil" or lists.shown(name)))
  elseif #name > longest_name then
    fail("is too long for a module's name")
  elseif name:find("/", 1, true) or name:find("%.lua$") then
    fail("is no module's name, but a file's")
  end
  for word in (name .. "."):gmatch("(.-)%.") do
    if not word:find("^[%w_][%w_-]*$") then
      fail("is no module's name")
    end
  end
end

-- The name that was probably meant: a module in the same folder, or the same
-- in a folder with a name alike.
local function suggestion(session, name)
  local parent, own = name:match("^(.*)%.([^.]+)$")
  parent, own = parent or "", own or name
  local function names_in(folder, pattern)
    local names = {}
    for found in session.core.module_names((folder:gsub("%.", "/"))):gmatch(pattern) do
      names[#names + 1] = found
    end
    return names
  end
  local prefix = parent == "" and "" or parent .. "."
  local found = nearest.find(own, names_in(parent, "([^\n]+)%.lua\n"))
  if found then
    return prefix .. found
  end
  local first, rest = name:match("^([^.]+)%.(.*)$")
  found = first and nearest.find(first, names_in("", "([^\n]+)/\n"))
  return found and found ~= first and found .. "." .. rest
end

-- Read and compile a module's file, once.
local function load_module(session, helper, name, env)
  local known = session.modules[name]
  if known then
    return known
  end
  local path = name:gsub("%.", "/") .. ".lua"
  local text, wrong, absent = session.core.module(path)
  if not text then
    local meant = absent and suggestion(session, name)
    session.fail(helper, nil, wrong .. (meant and (": did you mean `%s`?"):format(meant) or ""))
  end
  local chunk, syntax = load(text, "@" .. path, "t", env)
  if not chunk then
    session.fail(helper, nil, syntax)
  end
  -- kept: origins know a chunk by where its name lies in memory
  known = { chunk = chunk, path = path, used = {} }
  session.modules[name] = known
  return known
end

-- Whether two options are the same, as far as can be told without looking into
-- the language's own values.
local function same(a, b, depth)
  if rawequal(a, b) then
    return true
  elseif type(a) ~= "table" or type(b) ~= "table" or depth > 20 then
    return false
  elseif getmetatable(a) ~= nil or getmetatable(b) ~= nil then
    local behind = readonly.behind(a)
    return behind ~= nil and behind == readonly.behind(b)
  end
  for key, value in next, a do
    if not same(value, b[key], depth + 1) then
      return false
    end
  end
  for key in next, b do
    if a[key] == nil then
      return false
    end
  end
  return true
end

local function snapshot(value, depth)
  if type(value) ~= "table" or getmetatable(value) ~= nil or depth > 20 then
    return value
  end
  local copy = {}
  for key, item in next, value do
    copy[key] = snapshot(item, depth + 1)
  end
  return copy
end

-- The earlier use with the same options, or nil.
local function find_same(known, options)
  for _, earlier in ipairs(known.used) do
    if same(earlier.options, options, 0) then
      return earlier
    end
  end
end

-- Begin and end a use: its code runs as the innermost one.
local function enter(session, use)
  local depth = #session.uses + 1
  session.use_count = session.use_count + 1
  session.use = session.use_count
  session.uses[depth], session.use_places[depth] = use, use.place
end

local function leave(session, depth, outer)
  for i = #session.uses, depth + 1, -1 do
    session.uses[i], session.use_places[i] = nil, nil
  end
  session.use = outer
end

-- Run the file, then its function.
local function run(session, helper, known, given, use)
  local depth, outer = #session.uses, session.use
  -- also when the policy catches an error with pcall
  local _ <close> = setmetatable({}, {
    __close = function()
      leave(session, depth, outer)
    end,
  })
  enter(session, use)
  local value = known.chunk()
  leave(session, depth, outer)
  local options, action
  if module_options.is(value) then
    local declaration = module_options.read(session, ("%s: %s: module"):format(helper, known.path), value)
    options, action = module_options.check(session, helper, declaration, given), declaration.run
  elseif type(value) == "function" then
    options, action = lists.merged(given), value
  else
    session.fail(helper, nil, ("%s returns %s, but a module returns module { options = { ... }, function(o) ... end }")
      :format(known.path, value == nil and "nothing" or lists.shown(value)))
  end
  enter(session, use)
  local result = action(options)
  return result
end

local function use_module(session, env, name, ...)
  check_name(session, name)
  local helper = ('use("%s")'):format(name)
  local count, given = select("#", ...), ...
  if count > 1 or given ~= nil and (type(given) ~= "table" or getmetatable(given) == false) then
    session.fail(helper, nil, ("takes one table of options: use(%q, { ... })"):format(name))
  elseif count == 1 and given == nil then
    session.fail(helper, nil, "nil given instead of options (a misspelt variable?)")
  end
  local place = session.core.place()
  check_circle(session, helper, name, place)
  local known = load_module(session, helper, name, env)
  local earlier = find_same(known, given or {})
  if earlier then
    session.core.note("info", ("%s: the same as at %s: nothing is added"):format(helper, earlier.place))
    return snapshot(earlier.result, 0)
  end
  local use = { name = name, place = place, options = snapshot(given or {}, 0) }
  local result = run(session, helper, known, given or {}, use)
  -- a copy, so that nobody changes what the next one gets
  use.result = snapshot(result, 0)
  known.used[#known.used + 1] = use
  return result
end

--- Offer `use` and `module`.
-- @param language table of names
-- @param session the evaluation under way
-- @usage use("roles.ssh_server", { from = office })
-- @usage return module {
--   about = "A web server.",
--   options = { port = { "ports", default = 443 }, from = "addresses" },
--   function(o)
--     allow_inbound { tcp = o.port, from = o.from, comment = "web" }
--   end,
-- }
function M.install(language, session)
  session.modules, session.use_count = {}, 0
  session.core.watch_uses(session.use_places)
  -- One for all: it stays empty.
  local env = setmetatable({}, {
    __index = session.language,
    __newindex = function(_, name)
      session.core.fail(("`%s` would be a global, and a module has none: write `local %s`")
        :format(tostring(name), tostring(name)))
    end,
    __metatable = false,
  })
  language.use = function(name, ...)
    return use_module(session, env, name, ...)
  end
  language.module = function(...)
    if not session.uses[1] then
      session.fail("module", nil, 'this file is a module: a policy brings it in with use("...", { ... })')
    end
    return module_options.declare(...)
  end
end

return M
