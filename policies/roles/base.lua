-- SPDX-License-Identifier: GPL-2.0-or-later
-- What every host has, before it serves or asks for anything: all is denied that
-- no other line allows, running connections go on, nonsense is dropped, and IPv6
-- can find its neighbours.
return module {
  about = "What every host has.",
  options = {
    ping_from = { "addresses", about = "who may ping this host; anybody without it" },
    any_outbound = { "boolean", default = false, about = "the host itself may reach anything" },
    log = { "boolean", default = false, about = "log what is denied, a few packets a minute" },
    reject = { "boolean", default = false, about = "answer what is denied, so that nobody waits in vain" },
    dhcp = { "boolean", default = true, about = "renew the leases of interfaces whose address is leased" },
  },
  function(o)
    default_deny()
    allow_established()
    allow_loopback()
    drop_bad_tcp_flags()
    drop_invalid()
    allow_icmp { from = o.ping_from }
    if o.any_outbound then
      allow_outbound { protocol = "all", comment = "anything out" }
    end
    if o.log then
      log_denied()
    end
    if o.reject then
      reject_denied()
    end
    for _, interface in ipairs(o.dhcp and host.interfaces or {}) do
      if interface.leased or interface.leased6 then
        allow_dhcp_client { on = interface.name }
      end
    end
  end,
}
