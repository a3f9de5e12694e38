-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- A state folder that is full, a few bytes or files from it, or cannot be written:
-- an apply that cannot be recorded is none, and a confirmation that cannot be is
-- none either. The folder is a tmpfs in a mount namespace, so the kernel says
-- what a disk says.

local features = require "spec.support.features"
local moongate = require "spec.support.moongate"
local network = require "spec.support.network"
local tables = require "spec.support.tables"

local it = features.it(it, pending)

local base = "default_deny() allow_established() allow_loopback() allow_icmp() allow_inbound_ssh()\n"

-- Functions for sh; $1: the program, $2: the lab's folder, on whose state the disk is mounted.
local prelude = [[
moongate=$1 dir=$2 state=$2/state
mkdir -p "$state"
mount -t tmpfs -o size=10m,mode=0700 none "$state" || exit 99
live() { { iptables-legacy-save; ip6tables-legacy-save; } | sed -e '/^#/d' -e 's/\[[0-9:]*\]//'; ipset save; }
apply() { "$moongate" apply "$dir/$1.lua" --state-dir "$state" -q --no-confirm >/dev/null 2>"$dir/err"; }
confirmed() { readlink "$state/confirmed"; }
# files that nobody will ask for again
litter() { find "$state" -mindepth 1 -name '.*' -o -name pending.json -o -path '*/snapshot/*'; }
# room for so much: "size 8k", "nr_inodes 3"
leave() {
	[ $1 = size ] && used=$(df -k --output=used "$state" | tail -1) || used=$(df --output=iused "$state" | tail -1)
	[ $1 = size ] && room="size=$((used + $2))k" || room="nr_inodes=$((used + $2))"
	mount -o "remount,$room" "$state"
}
all_room() { mount -o remount,size=10m,nr_inodes=10000 "$state"; }
]]

describe("a full disk #integration", function()
  local lab, program

  before_each(function()
    lab = network.host()
    program = moongate.new(lab)
    program:policy(base, "first.lua")
  end)

  after_each(network.close_all)

  local function go(script)
    local result = lab.server:run({ "unshare", "--mount", "sh", "-c", prelude .. script, "sh", moongate.binary,
                                    lab.dir }, program:options { limit = 120 })
    assert.equal(0, result.code, result.out .. result.err)
    return result.out
  end

  it("keeps an apply from beginning, wherever it fills up", function()
    for number = 0, 40 do
      program:policy(base .. ("allow_inbound { tcp = %d }\n"):format(1000 + number)
        .. ('block { addresses { "192.0.2.%d", as = "set", name = "x" } }\n'):format(number + 1), number .. ".lua")
    end
    local out = go [[
      apply first || exit 98
      number=0
      for kind in size nr_inodes; do
        for pages in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
          number=$((number + 1)) before=$(live) was=$(confirmed)
          [ $kind = size ] && leave size $((pages * 4)) || leave nr_inodes $pages
          apply $number; code=$?
          left=$(litter)
          all_room
          if [ $code = 0 ]; then
            live | grep -q -- "--dport $((1000 + number)) " && [ "$(confirmed)" != "$was" ] && how=new || how=wrong
          else
            [ "$(live)" = "$before" ] && [ "$(confirmed)" = "$was" ] && how=old || how=wrong
          fi
          echo "$kind $pages $code $how $(tr '\n' ' ' <"$dir/err")${left:+left:$left}"
        done
      done
    ]]
    local seen = { size = {}, nr_inodes = {} }
    for kind, room, code, how, rest in out:gmatch("(%S+) (%d+) (%d+) (%S+) ([^\n]*)\n") do
      local line = ("%s %s %s %s %s"):format(kind, room, code, how, rest)
      assert.falsy(rest:find("left:", 1, true), line)
      if code == "0" then
        assert.equal("new", how, line)
      else
        assert.same({ "7", "old" }, { code, how }, line)
        assert.truthy(rest:find("No space left on device", 1, true), line)
      end
      seen[kind][tonumber(room)] = code
    end
    for _, codes in pairs(seen) do
      assert.same({ "7", "0" }, { codes[0], codes[16] }, out)
    end
  end)

  it("keeps a confirmation from counting: it is taken back in time", function()
    program:policy(base .. "allow_inbound { tcp = 1000 }\n", "second.lua")
    local out = go [[
      apply first || exit 98
      before=$(live)
      "$moongate" apply "$dir/second.lua" --state-dir "$state" -q --confirm 4s >/dev/null 2>"$dir/err" &
      until "$moongate" status --state-dir "$state" | grep -q "is taken back in"; do sleep 0.1; done
      live | grep -q -- "--dport 1000 " && echo "live"
      leave size 0
      "$moongate" confirm --console --state-dir "$state" 2>&1; echo "confirm $?"
      all_room
      "$moongate" status --state-dir "$state" | grep -o "generation 2 is taken back in"
      wait %1; echo "apply $?"
      [ "$(live)" = "$before" ] && echo "taken back"
      confirmed
      litter
    ]]
    assert.equal("live\n", out:match("^[^\n]*\n"))
    assert.truthy(out:find("No space left on device", 1, true), out)
    assert.truthy(out:find("\nconfirm 7\ngeneration 2 is taken back in\napply 3\ntaken back\ngenerations/1\n$"), out)
  end)

  it("that is read-only keeps an apply from beginning, and the rules can be restored", function()
    program:policy(base .. "allow_inbound { tcp = 1000 }\n", "second.lua")
    local out = go [[
      apply first || exit 98
      before=$(live)
      mount -o remount,ro "$state"
      apply second; echo "apply $?"
      cat "$dir/err"
      [ "$(live)" = "$before" ] && echo "untouched"
      iptables-legacy -F
      "$moongate" restore --state-dir "$state" -q 2>/dev/null; echo "restore $?"
      [ "$(live)" = "$before" ] && echo "restored"
      "$moongate" history --state-dir "$state" | tail -1
    ]]
    assert.truthy(out:find("^apply 7\n[^\n]*Read%-only file system\nuntouched\nrestore 0\nrestored\n%*   1  "), out)
  end)

  it("that is full at the first apply leaves nothing", function()
    local before = tables.both(lab.server)
    local out = go [[
      leave nr_inodes 0
      apply first; echo "apply $?"
      ls -A "$state"
    ]]
    assert.equal("apply 7\n", out)
    assert.same(before, tables.both(lab.server))
  end)
end)
