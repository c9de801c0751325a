-- inventory.lua: values of the lab by their names.  Needs `action.read: lab` in the step's uses.
local inventory = {host = "127.0.0.1"}

function inventory.text(name)
  return (action.read("lab", {name = "look-up", args = {name = name}}).out:gsub("%s+$", ""))
end

function inventory.port(name)
  return math.tointeger(tonumber(inventory.text(name)))
end

return inventory
