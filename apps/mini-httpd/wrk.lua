-- For wrk: counts the answers that are not the file whose name comes after the address, and says what came of it.
local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   local file = assert(io.open(args[1], "rb"))
   right = file:read("*a")
   file:close()
   answers, wrong = 0, 0
end

function response(status, headers, body)
   answers = answers + 1
   if status ~= 200 or body ~= right then
      wrong = wrong + 1
   end
end

function done(summary)
   local answers, wrong, errors = 0, 0, summary.errors
   for _, thread in ipairs(threads) do
      answers, wrong = answers + thread:get("answers"), wrong + thread:get("wrong")
   end
   print(string.format("counted: %d answers, %d wrong, %d errors", answers, wrong,
                       errors.connect + errors.read + errors.write + errors.timeout))
end
