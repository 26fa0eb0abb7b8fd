/** What is known of a message id: `order@entry` for each of its dead letters, oldest first, with blanks between. */
const DEAD_OF = `
local function others(id, is)
  local rest, found = {}, nil
  for pair, order, entry in string.gmatch(redis.call('HGET', KEYS[2], id) or '', '((%S+)@(%S+))') do
    if is(order, entry) then found = entry else rest[#rest + 1] = pair end
  end
  return rest, found
end
local function remove(entry)
  redis.call('XACK', KEYS[1], ARGV[1], entry)
  redis.call('XDEL', KEYS[1], entry)
end
`;

/**
 * An entry that is there already makes room for its newer self: it may have been brought back since, and whoever takes the old one off
 * the list must not take this one with it. Another entry under the same id (accepted when nobody remembered the first) is one more.
 * KEYS     1: the dead letters' stream, 2: message id → its dead letters
 * ARGV     1: the group, then for each: message id, order, its fields as one JSON text
 * returns  1
 */
export const BURY = `${DEAD_OF}
for n = 2, #ARGV, 3 do
  local rest, found = others(ARGV[n], function(order) return order == ARGV[n + 1] end)
  if found then remove(found) end
  rest[#rest + 1] = ARGV[n + 1] .. '@' .. redis.call('XADD', KEYS[1], '*', 'id', ARGV[n], 'entry', ARGV[n + 2])
  redis.call('HSET', KEYS[2], ARGV[n], table.concat(rest, ' '))
end
return 1
`;

/**
 * KEYS     1: the dead letters' stream, 2: message id → its dead letters
 * ARGV     1: the group, 2: message id, 3: the entry
 * returns  1, or 0: it was not there
 */
export const REMOVE_DEAD = `${DEAD_OF}
local rest, found = others(ARGV[2], function(_, entry) return entry == ARGV[3] end)
if not found then return 0 end
remove(found)
if #rest > 0 then redis.call('HSET', KEYS[2], ARGV[2], table.concat(rest, ' ')) else redis.call('HDEL', KEYS[2], ARGV[2]) end
return 1
`;

/**
 * A held lane goes on.
 * KEYS     1: parked lanes, 2: what is known of them, 3: what waits in them
 * ARGV     1: lane
 * returns  1, or 0: it is not held
 */
export const RELEASE_LANE = `
if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= 'inf' then return 0 end
local about = cjson.decode(redis.call('HGET', KEYS[2], ARGV[1]))
if about.moving then return 0 end
if redis.call('ZLEXCOUNT', KEYS[3], '[' .. ARGV[1] .. '\\n', '(' .. ARGV[1] .. '\\v') == 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  local clock = redis.call('TIME')
  redis.call('ZADD', KEYS[1], clock[1] * 1000 + math.floor(clock[2] / 1000), ARGV[1])
  about.attempts = 0
  about.deliveries = 0
  redis.call('HSET', KEYS[2], ARGV[1], cjson.encode(about))
end
return 1
`;

/**
 * How a partition stands.
 * KEYS     1: its stream, 2: its layout, 3: parked lanes, 4: what waits in them
 * ARGV     1: the group
 * returns  length, lag, pending, waiting, milliseconds since the oldest entry that is not settled, entries of the last epoch that
 *          are not settled (0 where no change is under way; those of held lanes not counted)
 */
export const LOOK = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local about = {}
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if groups.err then return { 0, 0, 0, 0, 0, 0 } end
for _, group in ipairs(groups) do
  local one = {}
  for n = 1, #group, 2 do one[group[n]] = group[n + 1] end
  if one.name == ARGV[1] then about = one end
end
local reached = about['last-delivered-id'] or '0-0'
local pending = about.pending or 0
local lag = about.lag
if not lag then lag = #redis.call('XRANGE', KEYS[1], '(' .. reached, '+') end
local oldest = pending > 0 and redis.call('XPENDING', KEYS[1], ARGV[1])[2] or nil
if not oldest then
  local first = redis.call('XRANGE', KEYS[1], '(' .. reached, '+', 'COUNT', 1)[1]
  oldest = first and first[1] or nil
end
local age = oldest and math.max(0, now - tonumber(string.match(oldest, '^%d+'))) or 0
local waiting = redis.call('ZCARD', KEYS[4])
local layout = redis.call('HMGET', KEYS[2], 'epoch', 'opened', 'seal')
local left = 0
if layout[1] ~= layout[2] then
  left = pending + #redis.call('XRANGE', KEYS[1], '(' .. reached, layout[3], 'COUNT', 10000)
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '(+inf')) do
    left = left + redis.call('ZLEXCOUNT', KEYS[4], '[' .. name .. '\\n', '(' .. name .. '\\v')
  end
end
return { redis.call('XLEN', KEYS[1]), lag, pending, waiting, age, left }
`;

/**
 * Removes what was settled long ago: never what is pending or was never handed out.
 * KEYS[1]  the partition's stream
 * ARGV     1: the group, 2: how many settled entries stay
 * returns  how many were removed
 */
export const TRIM = `
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if groups.err then return 0 end
local keep = tonumber(ARGV[2])
for _, group in ipairs(groups) do
  local one = {}
  for n = 1, #group, 2 do one[group[n]] = group[n + 1] end
  -- A lag that the server cannot tell comes right again as soon as the group has caught up.
  if not one.lag then return 0 end
  local open = one.lag
  if one.pending > 0 then
    local first = redis.call('XPENDING', KEYS[1], one.name)[2]
    open = open + #redis.call('XRANGE', KEYS[1], first, one['last-delivered-id'])
  end
  keep = math.max(keep, open + tonumber(ARGV[2]))
end
return redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', keep)
`;

/**
 * Takes a held lane out of a partition that it is to leave. It stays until it is dropped, and cannot be released meanwhile.
 * KEYS     1: parked lanes, 2: what is known of them, 3: what waits in them
 * ARGV     1: lane
 * returns  nil: it is not held; else what is known of it, then what waits
 */
export const TAKE_OUT = `
if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= 'inf' then return nil end
local about = redis.call('HGET', KEYS[2], ARGV[1])
local moving = cjson.decode(about)
moving.moving = true
redis.call('HSET', KEYS[2], ARGV[1], cjson.encode(moving))
moving.moving = nil
return { cjson.encode(moving), redis.call('ZRANGEBYLEX', KEYS[3], '[' .. ARGV[1] .. '\\n', '(' .. ARGV[1] .. '\\v') }
`;

/** KEYS as of TAKE_OUT, of the partition where it is to be. ARGV 1: lane, 2: what is known of it, 3..: what waits. returns 1 */
export const PUT_IN = `
redis.call('ZADD', KEYS[1], 'NX', '+inf', ARGV[1])
redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2])
for n = 3, #ARGV do redis.call('ZADD', KEYS[3], 0, ARGV[n]) end
return 1
`;

/** KEYS as of TAKE_OUT. ARGV 1: lane. returns 1 */
export const DROP_LANE = `
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREMRANGEBYLEX', KEYS[3], '[' .. ARGV[1] .. '\\n', '(' .. ARGV[1] .. '\\v')
return 1
`;
