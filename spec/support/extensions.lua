-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Rules that use the extensions of iptables, as forms to be filled in:
--
--   {1-99}   an integer            {a|b|c}  one of these words
--   {!}      a negation or nothing {net}    a network   {ip}  an address
--
-- Each entry names one match or target, the forms of its options (for both
-- families, or under ipv4/ipv6 for one), and what the rule needs besides: a
-- protocol, a table and a chain in which the kernel takes it. `hooks` says that
-- other chains are refused; `needs`, what the kernel or the host must have besides.

local M = {}

local function entries(kind, list)
  local made = {}
  for _, entry in ipairs(list) do
    entry.kind, entry.name = kind, entry[1]
    entry.table, entry.chain = entry.table or "filter", entry.chain or "INPUT"
    entry.forms = { ipv4 = {}, ipv6 = {} }
    for family, forms in pairs(entry.forms) do
      if not entry.only or entry.only == family then
        table.move(entry, 2, #entry, 1, forms)
        local own = entry[family] or {}
        table.move(own, 1, #own, #forms + 1, forms)
      end
    end
    made[#made + 1] = entry
  end
  return made
end

M.matches = entries("match", {
  { "addrtype", chain = "OUTPUT", hooks = true, "--src-type LOCAL --limit-iface-out" },
  { "addrtype", "{!}--dst-type {LOCAL|UNICAST|MULTICAST}", "--src-type LOCAL --limit-iface-in",
    "--dst-type LOCAL --limit-iface-in", "{!}--src-type {BROADCAST|LOCAL,ANYCAST} {!}--dst-type local" },
  { "ah", p = "ah", only = "ipv4", "{!}--ahspi {1-500}", "--ahspi {1-9}:{10-99}" },
  { "ah", only = "ipv6", "{!}--ahspi {1-500}", "--ahspi {1-9}:{10-99} --ahlen {1-20} --ahres" },
  { "bpf", needs = "a pinned program", "--object-pinned /nowhere" },
  { "bpf", "--bytecode \"4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0\"" },
  { "cgroup", needs = "control groups", "{!}--path /" },
  { "cgroup", "{!}--cgroup {1-9999}" },
  { "cluster", "--cluster-total-nodes {4-8} {!}--cluster-local-node {1-4} --cluster-hash-seed 0x{1-99}",
    "--cluster-total-nodes 8 {!}--cluster-local-nodemask 0x{1-9} --cluster-hash-seed 7" },
  { "comment", "--comment \"{a|it's|say \\\"hi\\\"|-j DROP|back\\\\slash|%s $HOME} {1-99}\"", "--comment {web|a,b}" },
  { "connbytes",
    "{!}--connbytes {1-99}:{100-999} --connbytes-dir {original|reply|both} --connbytes-mode {packets|bytes}" },
  { "connlabel", "{!}--label {1-60}", "--label {1-60} --set" },
  { "connlimit", "--connlimit-{above|upto} {1-99} --connlimit-mask {1-32} --connlimit-{saddr|daddr}" },
  { "connmark", "{!}--mark {0-255}", "--mark 0x{1-99}/0x{100-999}" },
  { "conntrack", "{!}--ctstate {NEW|RELATED,ESTABLISHED|INVALID|UNTRACKED|SNAT,DNAT}", "{!}--ctproto {6|17|132}",
    "{!}--ctstatus {EXPECTED|CONFIRMED|NONE|ASSURED,SEEN_REPLY}", "--ctdir {ORIGINAL|REPLY}",
    "{!}--ctexpire {1-9}:{10-99}",
    "--ctorigdstport {1-99}:{100-999}", "{!}--ctreplsrcport {1-65535}", "{!}--ctorigsrc {net}", "--ctrepldst {ip}",
    "{!}--ctorigdst {net}", "{!}--ctreplsrc {ip}", "{!}--ctorigsrcport {1-99}",
    "{!}--ctrepldstport {1-99}:{100-999}" },
  { "cpu", "{!}--cpu {0-9}" },
  { "dccp", p = "dccp", "{!}--sport {1-99}:{100-999}", "--dport {1-65535}", "{!}--dccp-types {REQUEST|DATA,ACK}",
    "--dccp-option {1-30}",
    "{!}--source-port {1-99}", "{!}--destination-port {1-99}:{100-999}" },
  { "devgroup", chain = "OUTPUT", hooks = true, "{!}--dst-group {1-9}" },
  { "devgroup", "{!}--src-group {1-255}", "--src-group 0x{1-99}/0x{100-999}" },
  { "dscp", "{!}--dscp {0-63}", "--dscp-class {EF|AF11|CS3|BE}" },
  { "dst", only = "ipv6", "{!}--dst-len {1-200}", "--dst-opts {1-9}:{2-4},{10-20}" },
  { "ecn", p = "tcp", "{!}--ecn-tcp-cwr", "{!}--ecn-tcp-ece", "{!}--ecn-ip-ect {0-3}" },
  { "esp", p = "esp", "{!}--espspi {1-500}", "--espspi {1-9}:{10-99}" },
  { "eui64", only = "ipv6", "" },
  { "frag", only = "ipv6", "{!}--fragid {1-99}", "--fragid {1-9}:{10-99} --fragmore", "--fragfirst",
    "--fraglast --fragres",
    "{!}--fraglen {1-99}" },
  { "hashlimit", "--hashlimit-{upto|above} {1-99}/{sec|min|hour} --hashlimit-name h{1-99}",
    "--hashlimit-upto {1-9}/minute --hashlimit-burst {1-9} --hashlimit-mode {srcip|srcip,dstip}"
      .. " --hashlimit-name i{1-99}",
    "--hashlimit-above {1-99}kb/s --hashlimit-mode dstip --hashlimit-srcmask {1-32} --hashlimit-name j{1-99}",
    "--hashlimit-upto {1-9}/sec --hashlimit-htable-size {10-99} --hashlimit-htable-max {100-999}"
      .. " --hashlimit-htable-expire {1-9}000 --hashlimit-htable-gcinterval {1-9}000 --hashlimit-name k{1-99}",
    "--hashlimit {1-9}/sec --hashlimit-name l{1-99}",
    "--hashlimit-upto {1-9}/sec --hashlimit-mode srcip,dstip,dstport,srcport --hashlimit-srcmask 24"
      .. " --hashlimit-dstmask {8-24} --hashlimit-name m{1-99}",
    "--hashlimit-above {1-9}/sec --hashlimit-rate-match --hashlimit-rate-interval {1-9} --hashlimit-name n{1-99}" },
  { "hbh", only = "ipv6", "{!}--hbh-len {1-200}", "--hbh-opts {1-9},{10-20}:{2-4}" },
  { "helper", "{!}--helper {ftp|sip|irc-6667}" },
  { "hl", only = "ipv6", "{!}--hl-eq {1-255}", "--hl-lt {1-255}", "--hl-gt {1-255}",
    "{!}--hl {1-99}" },
  { "icmp", p = "icmp", only = "ipv4", "{!}--icmp-type {0|8|3/1|any|echo-request|fragmentation-needed|11/0}" },
  { "icmp6", p = "ipv6-icmp", only = "ipv6", "{!}--icmpv6-type {1|128|3/0|packet-too-big|echo-reply|135}" },
  { "ipcomp", p = "ipcomp", "{!}--ipcompspi {1-99}", "--ipcompspi {1-9}:{10-99}",
    "--ipcompspi {1-9} --compres" },
  { "iprange", ipv4 = { "{!}--src-range 10.0.0.{1-99}-10.0.0.{100-254}", "--dst-range 10.0.0.1-10.0.1.{1-254}" },
    ipv6 = { "{!}--dst-range 2001:db8::1-2001:db8::{2-9999}", "{!}--src-range 2001:db8::1-2001:db8::{2-9}" } },
  { "ipv6header", only = "ipv6", "--header {frag,dst|hop-by-hop|auth} --soft", "{!}--header {esp|proto|none}" },
  { "ipvs", needs = "IPVS", "{!}--ipvs", "--vport {1-65535} --vdir {ORIGINAL|REPLY}",
    "{!}--vproto {6|17}", "{!}--vaddr {net}", "{!}--vmethod {GATE|IPIP|MASQ}", "{!}--vportctl {1-99}" },
  { "length", "{!}--length {1-1500}", "--length {0-100}:{101-1500}", "--length {1-9}:" },
  { "limit", "--limit {1-99}/{sec|minute|hour|day} --limit-burst {1-99}", "--limit {1-99}/s" },
  { "mac", "{!}--mac-source 02:00:00:00:00:{10-99}" },
  { "mark", "{!}--mark {0-255}", "{!}--mark 0x{1-99}/0x{100-999}" },
  { "mh", p = "mh", only = "ipv6", "{!}--mh-type {binding-refresh-request|5|2:4}" },
  { "multiport", p = "tcp", "{!}--dports {1-99},{100-199}:{200-300}", "--sports {1-65535}", "{!}--ports http,{1-99}",
    "{!}--source-ports {1-99},{100-999}", "{!}--destination-ports {1-99},{100-999}:1024" },
  { "multiport", p = "udp", "--dports {1-99},{100-199}", "{!}--ports domain,{1-99}" },
  { "nfacct", needs = "an accounting object", "--nfacct-name counter{1-9}" },
  { "osf", p = "tcp", only = "ipv4", "{!}--genre {Linux|Windows} --ttl {0|1|2} --log {0|1|2}" },
  { "owner", chain = "OUTPUT", "{!}--uid-owner {0-65000}", "--gid-owner {0-99}-{100-999}", "{!}--socket-exists",
    "--uid-owner {0-99}-{100-999} --gid-owner root --suppl-groups" },
  { "physdev", chain = "FORWARD", "{!}--physdev-in {eth0|br+}", "--physdev-in a --physdev-out b",
    "{!}--physdev-is-bridged",
    "{!}--physdev-is-in", "{!}--physdev-is-out" },
  { "pkttype", "{!}--pkt-type {unicast|broadcast|multicast}" },
  { "policy", hooks = true, "--dir in --pol {none|ipsec}",
    "--dir in --pol ipsec --reqid {1-99} --proto {esp|ah} --mode transport",
    "--dir in --pol ipsec --strict {!}--spi {1-99} --next --proto ipcomp",
    "--dir in --pol ipsec --strict --mode tunnel {!}--tunnel-src {net} {!}--tunnel-dst {net} --reqid 1 --next"
      .. " --reqid {2-9}" },
  { "quota", "{!}--quota {1-99999}" },
  { "rateest", needs = "an estimator", "--rateest spec --rateest-{lt|gt|eq} --rateest-bps {1-9}mbit",
    "--rateest spec --rateest-gt --rateest-pps {1-99}",
    "--rateest-delta --rateest spec --rateest-bps1 {1-9}kbit --rateest-lt --rateest-bps2 {1-9}mbit",
    "--rateest1 spec --rateest-{lt|gt|eq} --rateest2 spec2",
    "--rateest1 spec --rateest-pps1 {1-9} --rateest-gt --rateest2 spec2 --rateest-pps2 {1-9}" },
  { "realm", only = "ipv4", "{!}--realm {1-200}", "--realm 0x{1-99}/0x{10-99}" },
  { "recent", "--set --name r{1-9} --{rsource|rdest}", "{!}--rcheck --seconds {2-99} --reap --name r{1-9}",
    "{!}--remove",
    "--update --hitcount {1-9} --rttl --name r{1-9}",
    ipv4 = { "--update --name r{1-9} --mask {255.255.0.0|255.255.255.0}" },
    "--rcheck --mask {ip}" },
  { "rpfilter", table = "raw", chain = "PREROUTING", "", "--loose --invert", "--validmark --accept-local" },
  { "rt", only = "ipv6", "{!}--rt-type {0-4}", "--rt-type 0 --rt-segsleft {0-4}:{5-9} --rt-len {1-20} --rt-0-res",
    "--rt-type 0 --rt-0-addrs ::1,2001:db8::{1-99} --rt-0-not-strict" },
  { "sctp", p = "sctp", "{!}--dport {1-65535}", "--sport {1-99}:{100-999}",
    "{!}--chunk-types {any|all|only} {INIT|DATA,SACK}",
    "--chunk-types any DATA:{UBE|I}",
    "{!}--source-port {1-99}:{100-999}", "{!}--destination-port {1-99}" },
  { "set", needs = "a set", "--match-set moongate-none src",
    "--set moongate-none src", "{!}--match-set moongate-none dst",
    "--match-set moongate-none src --return-nomatch ! --update-counters",
    "--match-set moongate-none src ! --update-subcounters",
    "--match-set moongate-none dst {!}--packets-eq {1-99} --bytes-lt {1-99}",
    "--match-set moongate-none src --packets-lt {1-9} {!}--bytes-eq {1-9}",
    "--match-set moongate-none src --packets-gt 2 --bytes-gt 4" },
  { "socket", hooks = true, "", "--transparent", "--nowildcard --restore-skmark" },
  { "srh", only = "ipv6", "{!}--srh-next-hdr {6|17}", "--srh-hdr-len-gt {1-20}",
    "{!}--srh-segs-left-eq {1-9} --srh-tag {1-99}",
    "--srh-psid {net} {!}--srh-lsid {net}",
    "{!}--srh-hdr-len-eq {1-9}", "{!}--srh-hdr-len-lt {1-9}", "{!}--srh-segs-left-gt {1-9}",
    "{!}--srh-segs-left-lt {1-9}",
    "{!}--srh-last-entry-eq {1-9}", "{!}--srh-last-entry-gt {1-9}", "{!}--srh-last-entry-lt {1-9}",
    "{!}--srh-nsid {net}" },
  { "state", "{!}--state {NEW|RELATED,ESTABLISHED|INVALID|UNTRACKED}" },
  { "statistic", "--mode random {!}--probability 0.{10-99}", "--mode nth {!}--every {2-9} --packet {0-1}" },
  { "string", "--algo {bm|kmp} {!}--string {GET|\"a b\"|\"it's\"}", "--algo bm --hex-string \"|0d0a|x|ff|\" --icase",
    "--algo kmp --from {1-99} --to {100-999} --string x{1-99}" },
  { "tcp", p = "tcp", "{!}--dport {1-65535}", "{!}--sport {1-99}:{100-999} --dport ssh", "--dport {1-99}: ",
    "--sport :{1-99}",
    "{!}--tcp-flags {SYN,RST|FIN,SYN,RST,ACK|ALL} {SYN|NONE}", "{!}--syn", "{!}--tcp-option {1-30}",
    "{!}--source-port {1-99}:{100-999}", "{!}--destination-port http" },
  { "tcpmss", p = "tcp", "{!}--mss {1-1500}", "--mss {1-99}:{100-1500}" },
  { "time", "--timestart 0{1-9}:30 --timestop 1{1-9}:00:05 --weekdays {Mon,Tue|Sun}",
    "{!}--monthdays {1-9},{10-28} --kerneltz",
    "--datestart 2031-0{1-9}-01T00:00:00 --datestop 2032-01-0{1-9}",
    "--timestart 23:00 --timestop 0{1-9}:00 --contiguous",
    "--timestart 0{1-9}:00 --utc", "--timestart 0{1-9}:00 --localtz" },
  { "tos", "{!}--tos {Minimize-Delay|0x10|8}", "--tos 0x{10-20}/0x3f" },
  { "ttl", only = "ipv4", "{!}--ttl-eq {1-255}", "--ttl-lt {1-255}", "--ttl-gt {1-255}",
    "{!}--ttl {1-99}" },
  { "u32", "{!}--u32 \"0&0xFFFF=0x{1-99}:0x{100-999}\"", "--u32 \"6&0xFF=1&&4&0x3FFF=0&&0>>22&0x3C@0>>24=0\"" },
  { "udp", p = "udp", "{!}--dport {1-65535}", "{!}--sport {1-99}:{100-999} --dport domain", "--sport {1-9}:",
    "{!}--source-port {1-99}:{100-999}", "{!}--destination-port domain" },
})

M.targets = entries("target", {
  { "AUDIT", "--type {accept|drop|reject}" },
  { "CHECKSUM", table = "mangle", chain = "POSTROUTING", "--checksum-fill" },
  { "CLASSIFY", table = "mangle", chain = "POSTROUTING", "--set-class {1-99}:{1-99}" },
  { "CLUSTERIP", needs = "its interface", only = "ipv4", "",
    "--new --hashmode sourceip --clustermac 01:00:5e:00:00:{10-99} --total-nodes 2 --local-node 1",
    "--new --hashmode sourceip-sourceport --clustermac 01:00:5e:00:00:20 --total-nodes 2 --local-node 1"
      .. " --hash-init {1-9}" },
  { "CONNMARK", table = "mangle", chain = "PREROUTING", "--set-mark {1-99}", "--save-mark --mask 0x{1-99}",
    "--restore-mark --nfmask 0x{1-99} --ctmask 0x{1-99}", "--set-xmark 0x{1-99}/0x{100-999}", "--or-mark {1-9}",
    "--and-mark 0xf",
    "--xor-mark {1-9}", "--left-shift-mark {1-9}", "--right-shift-mark {1-9}" },
  { "CONNSECMARK", table = "security", chain = "INPUT", "--{save|restore}" },
  { "CT", needs = "a helper", table = "raw", chain = "PREROUTING", "--helper ftp", "--timeout spec" },
  { "CT", table = "raw", chain = "PREROUTING", "--notrack", "--zone {1-99}", "--ctevents {new,destroy|assured}",
    "--expevents new --zone-orig {1-9}", "--zone mark",
    "--zone-reply {1-9}" },
  { "DNAT", table = "nat", chain = "PREROUTING", p = "tcp",
    ipv4 = { "--to-destination {ip}", "--to-destination 10.0.0.{1-9}-10.0.0.{10-99}:{1-99}-{100-999} --random",
      "--to-destination :{1-999} --persistent", "--to-destination {ip}:{100-199}-{200-299}/{100-199}" },
    ipv6 = { "--to-destination {ip}", "--to-destination [2001:db8::{1-9}]:{1-99}-{100-999} --persistent",
      "--to-destination {ip} --random" } },
  { "DNPT", only = "ipv6", table = "mangle", chain = "PREROUTING",
    "--src-pfx 2001:db8:{1-99}::/48 --dst-pfx fd00:{1-99}::/48" },
  { "DSCP", table = "mangle", chain = "PREROUTING", "--set-dscp {0-63}", "--set-dscp-class {EF|AF11|CS3}" },
  { "ECN", only = "ipv4", table = "mangle", chain = "PREROUTING", p = "tcp", "--ecn-tcp-remove",
    "--ecn-tcp-cwr {0|1}", "--ecn-tcp-ece {0|1} --ecn-ip-ect {0-3}" },
  { "HL", only = "ipv6", table = "mangle", chain = "PREROUTING", "--hl-set {1-255}", "--hl-dec {1-9}",
    "--hl-inc {1-9}" },
  { "HMARK", table = "mangle", chain = "PREROUTING", p = "tcp",
    "--hmark-tuple src,dst,sport --hmark-mod {1-99} --hmark-offset {1-99} --hmark-rnd 0x{1-99}",
    "--hmark-tuple ct --hmark-mod {1-99} --hmark-rnd 0x{1-9} --hmark-src-prefix {8-24} --hmark-proto-mask 0xff",
    "--hmark-tuple src,dst,sport,dport --hmark-mod {1-99} --hmark-rnd 0x{1-9} --hmark-dst-prefix {8-24}"
      .. " --hmark-sport-mask 0xff00 --hmark-dport-mask 0xff",
    "--hmark-tuple spi,src --hmark-mod 9 --hmark-spi-mask 0xffff",
    "--hmark-tuple ct,src --hmark-mod 9 --hmark-sport {1-99} --hmark-dport 5",
    "--hmark-tuple spi --hmark-mod 9 --hmark-spi 0x{1-99}" },
  { "IDLETIMER", "--timeout {1-99} --label spec{1-9}", "--timeout {1-99} --label spec{10-19} --alarm" },
  { "LED", needs = "a LED", "--led-trigger-id spec{1-9} --led-delay {1-999}",
    "--led-trigger-id spec --led-always-blink" },
  { "LOG", "--log-prefix \"{in: |it's |a\\\"b}\" --log-level {0-7}",
    "--log-tcp-sequence --log-tcp-options --log-ip-options",
    "--log-uid --log-macdecode --log-level {error|debug}", "" },
  { "MARK", table = "mangle", chain = "PREROUTING", "--set-mark {1-99}", "--set-xmark 0x{1-99}/0x{100-999}",
    "--and-mark {1-99}",
    "--or-mark {1-99}", "--xor-mark {1-99}" },
  { "MASQUERADE", table = "nat", chain = "POSTROUTING", p = "tcp", "", "--to-ports {1-99}",
    "--to-ports {1-99}-{100-999} --random",
    "--random-fully" },
  { "NETMAP", table = "nat", chain = "PREROUTING", ipv4 = { "--to 10.{1-99}.0.0/16", "--to {ip}" },
    ipv6 = { "--to 2001:db8:{1-99}::/64" } },
  -- iptables-nft forgets it
  { "NFLOG", needs = "the legacy backend", "--nflog-range {1-99}" },
  { "NFLOG", "--nflog-group {1-99} --nflog-prefix \"a b{1-9}\"", "--nflog-size {1-99} --nflog-threshold {2-99}", "" },
  { "NFQUEUE", "--queue-num {1-99}", "--queue-balance {1-9}:{10-19} --queue-bypass --queue-cpu-fanout", "" },
  { "NOTRACK", table = "raw", chain = "PREROUTING", "" },
  { "RATEEST", table = "mangle", chain = "PREROUTING",
    "--rateest-name spec{1-9} --rateest-interval 250ms --rateest-ewmalog {500ms|1s}" },
  { "REDIRECT", table = "nat", chain = "PREROUTING", p = "udp", "", "--to-ports {1-99}",
    "--to-ports {1-99}-{100-999} --random" },
  { "REJECT", p = "tcp", "", "--reject-with tcp-reset",
    ipv4 = { "--reject-with {icmp-port-unreachable|icmp-admin-prohibited|host-prohib}" },
    ipv6 = { "--reject-with {icmp6-adm-prohibited|addr-unreach|icmp6-no-route}" } },
  { "SECMARK", needs = "security labels", table = "security", chain = "INPUT",
    "--selctx system_u:object_r:spec_t:s0" },
  { "SET", needs = "a set", "--add-set moongate-none src",
    "--add-set moongate-none dst --timeout {1-99} --exist", "--del-set moongate-none src",
    "--map-set moongate-none src --map-mark --map-prio --map-queue" },
  { "SNAT", table = "nat", chain = "POSTROUTING", p = "tcp",
    ipv4 = { "--to-source {ip}", "--to-source {ip}:{1-99}-{100-999} --random",
    "--to-source 10.0.0.1-10.0.0.{2-9} --persistent",
      "--to-source {ip} --random-fully" },
    ipv6 = { "--to-source {ip}", "--to-source [2001:db8::{1-9}]:{1-999}", "--to-source {ip} --random",
      "--to-source 2001:db8::1-2001:db8::{2-9} --persistent", "--to-source {ip} --random-fully" } },
  { "SNPT", only = "ipv6", table = "mangle", chain = "POSTROUTING",
    "--src-pfx fd00:{1-99}::/48 --dst-pfx 2001:db8:{1-99}::/48" },
  { "SYNPROXY", p = "tcp", "--sack-perm --timestamp --wscale {1-9} --mss {500-1460}", "--ecn" },
  { "TCPMSS", table = "mangle", chain = "FORWARD", p = "tcp", before = "--tcp-flags SYN,RST SYN",
    "--set-mss {500-1460}",
    "--clamp-mss-to-pmtu" },
  { "TCPOPTSTRIP", table = "mangle", chain = "PREROUTING", p = "tcp",
    "--strip-options {timestamp|wscale,sack-permitted|3,4}" },
  { "TEE", table = "mangle", chain = "PREROUTING", "--gateway {ip}", "--gateway {ip} --oif lo" },
  { "TOS", table = "mangle", chain = "PREROUTING", "--set-tos {Maximize-Throughput|0x10|0x08/0x3f}",
    "--and-tos 0x{10-20}",
    "--or-tos 0x{1-9}", "--xor-tos 0x{1-9}" },
  { "TPROXY", table = "mangle", chain = "PREROUTING", p = "tcp", "--on-port {1-999}", "--on-port {1-99} --on-ip {ip}",
    "--on-port {1-9} --tproxy-mark 0x{1-99}/0x{100-999}" },
  { "TRACE", table = "raw", chain = "PREROUTING", "" },
  { "TTL", only = "ipv4", table = "mangle", chain = "PREROUTING", "--ttl-set {1-255}", "--ttl-dec {1-9}",
    "--ttl-inc {1-9}" },
  { "ULOG", needs = "an old kernel", only = "ipv4", "",
    "--ulog-nlgroup {1-32} --ulog-prefix \"a b\" --ulog-cprange {1-99} --ulog-qthreshold {1-9}" },
})

--- The part of a rule that uses the extension in one of its forms, not filled in.
function M.words(entry, form)
  local words = {}
  if entry.kind == "match" then
    words[#words + 1] = "-m " .. entry.name
  else
    words[#words + 1] = entry.before
    words[#words + 1] = "-j " .. entry.name
  end
  if form ~= "" then
    words[#words + 1] = form
  end
  return table.concat(words, " ")
end

local addresses = {
  ipv4 = { net = "10.{1-99}.0.0/16", ip = "10.0.0.{1-254}" },
  ipv6 = { net = "2001:db8:{1-999}::/48", ip = "2001:db8::{1-9999}" },
}

--- Fill in a form.
-- @param between function that gives an integer from low to high
function M.fill(text, family, between)
  text = text:gsub("{(%l+)}", addresses[family])
  return (text:gsub("{([^}]+)}", function(choice)
    if choice == "!" then
      return between(1, 4) == 1 and "! " or ""
    end
    local low, high = choice:match("^(%d+)%-(%d+)$")
    if low then
      return tostring(between(tonumber(low), tonumber(high)))
    end
    local words = {}
    for word in choice:gmatch("[^|]+") do
      words[#words + 1] = word
    end
    return words[between(1, #words)]
  end))
end

return M
