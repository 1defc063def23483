-- same.lua A B: whether two files have the same bytes. same.lua cut A N B: B becomes the first N bytes of A.
local function contents(name)
  local file = assert(io.open(name, "rb"))
  local bytes = file:read("a")
  file:close()
  return bytes
end

if arg[1] == "cut" then
  local file = assert(io.open(arg[4], "wb"))
  file:write(contents(arg[2]):sub(1, tonumber(arg[3])))
  file:close()
else
  os.exit(contents(arg[1]) == contents(arg[2]))
end
