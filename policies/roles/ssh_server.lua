-- SPDX-License-Identifier: GPL-2.0-or-later
-- Logins over ssh: who may come in, and where the server listens.
return module {
  about = "An ssh server.",
  options = {
    from = { "addresses", about = "who may log in; anybody without it" },
    on = { "interfaces", about = "where they come in" },
    port = { "ports", default = 22, about = "where sshd listens" },
  },
  function(o)
    allow_inbound { tcp = o.port, from = o.from, on = o.on, comment = "SSH" }
  end,
}
