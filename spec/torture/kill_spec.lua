-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- kill -9, at every system call of every process that an apply has: whatever is
-- left, the live tables are the old ones, or the new ones where these are
-- confirmed, and the next apply goes its way.

local features = require "spec.support.features"
local killing = require "spec.torture.killing"
local scenes = require "spec.torture.scenes"

local it = features.it(it, pending)

describe("kill -9 #integration #torture", function()
  teardown(killing.close)

  it("of an apply that is confirmed at once, or of its guard", function()
    killing.each_process(scenes.row(scenes.filter, { command = scenes.at_once, either = true }), 20)
  end)

  it("of an apply that nobody confirms, or of its guard", function()
    killing.each_process(scenes.row(scenes.filter, { command = scenes.unconfirmed, deadline = 1 }), 6)
  end)

  it("of an apply to all tables, or of its guard", function()
    killing.each_process(scenes.row(scenes.tables, { command = scenes.unconfirmed, deadline = 1, every = 3 }), 3)
  end)

  for _, words in ipairs { { "confirm", "--console" }, { "rollback" } } do
    local either = words[1] == "confirm"

    it("of " .. words[1], function()
      killing.each_process(scenes.row(scenes.filter, {
        before = scenes.waiting, command = scenes.settle(table.unpack(words)), deadline = 1, either = either,
      }), 3)
    end)

    it("of the guard that is asked to " .. words[1], function()
      killing.each_process(scenes.row(scenes.filter, {
        command = scenes.apply_and(table.unpack(words)), either = either, name = "^moongate%-",
      }), 6)
    end)
  end
end)
