-- SPDX-License-Identifier: GPL-2.0-or-later
-- A web server, or a proxy in front of some.
return module {
  about = "A web server.",
  options = {
    from = { "addresses", about = "who may see it; anybody without it" },
    on = { "interfaces", about = "where they come in" },
    port = { "ports", default = { 80, 443 }, about = "where it listens" },
    http3 = { "boolean", default = false, about = "HTTP/3 as well, over UDP on port 443" },
  },
  function(o)
    allow_inbound { tcp = o.port, from = o.from, on = o.on, comment = "web" }
    if o.http3 then
      allow_inbound_http3 { from = o.from, on = o.on }
    end
  end,
}
