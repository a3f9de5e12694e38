-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A boot, for the specs: a namespace whose tables are empty, as a kernel's are that
-- has just started, with the state that an earlier one has left.

local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local run = require "spec.support.run"
local tables = require "spec.support.tables"

local M = {}

--- The program on a host that comes up with the state of another one's program.
-- @param before what moongate.new() gave
-- @param make what makes the lab: network.host, the usual, or network.lab
function M.boot(before, make)
  local program = moongate.new((make or network.host)())
  program.state_dir = before.state_dir
  return program
end

--- A policy with a set, one service, and ssh.
function M.serving(port)
  return ([[
default_deny()
allow_established()
allow_loopback()
allow_icmp()
allow_inbound_ssh()
allow_inbound { tcp = %d, from = addresses { "192.0.2.0/24", "2001:db8:%d::/48", as = "set", name = "office" } }
]]):format(port, port)
end

-- The namespace lives as long as this; all in one line, which is quick.
local glance = [[
"$@"; echo "code $?"; iptables-legacy-save; ip6tables-legacy-save; ipset save -sorted]]

--- Boot, restore, and tell what is live then: { code =, err =, live = }.
function M.glance(program)
  local words = { "unshare", "--net", "sh", "-c", glance, "sh" }
  table.move(program:words("restore"), 1, 4, #words + 1, words)
  local done = run.run(words, { env = { XTABLES_LOCKFILE = program.lab.dir .. "/boot.lock" } })
  return {
    code = tonumber(done.out:match("^code (%d+)\n")), err = done.err,
    live = done.out:gsub("^code %d+\n", ""):gsub("# [^\n]*\n", ""):gsub(" initval 0x%x+", ""),
  }
end

--- All sets with their members, without what differs from one making to the next.
function M.sets(namespace)
  return (namespace:must { "ipset", "save", "-sorted" }:gsub(" initval 0x%x+", ""))
end

--- Both families' save text, without counters, the tables by name: the kernel has them
-- in the order in which they were made.
function M.tables(namespace)
  local list = {}
  for _, family in ipairs(tables.families) do
    for name, text in tables.save(namespace, family):gmatch("(%*%S+)\n(.-COMMIT\n)") do
      list[#list + 1] = ("%s %s\n%s"):format(family, name, text)
    end
  end
  table.sort(list)
  return table.concat(list)
end

--- Let the record of what waits be one of an earlier boot.
function M.forget_boot(program)
  local path = program.state_dir .. "/run/pending.json"
  local text, count = assert(run.read_file(path)):gsub('"boot_id": "[^"]*"',
    '"boot_id": "01234567-89ab-cdef-0123-456789abcdef"')
  assert(count == 1, text)
  run.write_file(path, text)
end

return M
