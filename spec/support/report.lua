-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- How busted reports here: its plain output, and at the very end one line
-- that says "N passed, N failed, N skipped".

return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.plainTerminal"(options)

  busted.subscribe({ "exit" }, function()
    print(("%d passed, %d failed, %d skipped"):format(handler.successesCount,
      handler.failuresCount + handler.errorsCount, handler.pendingsCount))
    return nil, true
  end, { priority = 1 })

  return handler
end
