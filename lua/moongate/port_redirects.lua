-- SPDX-License-Identifier: GPL-2.0-or-later
--- Ports that lead to another port of this host: `redirect_port`.
-- REDIRECT in PREROUTING, and the accept in INPUT; see moongate.port_translation.
local lists = require "moongate.lists"
local port_map = require "moongate.port_map"
local schema = require "moongate.schema"
local translation = require "moongate.port_translation"

local M = {}

local helper = "redirect_port"
local options_schema = translation.schema(helper, { intercept = "boolean" },
  { example = { tcp = 80, to_port = 8080 } })

-- One rule for each port of a range that shifts: REDIRECT has no way to say it.
local most = 128

-- What an application on this host connects to here, whatever is intercepted:
-- or the proxy's own connections would come back to it.
local own_addresses = { is_local = true }

local function stays(mapping)
  return not mapping.to_low or mapping.to_low == mapping.low and mapping.to_high == mapping.high
end

-- The mappings with one for each port where a range shifts.
local function one_by_one(session, mappings)
  local out = {}
  for _, mapping in ipairs(mappings) do
    if stays(mapping) then
      out[#out + 1] = lists.merged(mapping, { stays = true })
    elseif mapping.to_low == mapping.to_high then
      out[#out + 1] = mapping
    elseif mapping.high - mapping.low >= most then
      session.fail(helper, "to_port", ("a range that shifts takes a rule for each port, %d at most: let the service "
        .. "listen on one port, or on the same range"):format(most))
    else
      for offset = 0, mapping.high - mapping.low do
        local low, to_low = mapping.low + offset, mapping.to_low + offset
        out[#out + 1] = lists.merged(mapping, { low = low, high = low, to_low = to_low, to_high = to_low })
      end
    end
  end
  return out
end

local function target_of(mapping)
  local target = { "-j", "REDIRECT" }
  if mapping.to_low then
    target.protocol = mapping.protocol
    target[3], target[4] = "--to-ports", port_map.text(mapping.to_low, mapping.to_high, "-")
  end
  return target
end

local function redirect(session, request, cases)
  for _, case in ipairs(cases) do
    translation.translate(session, request, case, case.families, target_of(case.mapping),
      { chain = "PREROUTING", source = request.source, ins = request.ins })
  end
  translation.accept(session, request, cases, 3, { chain = "INPUT", source = request.source, ins = request.ins })
  for _, case in ipairs(request.from_host and cases or {}) do
    local own = case.original.set and case or lists.merged(case, { original = own_addresses })
    translation.translate(session, request, own, case.families, target_of(case.mapping), { chain = "OUTPUT" })
  end
end

local function redirect_port(session, options)
  if options.intercept and options.address ~= nil then
    session.fail(helper, "intercept", "address= already says for whom the packets are")
  end
  local request = translation.read(session, helper, options, options.intercept)
  if not request then
    return
  end
  request.mappings = one_by_one(session, request.mappings)
  for _, mapping in ipairs(request.mappings) do
    if mapping.stays and options.address == nil and not options.intercept then
      session.fail(helper, "to_port", (options.to_port == nil and "is missing: " or "is the same port: ")
        .. "give the port that the service listens on, or intercept = true to take what is meant for other hosts")
    end
  end
  redirect(session, request, translation.cases(session, request))
end

--- Offer `redirect_port` to policies.
--
-- Options: `tcp`, `udp`, `sctp` or a service, the outer ports; `to_port`, the
-- inner ones (a range goes to one port, or one to one); `on` and `from`, whose
-- connections; `address`, the original destination (this host's own addresses
-- if not given); `intercept`, packets for any host, as a transparent proxy
-- needs it; `from_host`, connections of this host to itself as well, which come
-- over the loopback; `log` and `limit`, as for the verbs; `family` and `comment`.
-- @param language table of names
-- @param session the evaluation under way
-- @usage redirect_port { tcp = 80, to_port = 8080 }
-- @usage redirect_port { "dns", on = "lan0", intercept = true }
function M.install(language, session)
  language.redirect_port = function(...)
    redirect_port(session, schema.take(session, helper, options_schema, ...))
  end
end

return M
