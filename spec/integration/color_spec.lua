-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Colours: on a terminal and not elsewhere, unless --color says otherwise, and
-- NO_COLOR in between. plan, show and status keep to it; --json has none.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"

local it = features.it(it, pending)

local good = [[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
]]

local escape = "\27["

describe("colour #integration", function()
  local lab, program, path

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
    path = program:policy(good)
    program:apply(path)
    program:policy(good .. "allow_inbound { tcp = 80 }\n")
  end)

  after_each(network.close_all)

  -- Each command that has colours, with words behind it.
  local function each_command(visit)
    visit("plan", path)
    visit("show")
    visit("show", "filter", "INPUT")
    visit("status")
  end

  -- What a command writes on a terminal, once it has ended.
  local function on_terminal(env, ...)
    local terminal = program:on_terminal_with(env, ...)
    local text = run.wait_until("the end of " .. (...), 10, function()
      return terminal:text():match("^.*\nended 0\n$")
    end)
    terminal:close()
    assert.truthy(#text > 40, text)
    return text
  end

  local function has_color(text)
    return text:find(escape, 1, true) ~= nil
  end

  it("is on a terminal", function()
    each_command(function(...)
      assert.truthy(has_color(on_terminal({ TERM = "xterm" }, ...)), (...))
    end)
  end)

  it("is on a terminal with an empty NO_COLOR, which says nothing", function()
    each_command(function(...)
      assert.truthy(has_color(on_terminal({ TERM = "xterm", NO_COLOR = "" }, ...)), (...))
    end)
  end)

  it("is not on a terminal with NO_COLOR, or that is dumb", function()
    each_command(function(...)
      assert.falsy(has_color(on_terminal({ TERM = "xterm", NO_COLOR = "1" }, ...)), (...))
      assert.falsy(has_color(on_terminal({ TERM = "dumb" }, ...)), (...))
    end)
  end)

  it("is where --color=always says so, whatever NO_COLOR says", function()
    for _, words in ipairs { { "plan", path }, { "show" }, { "status" } } do
      local result = program:run_with({ env = { NO_COLOR = "1" } }, words[1], "--color=always", words[2])
      assert.truthy(has_color(result.out), words[1])
    end
  end)

  it("is not on a terminal with --color=never", function()
    for _, words in ipairs { { "plan", path }, { "show" }, { "status" } } do
      assert.falsy(has_color(on_terminal({ TERM = "xterm" }, words[1], "--color=never", words[2])), words[1])
    end
  end)

  it("is not in a pipe, with or without --color=auto", function()
    for _, words in ipairs { { "plan", path }, { "show" }, { "status" } } do
      local env = { TERM = "xterm" }
      assert.falsy(has_color(program:run_with({ env = env }, table.unpack(words)).out), words[1])
      assert.falsy(has_color(program:run_with({ env = env }, words[1], "--color=auto", words[2]).out), words[1])
    end
  end)

  it("takes nothing away: without it the text is the same", function()
    for _, words in ipairs { { "plan", path }, { "show" }, { "status" } } do
      local plain = program:must(words[1], "--color=never", words[2]).out
      local colored = program:must(words[1], "--color=always", words[2]).out
      assert.equal(plain, (colored:gsub("\27%[%d+m", "")))
      assert.truthy(colored:find("\27%[0m[^\27]*$"), words[1] .. " leaves a colour on")
    end
  end)

  it("is never in JSON", function()
    for _, words in ipairs { { "plan", path }, { "show" }, { "status" } } do
      assert.falsy(has_color(program:must(words[1], "--json", "--color=always", words[2]).out), words[1])
      assert.falsy(has_color(on_terminal({ TERM = "xterm" }, words[1], "--json", words[2])), words[1])
    end
  end)
end)
