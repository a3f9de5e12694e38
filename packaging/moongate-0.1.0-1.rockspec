-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- `luarocks make packaging/moongate-0.1.0-1.rockspec` in a checkout: the module
-- moongate.netfilter for Lua 5.4, and nothing else of Moongate. It stands by itself;
-- what it is built with stands in packaging/packages.
rockspec_format = "3.0"
package = "moongate"
version = "0.1.0-1"
source = {
  -- a checkout: `make` is run where luarocks is
  url = "git+file://.",
}
description = {
  summary = "Live iptables tables from Lua: walk, edit, compare and commit them",
  detailed = [[
Opens tables of the kernel's x_tables, IPv4 and IPv6; walks chains and rules with
their counters; compiles rules with the installed iptables extensions; inserts,
replaces, deletes and compares rules, and commits a table in one step that keeps
the counters of what was not touched.]],
  license = "GPL-2.0-or-later",
  labels = { "linux", "firewall", "netfilter", "iptables" },
}
supported_platforms = { "linux" }
dependencies = {
  "lua >= 5.4, < 5.5",
}
external_dependencies = {
  LIBXTABLES = { header = "xtables.h" },
  LIBMNL = { header = "libmnl/libmnl.h" },
  LIBIPSET = { header = "libipset/ipset.h" },
  LIBNETFILTER_CONNTRACK = { header = "libnetfilter_conntrack/libnetfilter_conntrack.h" },
  LIBJANSSON = { header = "jansson.h" },
  LIBMD = { header = "sha2.h" },
  LIBSECCOMP = { header = "seccomp.h" },
  LIBCAP_NG = { header = "cap-ng.h" },
  LIBSYSTEMD = { header = "systemd/sd-bus.h" },
}
build = {
  type = "make",
  build_target = "build/lua/moongate/netfilter.so",
  install_pass = false,
  install = {
    lib = {
      ["moongate.netfilter"] = "build/lua/moongate/netfilter.so",
    },
  },
}
