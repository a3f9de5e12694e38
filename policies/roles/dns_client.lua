-- SPDX-License-Identifier: GPL-2.0-or-later
-- A host that looks names up.
return module {
  about = "A host that looks names up.",
  options = {
    to = { "addresses", about = "its resolvers; any without it" },
    over_tls = { "boolean", default = false, about = "DNS over TLS as well" },
  },
  function(o)
    allow_outbound_dns { to = o.to }
    if o.over_tls then
      allow_outbound_dns_over_tls { to = o.to }
    end
  end,
}
