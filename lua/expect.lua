-- expect: checks that fail with a sentence an operator understands.
--
--     local expect = require("expect")
--     expect.equal(replication.status("db-standby").role, "primary", "the role of db-standby")
--     expect.at_most(s.lag_bytes, bytes("16MiB"), "the lag in bytes")

local expect = {}

local function text(value)
	if type(value) == "string" then
		return string.format("%q", value)
	end
	return tostring(value)
end

local function check(good, what, value, should)
	if not good then
		fail("%s is %s, not %s", what or "the value", text(value), should)
	end
	return value
end

-- Numbers only: comparing nil would say nothing about what is missing.
local function number(value, what)
	if math.type(value) == nil then
		fail("%s is %s, not a number", what or "the value", text(value))
	end
	return value
end

function expect.equal(value, wanted, what)
	return check(value == wanted, what, value, text(wanted))
end

function expect.different(value, unwanted, what)
	return check(value ~= unwanted, what, value, "anything else")
end

function expect.at_most(value, limit, what)
	return check(number(value, what) <= limit, what, value, "at most " .. text(limit))
end

function expect.at_least(value, limit, what)
	return check(number(value, what) >= limit, what, value, "at least " .. text(limit))
end

function expect.between(value, low, high, what)
	return check(number(value, what) >= low and value <= high, what, value,
		string.format("from %s to %s", text(low), text(high)))
end

function expect.one_of(value, wanted, what)
	local names = {}
	for i, candidate in ipairs(wanted) do
		if value == candidate then
			return value
		end
		names[i] = text(candidate)
	end
	return check(false, what, value, "one of " .. table.concat(names, ", "))
end

function expect.present(value, what)
	if value == nil or value == "" then
		fail("%s is missing", what or "the value")
	end
	return value
end

return expect
