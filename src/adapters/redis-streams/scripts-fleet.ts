/**
 * KEYS[1]  the partition's lease: owner, fence, until (milliseconds on the server's clock)
 * KEYS[2]  its stream
 * ARGV     1: who asks, 2: for so many milliseconds, 3: the group
 * returns  the fence, or -1: somebody else holds it
 */
export const TAKE = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local held = redis.call('HMGET', KEYS[1], 'owner', 'until')
if held[1] and held[1] ~= '' and held[1] ~= ARGV[1] and tonumber(held[2]) > now then return -1 end
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'until', string.format('%.0f', now + ARGV[2]))
-- Names of those who were here before and hold nothing: whoever runs in a container has a new name every time.
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[2], ARGV[3])
if not consumers.err then
  for _, about in ipairs(consumers) do
    local known = {}
    for n = 1, #about, 2 do known[about[n]] = about[n + 1] end
    if known.name ~= ARGV[1] and known.pending == 0 then redis.call('XGROUP', 'DELCONSUMER', KEYS[2], ARGV[3], known.name) end
  end
end
return fence
`;

/**
 * KEYS[1]  the partition's lease
 * ARGV     1: owner, 2: fence, 3: for so many milliseconds more; 0: it is given up
 * returns  1, or 0: it is not the owner's any more
 */
export const KEEP = `
local held = redis.call('HMGET', KEYS[1], 'owner', 'fence')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then return 0 end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if ARGV[3] == '0' then
  redis.call('HSET', KEYS[1], 'owner', '', 'until', 0)
else
  redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[3]))
end
return 1
`;

/**
 * KEYS     1: who consumes, 2: the control
 * ARGV     1: a name, 2: for so many milliseconds; 0: nobody is added
 * returns  the server's time, then epoch, partitions, from, opened, at, paused (each may be nil), then the names
 */
export const BEAT = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if ARGV[2] ~= '0' then redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1]) end
local known = redis.call('HMGET', KEYS[2], 'epoch', 'partitions', 'from', 'opened', 'at', 'paused')
return { now, known, redis.call('ZRANGE', KEYS[1], 0, -1) }
`;

/**
 * Begins the first epoch, or the next one. The first is the number of whole hours since 2020: a server that has lost everything, and
 * whose stream is made anew, goes on above all epochs that were before, so that what is new is ordered behind what is stored already
 * (unless partitions were changed more than once an hour ever since).
 * KEYS[1]  the control
 * ARGV     1: partitions, 2: '1' where only the first is to be made
 * returns  0: nothing to do, 1: begun, -1: a change is under way
 */
export const BEGIN_EPOCH = `
local known = redis.call('HMGET', KEYS[1], 'epoch', 'partitions', 'opened')
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if not known[1] then
  local first = math.floor(now / 3600000) - 438288
  redis.call('HSET', KEYS[1], 'epoch', first, 'partitions', ARGV[1], 'from', ARGV[1], 'opened', first, 'at', now)
  return 1
end
if ARGV[2] == '1' then return 0 end
if known[1] ~= known[3] then return -1 end
if known[2] == ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'epoch', known[1] + 1, 'partitions', ARGV[1], 'from', known[2], 'at', now)
return 1
`;
