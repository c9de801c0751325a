-- text: what steps do with the output of programs.
--
--     local text = require("text")
--     for _, line in ipairs(text.lines(r.out)) do ... end

local text = {}

-- Without white space at both ends.
function text.trim(s)
	return (s:gsub("^%s+", ""):gsub("%s+$", ""))
end

-- The lines of s, without their ends; a last empty one is not a line.
function text.lines(s)
	local out = {}
	for line in s:gmatch("([^\r\n]*)\r?\n?") do
		out[#out + 1] = line
	end
	if out[#out] == "" then
		out[#out] = nil
	end
	return out
end

-- The parts of s between separators, which are plain text.
function text.split(s, separator)
	local out, from = {}, 1
	if separator == "" then
		fail("text.split: the separator is empty")
	end
	while true do
		local first, last = s:find(separator, from, true)
		out[#out + 1] = s:sub(from, first and first - 1)
		if not first then
			return out
		end
		from = last + 1
	end
end

function text.starts(s, prefix)
	return s:sub(1, #prefix) == prefix
end

function text.ends(s, suffix)
	return suffix == "" or s:sub(-#suffix) == suffix
end

-- The whole number in s, or nil: "  42\n" gives 42.
function text.integer(s)
	return math.tointeger(tonumber(text.trim(s)))
end

return text
