-- SPDX-License-Identifier: GPL-2.0-or-later
-- A host that asks for the time.
return module {
  about = "A host that asks for the time.",
  options = {
    to = { "addresses", about = "its time servers; any without it" },
    nts = { "boolean", default = false, about = "with keys (NTS), which are fetched over TCP first" },
  },
  function(o)
    allow_outbound_ntp { to = o.to }
    if o.nts then
      allow_outbound_nts_ke { to = o.to }
    end
  end,
}
