-- SPDX-License-Identifier: GPL-2.0-or-later
-- What the roles declare, and what moongate(8) and the README say of it.

local lfs = require "lfs"
local run = require "spec.support.run"

local folder = "policies/roles/"

-- What a role's file passes to module{}.
local function declaration(name)
  local declared
  local env = { module = function(given)
    declared = given
    return given
  end }
  assert(assert(loadfile(folder .. name .. ".lua", "t", env))() == declared, name)
  return declared
end

local names = {}
for file in lfs.dir(folder) do
  names[#names + 1] = file:match("^(.*)%.lua$")
end
table.sort(names)

describe("the roles", function()
  it("are those of a server", function()
    assert.truthy(#names >= 8, #names)
  end)

  for _, name in ipairs(names) do
    it(name .. " says what it is and what its options mean", function()
      local declared = declaration(name)
      assert.truthy(declared.about and #declared.about > 0)
      assert.equal("function", type(declared[1]))
      for option, given in pairs(declared.options) do
        assert.truthy(type(given) == "table" and type(given.about) == "string", name .. ": " .. option)
      end
    end)

    it(name .. " stands in the man page with its options, and in the README", function()
      local page = assert(run.read_file("packaging/moongate.8"))
      local item = assert(page:match("\n%.It roles%." .. name .. "\n(.-)\n%.[IE][tl]"), name)
      local told = {}
      for line in ("\n" .. item .. "\n"):gmatch("\n%.Cm ([^\n]*)") do
        for word in line:gmatch("[%w_]+") do
          told[word] = true
        end
      end
      for option in pairs(declaration(name).options) do
        assert.truthy(told[option], name .. ": " .. option .. " is not in the man page")
        told[option] = nil
      end
      assert.is_nil(next(told), name .. ": the man page has more options")
      local readme = assert(run.read_file("README.md"))
      assert.truthy(readme:find("`" .. name .. "`", 1, true), name .. " is not in the README")
    end)
  end
end)
