-- SPDX-License-Identifier: GPL-2.0-or-later
-- A router between a LAN and the internet. The LAN may go out, by its own
-- networks only; what comes in again are answers, and what `forwards` names.
-- Sources that cannot come from where they come in are dropped before that.
-- IPv4 is hidden behind the router's address, IPv6 goes as it is. The router
-- itself is a host like others: roles.base and other roles are for that.

-- Whether networks are of a family; those that only exclude some are of both.
local function has_networks(networks, family)
  local list = addresses { networks }
  for _, text in ipairs(list) do
    if (text:find(":", 1, true) and "ipv6" or "ipv4") == family then
      return true
    end
  end
  return #list == 0
end

return module {
  about = "A router between a LAN and the internet.",
  options = {
    lan = { "interfaces", required = true, about = "the interfaces of the LAN" },
    wan = { "interfaces", required = true, about = "the interfaces to the internet" },
    networks = { "addresses", required = true, about = "the networks of the LAN: no other source is forwarded" },
    services = { "services", about = "what the LAN may reach, besides pings; anything without it" },
    masquerade = { "boolean", default = true, about = "hide the LAN's IPv4 addresses behind the router's" },
    masquerade_ipv6 = { "boolean", default = false, about = "hide its IPv6 addresses, too" },
    forwards = { "list", default = {}, about = "the router's ports that lead into the LAN, as for forward_port" },
    reflect = { "boolean", default = false, about = "the LAN reaches those ports at the outer address, too" },
    spoofed = { "boolean", default = true, about = "drop sources that are not of the side where they come in" },
    advertise = { "boolean", default = true, about = "hosts of the LAN learn of the router by IPv6, as from radvd" },
    clamp = { "boolean", default = false, about = "fit TCP segments to a narrow link, such as PPPoE or a tunnel" },
  },
  function(o)
    local lan = zone { interfaces = o.lan, networks = o.networks, name = "lan" }

    if o.spoofed then
      drop_spoofed { on = lan }
      drop_spoofed { on = o.wan }
    end

    if o.services then
      allow_forward { o.services, from = lan, out = o.wan }
      allow_forward { protocol = { "icmp", "ipv6-icmp" }, from = lan, out = o.wan, comment = "ping" }
    else
      allow_forward { protocol = "all", from = lan, out = o.wan, comment = "LAN" }
    end

    for family, hide in pairs { ipv4 = o.masquerade, ipv6 = o.masquerade_ipv6 } do
      if hide and has_networks(o.networks, family) then
        masquerade { from = o.networks, out = o.wan, family = family }
      end
    end

    for i, forward in ipairs(o.forwards) do
      if type(forward) ~= "table" then
        error(("forwards[%d]: options of forward_port are needed, not %s"):format(i, tostring(forward)))
      end
      local options = { on = o.wan, reflect = o.reflect and lan or nil }
      for key, value in pairs(forward) do
        options[key] = value
      end
      forward_port(options)
    end

    if o.advertise then
      allow_router_advertisements { on = o.lan }
    end

    if o.clamp then
      clamp_mss()
    end
  end,
}
