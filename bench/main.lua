-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- One comparison, in the network namespace that it was started in:
--   lua5.4 main.lua PROGRAM FOLDER VALUES small POLICY ROUNDS LANGUAGE
--   lua5.4 main.lua PROGRAM FOLDER VALUES helper|append SIZE ROUNDS [peers]
--   lua5.4 main.lua PROGRAM FOLDER VALUES import|blocklist|packets SIZE ROUNDS

local report = require "bench.report"

local program, folder, values, subject, of_what, rounds, more = table.unpack(arg)
local commands = require("bench.commands").new(program, folder)
local options = { rounds = math.tointeger(tonumber(rounds)) }
local compare

if subject == "small" then
  compare = require "bench.small"
  options.policy, options.language = of_what, more
elseif subject == "import" then
  compare, options.size = require "bench.import", math.tointeger(tonumber(of_what))
elseif subject == "blocklist" or subject == "packets" then
  compare = require("bench.blocklist")[subject == "packets" and "packets" or "load"]
  options.size = math.tointeger(tonumber(of_what))
else
  compare = require "bench.large"
  options.way, options.size, options.peers = subject, math.tointeger(tonumber(of_what)), more == "peers"
end
report.show(compare(commands, options), values)
