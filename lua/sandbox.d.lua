---@meta _
-- The words of a step's Lua that are not a provider's, for editors that read LuaCATS annotations.
-- docs/lua.md describes them; no run ever loads this file.

---Ends the step as failed with this sentence. A text alone is taken as it is.
---@param format string
---@param ... any
function fail(format, ...) end

---A line of the step's output file.
---@param format string
---@param ... any
function log(format, ...) end

---A note in the run's record and report; at most 4,000 bytes.
---@param format string
---@param ... any
function note(format, ...) end

---What the operator sees while it runs. Not recorded.
---@param fraction number? from 0 to 1, or nil
---@param text string?
function progress(fraction, text) end

---Calls the function with what follows it. Gives what it gives, or nil, CODE and the text when the world said no.
---@param call function
---@param ... any
---@return any
---@return string? code
---@return string? text
function attempt(call, ...) end

---Calls the function until it returns a true value, and returns that; raises TIMEOUT.
---@generic T
---@param timeout integer|string "2m", or milliseconds
---@param interval integer|string|fun(): T 1 s unless given
---@param call? fun(): T
---@return T
function wait_until(timeout, interval, call) end

---@param time integer|string "500ms", or milliseconds
function sleep(time) end

---Wall time in milliseconds since 1970; recorded.
---@return integer
function now() end

---A whole number from 1 to n; recorded.
---@param n integer
---@return integer
function random(n) end

---Milliseconds of "1h30m".
---@param text string|integer
---@return integer
function duration(text) end

---Bytes of "16MiB".
---@param text string|integer
---@return integer
function bytes(text) end

---The runbook's parameters.
---@type table<string, any>
params = {}

---What earlier steps returned: outputs.STEP.NAME.
---@type table<string, any>
outputs = {}

---In a for_each: the one it is the turn of.
---@type any
item = nil

---@type "probe"|"drill"|"live"
mode = "drill"

---@type integer
run_id = 0

---@type string
step_id = ""

---@class drillbook.clock
---@field t0_ms? integer impact, wall milliseconds; nil while not stated
---@field t1_ms? integer detected
---@field t2_ms? integer declared
clock = {}

---@class drillbook.moment
---@field at_ms? integer now unless given
---@field basis? string how that is known

---When it hit (t0).
---@param moment? drillbook.moment
function impact(moment) end

---When it was seen (t1).
---@param moment? drillbook.moment
function detected(moment) end

---@class drillbook.recovery_point
---@field service string
---@field basis string how it was measured
---@field lost? integer so many are missing
---@field unit? string of what
---@field acknowledged? integer of so many that were promised
---@field rpa_ms? integer age, at the impact, of the newest data that survived
---@field at_ms? integer time of that data, wall milliseconds

---What was lost, and how that is known.
---@param measured drillbook.recovery_point
function recovery_point(measured) end

---@class drillbook.json
---@field null lightuserdata a null inside a list
json = {}

---@param value any
---@return string
function json.encode(value) end

---@param text string
---@return any
function json.decode(text) end

---Marks a table as a list; needed for an empty one only.
---@param list table
---@return table
function json.array(list) end
