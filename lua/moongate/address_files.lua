-- SPDX-License-Identifier: GPL-2.0-or-later
--- `addresses_from_file`: a list of addresses that somebody else keeps.
--
-- The core reads and folds it: a blocklist may have 100,000 lines.
local address_lists = require "moongate.address_lists"
local kernel_sets = require "moongate.kernel_sets"
local schema = require "moongate.schema"

local M = {}

local helper = "addresses_from_file"
local options_schema = schema.helper(helper, { path = "string", as = "string", name = "string" }, {
  positional = "path", required = { "path" }, example = { path = "blocklist.txt" },
})

-- What the system takes for a path.
local longest_path = 4095

--- Offer `addresses_from_file` to policies.
-- The file has an address, a network or a range (`FIRST-LAST`) on each line;
-- what follows a `#` or `;` is a comment, and `include FILE` brings in another
-- one. It is found like a module: beside the policy or module that asks for it,
-- then in the folders of the search path; it may not lie elsewhere.
-- The value is one as `addresses { ... }` gives: it stands wherever addresses may.
-- A list of more than a hundred networks is a set of the kernel's, named after the
-- file; `as` and `name` say otherwise, as they do in `addresses`.
-- @param language table of names
-- @param session the evaluation under way
-- @usage block { addresses_from_file("lists/drop.txt") }
-- allow_inbound_ssh { from = { "192.0.2.7", addresses_from_file "office.txt" } }
function M.install(language, session)
  language.addresses_from_file = function(...)
    local options = schema.take(session, helper, options_schema, ...)
    local path = options.path or options[1]
    if options.path and options[1] then
      session.fail(helper, "path", "is given twice")
    end
    local wrong = schema.bad_text(path, longest_path)
    if wrong then
      session.fail(helper, "path", wrong)
    end
    local as, label = kernel_sets.read_as(session, helper, options)
    local list, ipv4, ipv6, host_bits = session.core.address_file(path)
    if not list then
      session.fail(helper, nil, ipv4)
    elseif host_bits then
      session.core.note("warning", ("%s: %s"):format(helper, host_bits), "write the network's first address")
    end
    local own = kernel_sets.file_label(path)
    if label then
      label.path = path
    end
    return address_lists.from_file(session, list, { ipv4, ipv6 }, as, label or own)
  end
end

return M
