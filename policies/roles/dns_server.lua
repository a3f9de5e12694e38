-- SPDX-License-Identifier: GPL-2.0-or-later
-- A name server: for its own zones, and with `recursive` a resolver for others.
-- One that answers everybody should not be recursive: it would help to flood
-- whoever is named as the sender of a question.
return module {
  about = "A name server.",
  options = {
    from = { "addresses", about = "who may ask; anybody without it" },
    on = { "interfaces", about = "where they come in" },
    over_tls = { "boolean", default = false, about = "DNS over TLS as well" },
    recursive = { "boolean", default = false, about = "it asks other servers itself" },
    peers = { "addresses", about = "the other servers of its zones: transfers and notifications, both ways" },
  },
  function(o)
    allow_inbound_dns { from = o.from, on = o.on }
    if o.over_tls then
      allow_inbound_dns_over_tls { from = o.from, on = o.on }
    end
    if o.recursive then
      allow_outbound_dns()
    end
    if o.peers then
      allow_inbound_dns { from = o.peers, comment = "DNS peer" }
      allow_outbound_dns { to = o.peers, comment = "DNS peer" }
    end
  end,
}
