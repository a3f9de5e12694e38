-- SPDX-License-Identifier: GPL-2.0-or-later
--- A policy for one family: the other one's rules are not its business.
local schema = require "moongate.schema"

local M = {}

local helper = "only_family"
local options_schema = schema.helper(helper, { family = "family" },
  { positional = "family", example = { family = "ipv4" } })

--- Offer `only_family` to policies: what follows makes rules of that family
-- alone, whatever helper it is. An imported policy begins with it where just
-- one family was imported.
-- @param language table of names
-- @param session the evaluation under way
-- @usage only_family "ipv4"
function M.install(language, session)
  language.only_family = function(...)
    local options = schema.take(session, helper, options_schema, ...)
    local family = options.family or options[1]
    if family ~= "ipv4" and family ~= "ipv6" then
      session.fail(helper, nil, 'takes "ipv4" or "ipv6"')
    end
    local other = session.claim(helper, family)
    if other then
      session.fail(helper, nil, ("the policy is said to be for the other family at %s"):format(other))
    end
    session.core.only(schema.families[family])
  end
end

return M
