-- SPDX-License-Identifier: GPL-2.0-or-later
--- What happens to packets that no rule speaks of.
local schema = require "moongate.schema"

local M = {}

local chains = { "INPUT", "FORWARD", "OUTPUT" }
local options = schema.helper("default_deny", {})

--- Offer `default_deny` to policies: DROP for both families.
-- @param language table of names
-- @param session the evaluation under way
-- @usage default_deny()
function M.install(language, session)
  language.default_deny = function(...)
    schema.take(session, "default_deny", options, ...)
    for _, chain in ipairs(chains) do
      session.set_policy(3, "filter", chain, "DROP", "default_deny")
    end
  end
end

return M
