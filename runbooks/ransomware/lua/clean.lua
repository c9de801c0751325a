-- clean.lua: the named check and the search that uses it.
local clean = {}

-- A path of the inventory by its name.  Needs `action.read: lab` in the step's uses.
function clean.place(name)
  return (action.read("lab", {name = "look-up", args = {name = name}}).out:gsub("%s+$", ""))
end

-- True, or false and the first reason.  Needs `action.read: checks`.  A check that cannot look is an error, and
-- never "clean".
function clean.is(dir, rows)
  local seen = action.read("checks", {name = "clean-point", args = {dir = dir, rows = rows}})
  if seen.status == 0 then return true end
  return false, seen.lines[1] or "damaged"
end

-- The newest point that passes the check, restored below scratch and left there; nil when none of them does.
-- What fails is removed again.  Needs backup.points, restore.start, restore.validate and restore.cleanup of the vault.
function clean.newest(vault, scratch, rows, limit, before_ms)
  local points = backup.points(vault, {limit = limit, before_ms = before_ms}).points
  for i, point in ipairs(points) do
    local to = string.format("%s/%s", scratch, point.id:sub(1, 12))
    progress((i - 1) / #points, string.format("looking into point %d of %d", i, #points))
    restore.start(vault, {point = point.id, to = to})
    -- what was restored is what was backed up, where the point says what that was
    if point.trees then restore.validate(vault, {to = to}) end
    local good, why = clean.is(to, rows)
    if good then return point, to, i end
    log("point %s is damaged: %s", point.id:sub(1, 12), why)
    restore.cleanup(vault, {to = to})
  end
  return nil, nil, #points
end

return clean
