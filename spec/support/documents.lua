-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The JSON documents of the program: run it with --json, judge what every
-- document must be, and ask the schema about all that were seen.

local json = require "dkjson"
local packets = require "spec.support.packets"
local run = require "spec.support.run"

local M = {}

M.schema = "packaging/moongate.schema.json"

local null = setmetatable({}, { __tostring = function() return "null" end })

--- What stands for null in a document that was read.
M.null = null

local documents = {}
documents.__index = documents

--- A collection of documents of one program (see moongate.lua).
function M.new(program)
  return setmetatable({ program = program, lines = {} }, documents)
end

--- Take in what a run has printed: one document on one line, and its exit status.
-- @return the document
function documents:read(result)
  assert(result.out:find("^{[^\n]*}\n$"), result.line .. ": not one line of JSON: " .. result.out .. result.err)
  self.lines[#self.lines + 1] = result.out
  local document, _, problem = json.decode(result.out, 1, null)
  assert(document, problem)
  assert(document.exit == result.code, ("%s: exit is %s, but it ended with %d"):format(
    result.line, document.exit, result.code))
  return document
end

--- Run a command with --json: documents:run("plan", path) -> document, result.
function documents:run(command, ...)
  local result = self.program:run(command, "--json", ...)
  return self:read(result), result
end

--- Ask the schema about all documents so far.
-- @return what is wrong with them, as text; the properties that none of them has
function documents:judge()
  local words = { packets.python, "-I", packets.script("schema.py")[4], M.schema }
  local out = run.must(words, { input = table.concat(self.lines) })
  local wrong, unused = {}, {}
  for line in out:gmatch("[^\n]+") do
    local use, pointer = line:match("^(u%a+) (#%S*)$")
    if not use then
      wrong[#wrong + 1] = line
    elseif use == "unused" then
      unused[#unused + 1] = pointer
    end
  end
  return table.concat(wrong, "\n"), unused
end

return M
