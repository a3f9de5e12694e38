-- SPDX-License-Identifier: GPL-2.0-or-later
-- A mail server: it takes mail from other servers and sends to them, and its
-- users send and read theirs. Names are another role's: add roles.dns_client,
-- without which it delivers nothing.
return module {
  about = "A mail server.",
  options = {
    from = { "addresses", about = "which servers may deliver; any without it" },
    clients = { "addresses", about = "where users send and read from; anywhere without it" },
    on = { "interfaces", about = "where servers and users come in" },
    submission = { "boolean", default = true, about = "users send through it" },
    imap = { "boolean", default = true, about = "users read with IMAP" },
    pop3 = { "boolean", default = false, about = "users read with POP3" },
    sieve = { "boolean", default = false, about = "users edit their filters" },
    relay = { "addresses", about = "the smarthost that takes all it sends; without it, it delivers itself" },
  },
  function(o)
    local for_users = {
      { o.submission, { "submission", "smtps" } },
      { o.imap, { "imap", "imaps" } },
      { o.pop3, { "pop3", "pop3s" } },
      { o.sieve, { "managesieve" } },
    }
    allow_inbound_smtp { from = o.from, on = o.on }
    for _, item in ipairs(for_users) do
      if item[1] then
        allow_inbound { item[2], from = o.clients, on = o.on }
      end
    end
    if o.relay then
      allow_outbound { { "smtp", "submission", "smtps" }, to = o.relay }
    else
      allow_outbound_smtp()
    end
  end,
}
