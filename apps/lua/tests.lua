-- What the interpreter and its libraries do, most of all where they ask the system: files, time, the environment, memory.
-- Lua's own test suite is not in its source archive, so these are ours. Prints one line for each part, the same everywhere.

local passed = 0

local function check(condition, what)
  if not condition then error("failed: " .. what, 2) end
  passed = passed + 1
end

local function part(name, body)
  body()
  print(name)
end

part("numbers", function()
  check(7 // 2 == 3 and -7 // 2 == -4 and 7 % -3 == -2, "floor division")
  check(math.type(3) == "integer" and math.type(3.0) == "float", "types")
  check(math.maxinteger + 1 == math.mininteger, "wrap around")
  check(1e15 == 10^15 and tostring(1e15) == "1e+15", "floats as text")
  check(0x7fffffffffffffff == math.maxinteger, "hexadecimal")
  if tonumber("0x1p4") then     -- dietlibc neither reads nor writes such floats
    check(tonumber("0x1p4") == 16.0 and string.format("%a", 1.0) == "0x1p+0", "hexadecimal floats")
  end
  check(string.format("%.14g %5.1f %x", 0.1, 2.25, 255) == "0.1   2.2 ff", "format")
  check(tonumber("  0x10  ") == 16 and tonumber("1e1") == 10.0 and tonumber("z", 36) == 35, "tonumber")
  check(3 | 4 == 7 and 6 ~ 3 == 5 and ~0 == -1 and 1 << 63 == math.mininteger, "bits")
  check(math.tointeger(2.0^53) == 9007199254740992 and 2^53 == 2^53 + 1, "rounding")
  local sum = 0
  for i = 1, 100000 do sum = sum + math.sin(i) * math.floor(math.sqrt(i)) end
  check(math.abs(sum - sum) == 0 and sum == sum, "no NaN")
end)

part("strings", function()
  check(("abc"):rep(3, "-") == "abc-abc-abc" and ("x"):byte() == 120, "rep and byte")
  check(("key = value"):match("^(%w+)%s*=%s*(%w+)$") == "key", "match")
  check(("hello world"):gsub("o", "0") == "hell0 w0rld", "gsub")
  check(("%d"):format(42) == "42" and ("%q"):format('a\n"b"') == '"a\\\n\\"b\\""', "quoting")
  check(string.pack("<i4z", -2, "hi") == "\xfe\xff\xff\xffhi\0", "pack")
  local a, b, at = string.unpack("<i4z", "\xfe\xff\xff\xffhi\0")
  check(a == -2 and b == "hi" and at == 8, "unpack")
  check(utf8.char(8364, 0x10ffff) == "€\u{10ffff}" and utf8.len("äöü") == 3, "utf-8")
  check(#string.rep("0123456789", 1000000) == 10000000, "ten million bytes")
  check(table.concat({1, 2, 3}, ", ") == "1, 2, 3", "concat")
end)

part("tables", function()
  local t = {}
  for i = 1, 200000 do t[i] = (i * 7919) % 200003 end
  table.sort(t)
  for i = 2, #t do if t[i - 1] > t[i] then error("not sorted") end end
  check(t[1] <= t[2] and #t == 200000, "sort")
  check(not pcall(table.sort, {3, 1, "x"}), "sort of what has no order")
  check(select("#", table.unpack({}, 1, 3)) == 3 and table.pack(nil, nil).n == 2, "unpack")
  local moved = table.move({1, 2, 3}, 1, 3, 2)
  check(moved[2] == 1 and moved[4] == 3, "move")
  local proxy = setmetatable({}, {__index = function(_, key) return key * 2 end, __len = function() return 9 end,
    __call = function(_, x) return x + 1 end, __close = function() passed = passed + 1 end})
  check(proxy[21] == 42 and #proxy == 9 and proxy(1) == 2, "metatables")
  do local guard <close> = proxy end
  local weak = setmetatable({}, {__mode = "v"})
  weak[1] = {}
  collectgarbage()
  check(weak[1] == nil, "weak values")
end)

part("control", function()
  local produce = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end return "end" end)
  check(produce() == 1 and produce() == 2 and produce() == 3 and produce() == "end", "coroutines")
  check(not pcall(produce), "a dead one")
  local ok, why = pcall(error, {code = 7})
  check(not ok and why.code == 7, "error values")
  local _, trace = xpcall(function() local x = nil; return x.field end, debug.traceback)
  check(trace:find("attempt to index a nil value %(local 'x'%)"), "messages")
  local function deep(n) return n == 0 and 0 or 1 + deep(n - 1) end
  check(deep(10000) == 10000, "depth")
  check(not pcall(function() local function f() return 1 + f() end return f() end), "endless recursion")
  for i = 1, 3 do
    if i == 2 then goto continue end
    check(i ~= 2, "goto")
    ::continue::
  end
  local f = load("local a, b = ... return a + b")
  check(f(1, 2) == 3 and load(string.dump(f))(3, 4) == 7, "load and dump")
  check(load("x ==") == nil, "a syntax error")
end)

part("files", function()
  local name = "lua.scratch"
  local f = assert(io.open(name, "w"))
  check(f:write("first\n", 2, " ", 3.5, "\n", ("x"):rep(100000), "\n") == f, "write")
  check(f:seek("cur") == 100013 and f:seek("set", 1) == 1 and f:write("F") and f:close(), "seek")
  local lines = {}
  for line in io.lines(name) do lines[#lines + 1] = line end
  check(#lines == 3 and lines[1] == "fFrst" and #lines[3] == 100000, "lines")
  f = assert(io.open(name, "r+b"))
  check(f:read("l") == "fFrst" and f:read("n") == 2 and f:read("n") == 3.5, "read")
  check(f:read(0) == "" and #f:read("a") == 100002 and f:read("a") == "" and f:read("l") == nil, "to the end")
  check(f:setvbuf("no") and f:seek("set") == 0 and f:write("unbuffered") and f:seek("end") == 100013, "r+")
  f:close()
  check(not pcall(f.read, f) and io.type(f) == "closed file", "a closed one")
  f = assert(io.open(name, "a"))
  f:write("more"):close()
  f = io.open(name)
  check(f:seek("end") == 100017, "append")
  f:close()
  local ok, why, number = io.open("no/such/file")
  check(ok == nil and why == "no/such/file: No such file or directory" and number == 2, "errors")
  check(os.rename(name, name .. ".2") and not io.open(name), "rename")
  check(select(3, os.rename(name, "x")) == 2, "rename of nothing")
  check(os.remove(name .. ".2") and select(3, os.remove(name .. ".2")) == 2, "remove")
  f = assert(io.open("left.txt", "w"))
  for i = 1, 1000 do f:write(i, " ", i * i, "\n") end
  f:close()
  io.output():write("through io.output\n")
end)

part("system", function()
  check(os.getenv("NO_SUCH_VARIABLE") == nil, "getenv")
  local now = os.time()
  check(now > 1700000000 and os.time(os.date("*t", now)) == now, "time")
  check(os.date("!%Y-%m-%d %H:%M:%S", 86400) == "1970-01-02 00:00:00", "date")
  check(os.time({year = 2000, month = 1, day = 1, hour = 12}) == 946728000, "a day")
  check(os.difftime(now + 2, now) == 2.0 and os.clock() >= 0, "clocks")
  check(arg[0] == "tests.lua" and arg[1] == "given", "arguments")
  check(os.execute() == false or os.execute() == true, "a shell, or none")
end)

part("memory", function()
  local before = collectgarbage("count")
  local t = {}
  for i = 1, 50000 do t[i] = {i, tostring(i)} end
  check(collectgarbage("count") > before + 1000, "it grows")
  t = nil
  collectgarbage()
  check(collectgarbage("count") < before + 1000, "and shrinks")
  collectgarbage("generational")
  for i = 1, 200000 do local _ = {i} end
  collectgarbage("incremental")
  check(not pcall(string.rep, "x", 1 << 62), "too much is an error")
  local finalised = 0
  for i = 1, 100 do setmetatable({}, {__gc = function() finalised = finalised + 1 end}) end
  collectgarbage()
  check(finalised == 100, "finalisers")
end)

print(("all %d passed"):format(passed))
