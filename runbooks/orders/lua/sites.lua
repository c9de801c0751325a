-- sites.lua: what both runbooks know about the two sites.
local sites = {host = "127.0.0.1"}

-- The inventory: ports and addresses by name.  Needs `action.read: lab` in the step's uses.
function sites.inventory()
  local found = {}
  for _, line in ipairs(action.read("lab", {name = "inventory"}).lines) do
    local name, value = line:match("^([%w_]+): (.*)$")
    if name then found[name] = math.tointeger(tonumber(value)) or value end
  end
  return found
end

return sites
