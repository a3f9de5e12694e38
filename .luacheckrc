-- SPDX-License-Identifier: GPL-2.0-or-later
std = "lua54"
max_line_length = 120
files["spec"] = { std = "+busted" }
-- a policy's names are the language's; the engine itself reports unknown ones
files["policies"] = { ignore = { "113" } }
