-- SPDX-License-Identifier: GPL-2.0-or-later
--- The host's traffic with itself.
local schema = require "moongate.schema"
local stages = require "moongate.stages"

local M = {}

local options = schema.helper("allow_loopback", {})

--- Offer `allow_loopback` to policies; calling it twice is calling it once.
-- @param language table of names
-- @param session the evaluation under way
-- @usage allow_loopback()
function M.install(language, session)
  language.allow_loopback = function(...)
    local helper = "allow_loopback"
    schema.take(session, helper, options, ...)
    if session.once(helper) then
      local append, rank = session.core.append, stages.rank.loopback
      append(3, "filter", "INPUT", rank, helper, { "-i", "lo", "-j", "ACCEPT" })
      append(3, "filter", "OUTPUT", rank, helper, { "-o", "lo", "-j", "ACCEPT" })
    end
  end
end

return M
