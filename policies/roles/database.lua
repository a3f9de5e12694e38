-- SPDX-License-Identifier: GPL-2.0-or-later
-- A database server. Who may ask must be said: databases are not for everybody.
return module {
  about = "A database server.",
  options = {
    engine = {
      "string",
      default = "postgresql",
      one_of = {
        "cassandra", "clickhouse", "couchdb", "elasticsearch", "influxdb", "memcached", "mongodb", "mssql", "mysql",
        "oracle", "postgresql", "redis",
      },
      about = "which one, for its port",
    },
    from = { "addresses", required = true, about = "who may ask" },
    on = { "interfaces", about = "where they come in" },
    port = { "ports", about = "where it listens, if not at the engine's own port" },
    peers = { "addresses", about = "its replicas: the same port, both ways" },
  },
  function(o)
    local function options(side, who, on)
      local comment = ("%s%s"):format(o.engine, who == o.peers and " replica" or "")
      return { service = not o.port and o.engine or nil, tcp = o.port, [side] = who, on = on, comment = comment }
    end
    allow_inbound(options("from", o.from, o.on))
    if o.peers then
      allow_inbound(options("from", o.peers))
      allow_outbound(options("to", o.peers))
    end
  end,
}
