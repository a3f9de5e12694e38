-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- load.lua FOLDER: load the policy language from there, once, and print the
-- microseconds that it took.

package.path = arg[1] .. "/?.lua"
local start = os.clock()
require "moongate.language"
print(("%.0f"):format((os.clock() - start) * 1e6))
