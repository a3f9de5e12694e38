-- SPDX-License-Identifier: GPL-2.0-or-later
-- Logins over ssh: who may come in, and where the server listens.
return module {
  about = "An ssh server.",
  options = {
    from = { "addresses", about = "who may log in; anybody without it" },
    on = { "interfaces", about = "where they come in" },
    port = { "ports", default = 22, about = "where sshd listens" },
    limit = { "limit", about = "how often one may come, such as { rate = \"10/minute\", per = \"source\" }" },
  },
  function(o)
    allow_inbound { tcp = o.port, from = o.from, on = o.on, limit = o.limit, comment = "SSH" }
  end,
}
