-- recovery: stating what was lost, by counting.
--
--     local recovery = require("recovery")
--     recovery.counted{service = "orders", unit = "orders",
--         acknowledged = outputs.before.count, found = r.count, basis = "count of orders"}

local recovery = {}

local function whole(args, name)
	local value = args[name]
	if math.type(value) ~= "integer" or value < 0 then
		fail("recovery.counted: %s is %s, not a whole number", name, tostring(value))
	end
	return value
end

-- What clients were told is safe, against what is there.  More than acknowledged is no loss: the last ones were
-- stored and their answer was not.  Returns how many are missing.
function recovery.counted(args)
	local acknowledged, found = whole(args, "acknowledged"), whole(args, "found")
	local lost = math.max(acknowledged - found, 0)

	recovery_point{
		service = args.service, unit = args.unit, lost = lost, acknowledged = acknowledged,
		rpa_ms = args.rpa_ms, at_ms = args.at_ms,
		basis = args.basis or "acknowledged against found",
	}
	log("%s: %d acknowledged, %d found, %d lost", args.service, acknowledged, found, lost)
	return lost
end

return recovery
