-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Rules of before as a policy, beside the program that would read the same file
-- to check it.

local policies = require "bench.policies"
local rounds = require "bench.rounds"

-- What is asked for, as a ratio to iptables-legacy-restore --test.
local limits = { [10000] = 1 }

return function(commands, options)
  local rows, files = {}, {}
  for _, kind in ipairs(policies.dumps) do
    files[kind.name] = commands:write(kind.name .. ".v4", policies.dump(kind, options.size))
  end
  local samples = rounds.run(options.rounds, function(_, record)
    for _, kind in ipairs(policies.dumps) do
      record(kind.name, commands:import(files[kind.name]))
      record(kind.name .. " test", commands:test(files[kind.name]))
    end
  end)
  for _, kind in ipairs(policies.dumps) do
    local reference = kind.name .. " test"
    rows[#rows + 1] = { "moongate import: " .. kind.text, case = kind.name, reference = reference,
      limit_ratio = limits[options.size] }
    rows[#rows + 1] = { "iptables-legacy-restore --test", case = reference, reference = reference }
  end
  return { title = ("Importing %d rules; %d rounds"):format(options.size, options.rounds), samples = samples,
    rows = rows }
end
