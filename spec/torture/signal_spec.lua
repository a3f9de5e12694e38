-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Signals, and a terminal that goes away, in the middle of an apply: it may come
-- to its end or be taken back, and nothing is left half done. And a guard that is
-- stopped: what nobody confirms goes back in time all the same.

local features = require "spec.support.features"
local killing = require "spec.torture.killing"
local scenes = require "spec.torture.scenes"

local it = features.it(it, pending)

local signals = { HUP = 1, INT = 2, QUIT = 3, PIPE = 13, TERM = 15 }
local hangup, stop = -1, 19

describe("an apply #integration #torture", function()
  teardown(killing.close)

  for name, number in pairs(signals) do
    it("stands SIG" .. name .. " at any moment", function()
      killing.each_process(scenes.row(scenes.filter, {
        command = scenes.unconfirmed, signal = number, deadline = 1, every = 41, name = "^moongate$",
      }), 3)
    end)
  end

  it("stands that its terminal is closed at any moment", function()
    killing.each_process(scenes.row(scenes.filter, {
      command = scenes.unconfirmed, signal = hangup, deadline = 1, every = 17, name = "^moongate$",
    }), 3)
  end)

  it("is taken back in time when its guard or its watcher is stopped", function()
    killing.each_process(scenes.row(scenes.filter, {
      command = scenes.unconfirmed, signal = stop, deadline = 1, name = "^moongate%-",
      every = 3,
    }), 3)
  end)
end)
