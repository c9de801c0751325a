-- places.lua: where things are.  Needs `action.read: lab` in the step's uses.
local places = {}

function places.at(name)
  return (action.read("lab", {name = "look-up", args = {name = name}}).out:gsub("%s+$", ""))
end

-- The backups, oldest first: their names are orders-MILLISECONDS.db.
function places.backups()
  local found = {}
  for _, name in ipairs(action.read("lab", {name = "backups"}).lines) do
    local at = name:match("^orders%-(%d+)%.db$")
    if at then found[#found + 1] = {path = places.at("SQLITE_BACKUPS") .. "/" .. name, at_ms = math.tointeger(tonumber(at))} end
  end
  table.sort(found, function(a, b) return a.at_ms < b.at_ms end)
  return found
end

return places
