-- sites.lua: what both runbooks know about the two sites.
local sites = {host = "127.0.0.1", a = "192.0.2.1", b = "192.0.2.2",
  name = "orders.lab.test"}

-- A port of the inventory by its name.  Needs `action.read: lab` in the step's uses.
function sites.port(name)
  return math.tointeger(tonumber(action.read("lab", {name = "look-up", args = {name = name}}).out))
end

-- Points the clients' name at another site, in the zone of one target, if it points where we think it does.
-- Needs `dns.point` and `dns.wait` of the target.
function sites.point(zone, from, to)
  local done = dns.point(zone, {name = sites.name, type = "A", from = {from}, to = {to}})
  dns.wait(zone, {name = sites.name, type = "A", want = {to}, wait = "10s"})
  log("%s: %s -> %s, visible after %d ms, caches keep the old one for %d s",
    zone, from, to, done.visible_after_ms, done.caches_s)
end

-- Fails unless the authority of the zone answers with that site.  Needs `dns.get` of the target.
function sites.must_point(zone, to)
  local now = dns.get(zone, {name = sites.name, type = "A"})
  if #now.values ~= 1 or now.values[1] ~= to then
    fail("%s says %s instead of %s", zone, table.concat(now.values, ", "), to)
  end
end

return sites
