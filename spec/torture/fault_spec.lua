-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- System calls that fail, one after the other, in an apply and in its guard: a
-- full disk, a broken one, a kernel that says no, no memory, no descriptors, no
-- processes. Who says that it went well has the new tables live and confirmed;
-- else the old ones are. And somebody else who writes in between is not overwritten.

local features = require "spec.support.features"
local killing = require "spec.torture.killing"
local run = require "spec.support.run"
local scenes = require "spec.torture.scenes"

local it = features.it(it, pending)

-- What fails, how, and whether it goes on failing.
local faults = {
  { "disk", "ENOSPC", 28 }, { "disk", "ENOSPC", 28, lasting = true }, { "disk", "EIO", 5 }, { "disk", "EPERM", 1 },
  { "tables", "EPERM", 1 }, { "tables", "ENOMEM", 12 }, { "tables", "EAGAIN", 11 },
  { "process", "EMFILE", 24 }, { "process", "EAGAIN", 11 }, { "process", "ENOMEM", 12 },
  { "talk", "ENOMEM", 12 }, { "memory", "ENOMEM", 12 },
}

describe("an apply #integration #torture", function()
  teardown(killing.close)

  local function stands(fault)
    local class, name, number = table.unpack(fault)
    local title = ("%s of a call of the class %s%s"):format(name, class, fault.lasting and ", from then on" or "")

    it("stands " .. title, function()
      killing.each_process(scenes.row(scenes.filter, {
        command = scenes.at_once, either = true, fault = class, err = number, lasting = fault.lasting, few = 10,
      }), 2)
    end)

    if killing.whole then
      it("is taken back after " .. title, function()
        killing.each_process(scenes.row(scenes.filter, {
          command = scenes.unconfirmed, fault = class, err = number, lasting = fault.lasting,
        }))
      end)
    end
  end

  -- make test takes a third of them, which third depends on the seed
  for index, fault in ipairs(faults) do
    if killing.whole or index % 3 == killing.seed % 3 then
      stands(fault)
    end
  end
end)

describe("an apply without memory #integration #torture", function()
  teardown(killing.close)

  -- More than there are: a series ends with the last one.
  local most = 4000

  local function allocations(mode, sample)
    local row = scenes.row(scenes.filter, { command = mode, either = mode == scenes.at_once,
                                            preload = killing.allocations() })
    if row.preload then
      assert.truthy(killing.series(row, { number = 0, name = "moongate", stops = most }, sample).points > 0)
    end
  end

  it("leaves one state or the other, whichever allocation fails", function()
    allocations(scenes.at_once, 20)
    allocations(scenes.unconfirmed, 3)
  end)
end)

describe("somebody else's rule #integration #torture", function()
  teardown(killing.close)

  local mark = "--dport 9999 "

  -- A line that writes to both families: under a lock, or under none.
  local function writer(rule, locked)
    return function(program)
      local lines = {}
      for _, name in ipairs { "iptables-legacy", "ip6tables-legacy" } do
        lines[#lines + 1] = ("%s env XTABLES_LOCKFILE=%s/other.lock %s %s -p tcp -m tcp --dport 9999 -j DROP"):format(
          locked and "flock -n " .. run.quote(program.lock_file) or "", run.quote(program.lab.dir), name, rule)
      end
      return table.concat(lines, " && ") .. " 2>&1"
    end
  end

  -- this one does not ask for the lock
  it("is noticed when it comes in between", function()
    killing.each_process(scenes.row(scenes.filter, {
      command = scenes.at_once, either = true, mark = mark, force = "--remove-foreign", every = 7,
      interfere = writer("-A INPUT", false), name = "^moongate$",
    }), 6)
  end)

  it("is noticed where it takes another one's place", function()
    killing.each_process(scenes.row(scenes.filter, {
      command = scenes.at_once, either = true, mark = mark, only_mark = true, force = "--remove-foreign",
      every = 7, interfere = writer("-R INPUT 3", true), name = "^moongate$",
    }), 6)
  end)
end)
