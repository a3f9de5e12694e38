-- SPDX-License-Identifier: GPL-2.0-or-later
--- What people call things who come from iptables, nft or another firewall: for
-- the suggestion at the end of an error. A slip of one key comes first, then what
-- the name means elsewhere, then what it begins like, then what is near.
local lists = require "moongate.lists"
local nearest = require "moongate.nearest"
local order = require "moongate.order"

local M = {}

local port_options = { "tcp", "destination_port", "port" }
local source_options = { "to_source", "from", "source" }
local destination_options = { "to", "destination" }
local way_in_options = { "on", "in_interface", "interfaces" }
local way_out_options = { "out", "out_interface", "on" }
local network_options = { "networks", "from", "source" }

-- Elsewhere -> what it may be here, likeliest first.
local options = {
  port = port_options, ports = port_options, dport = port_options, dports = port_options,
  destination_port = port_options, destination_ports = port_options, tcp = port_options, udp = port_options,
  sport = { "source_ports", "source_port" }, sports = { "source_ports", "source_port" },
  source_port = { "source_ports" }, source_ports = { "source_port" },
  source = source_options, src = source_options, saddr = source_options, from = source_options,
  destination = destination_options, dest = destination_options, dst = destination_options,
  daddr = destination_options, to = { "destination", "to_port", "to_source" }, to_destination = { "to" },
  interface = way_in_options, iface = way_in_options, dev = way_in_options, device = way_in_options,
  iif = way_in_options, iifname = way_in_options, in_interface = way_in_options, on = way_in_options,
  oif = way_out_options, oifname = way_out_options, out_interface = way_out_options, out = way_out_options,
  network = network_options, net = network_options, subnet = network_options, addr = network_options,
  address = network_options, addresses = network_options, ip = network_options, ips = network_options,
  proto = { "protocol", "protocols" }, target = { "jump" }, action = { "jump" }, verdict = { "jump" },
  ["goto"] = { "go_to" }, ctstate = { "state" }, description = { "comment" }, text = { "comment" },
  note = { "comment" }, rate = { "limit" }, limit = { "rate" }, ipv4 = { "family" }, ipv6 = { "family" },
  log_prefix = { "prefix", "log" }, new_port = { "to_port" }, stage = { "before" }, position = { "before", "stage" },
}

local actions = {
  allow = "allow", accept = "allow", permit = "allow", open = "allow",
  drop = "drop", deny = "drop", block = "drop", reject = "reject", refuse = "reject",
}
local directions = {
  inbound = "inbound", ["in"] = "inbound", input = "inbound", incoming = "inbound", ingress = "inbound",
  outbound = "outbound", out = "outbound", output = "outbound", outgoing = "outbound", egress = "outbound",
  forward = "forward", forwarded = "forward", forwarding = "forward", fwd = "forward",
}

-- Elsewhere -> the helper that does it here.
local helpers = {
  policy = "default_deny", default_drop = "default_deny", default_policy = "default_deny",
  allow_related = "allow_established", allow_established_related = "allow_established",
  allow_lo = "allow_loopback", allow_localhost = "allow_loopback",
  allow_ping = "allow_icmp", allow_inbound_ping = "allow_icmp", allow_outbound_ping = "allow_icmp",
  allow_inbound_icmp = "allow_icmp", allow_outbound_icmp = "allow_icmp", ping = "allow_icmp", icmp = "allow_icmp",
  nat = "masquerade", dnat = "forward_port", port_forward = "forward_port", redirect = "redirect_port",
  log = "log_denied", reject = "reject_denied", ban = "block", blocklist = "block", blacklist = "block",
  preserve = "keep", ignore = "keep", leave = "keep", coexist = "keep", foreign = "keep",
  include = "use", import = "use", require = "use", iptables = "chain", append = "chain", rule = "chain",
}

local function find_beginning(name, names)
  local found
  for _, candidate in ipairs(names) do
    if #name >= 3 and candidate:sub(1, #name) == name and (not found or #candidate < #found) then
      found = candidate
    end
  end
  return found
end

--- What an option that a helper does not have was meant to be.
-- @param name what was written
-- @param names the options that there are
-- @return the end of an error message: a suggestion, or all there are
-- @usage synonyms.option("dport", { "tcp", "udp" }) --> ": did you mean `tcp` or `udp`?"
function M.option(name, names)
  local found, edits = nearest.find(name, names)
  if edits ~= 1 then
    local wanted
    for _, candidate in ipairs(options[name] or {}) do
      wanted = wanted or lists.has(names, candidate) and candidate
    end
    if wanted == "tcp" then
      return ": did you mean `tcp` or `udp`?"
    end
    found = wanted or find_beginning(name, names) or found
  end
  if found then
    return (": did you mean `%s`?"):format(found)
  elseif #names == 0 then
    return ": it takes none"
  end
  return (" (it takes %s)"):format(table.concat(names, ", "))
end

local function nearest_of(words, word)
  if words[word] then
    return words[word]
  end
  local found = nearest.find(word, order.keys(words))
  return found and words[found]
end

local function find_service(services, name)
  return services:get(name) and name or nearest.find(name, services:names())
end

-- "allow_ssh", "accept_input_ssh" -> "allow_inbound_ssh"; nil if it is no verb.
local function find_verb(services, name)
  local first, rest = name:match("^(%l+)_([%w_]+)$")
  local action = first and nearest_of(actions, first)
  if not action then
    return nil
  end
  local word, service = rest:match("^(%l+)_([%w_]+)$")
  local direction = nearest_of(directions, word or rest)
  if direction and not service then
    return action .. "_" .. direction
  end
  local found = find_service(services, direction and service or rest)
  return found and ("%s_%s_%s"):format(action, direction or "inbound", found)
end

--- The name that was meant by one that the language does not have.
-- @param services the registry of services
-- @param name what was written
-- @param names the names that there are, in any order
-- @return one of them, the helper of a service, or nil
-- @usage synonyms.name(services, "allow_ssh", names) --> "allow_inbound_ssh"
function M.name(services, name, names)
  if helpers[name] then
    return helpers[name]
  end
  local found, edits = nearest.find(name, names)
  return edits ~= 1 and find_verb(services, name) or found
end

return M
