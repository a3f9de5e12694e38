-- SPDX-License-Identifier: GPL-2.0-or-later
--- Connections that exist already: by far the most packets.
local schema = require "moongate.schema"
local stages = require "moongate.stages"

local M = {}

local options = schema.helper("allow_established", {})

--- Offer `allow_established` to policies; calling it twice is calling it once.
-- @param language table of names
-- @param session the evaluation under way
-- @usage allow_established()
function M.install(language, session)
  language.allow_established = function(...)
    local helper = "allow_established"
    schema.take(session, helper, options, ...)
    if session.once(helper) then
      for _, chain in ipairs { "INPUT", "OUTPUT", "FORWARD" } do
        session.core.append(3, "filter", chain, stages.rank.established, helper,
          { "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT" })
      end
    end
  end
end

return M
