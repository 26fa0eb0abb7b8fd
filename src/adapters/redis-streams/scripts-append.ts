/**
 * Appends entries that are not known yet.
 * KEYS[1]    the partition's stream
 * KEYS[2]    its layout
 * KEYS[3..]  for each entry, what is remembered of its id: `epoch entry fingerprint`
 * ARGV[1]    the epoch that the caller knows
 * ARGV[2]    milliseconds for which ids are remembered
 * ARGV[3..]  for each entry: lane, id, fingerprint, body
 * returns    nil: the epoch is another, nothing was appended; else for each entry `+epoch entry` (created), `=…` (repeat of that
 *            one) or `!…` (that one has another fingerprint)
 */
export const APPEND = `
if redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then return nil end
local out = {}
for n = 3, #KEYS do
  local at = 3 + (n - 3) * 4
  local known = redis.call('GET', KEYS[n])
  if known then
    local order, mark = string.match(known, '^(%S+ %S+) (.*)$')
    out[#out + 1] = (mark == ARGV[at + 2] and '=' or '!') .. order
  else
    local entry = redis.call('XADD', KEYS[1], '*', 'lane', ARGV[at], 'id', ARGV[at + 1], 'fp', ARGV[at + 2], 'epoch', ARGV[1], 'body', ARGV[at + 3])
    local order = ARGV[1] .. ' ' .. entry
    redis.call('SET', KEYS[n], order .. ' ' .. ARGV[at + 2], 'PX', ARGV[2])
    out[#out + 1] = '+' .. order
  end
end
return out
`;

/**
 * Ends an epoch in one partition: what is in its stream now is the last of the old one. Makes stream and group where there is none.
 * KEYS[1]  the partition's stream
 * KEYS[2]  its layout
 * ARGV[1]  the new epoch
 * ARGV[2]  the group
 * ARGV[3]  the epoch that is handed out, for a partition that is new
 * returns  1: sealed by this call, 0: it was sealed before
 */
export const SEAL = `
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[2], '0', 'MKSTREAM')
if type(made) == 'table' and made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then return made end
local epoch = redis.call('HGET', KEYS[2], 'epoch')
if epoch and tonumber(epoch) >= tonumber(ARGV[1]) then return 0 end
local last, added = '0-0', 0
local info = redis.call('XINFO', 'STREAM', KEYS[1])
for n = 1, #info, 2 do
  if info[n] == 'last-generated-id' then last = info[n + 1] end
  if info[n] == 'entries-added' then added = info[n + 1] end
end
redis.call('HSET', KEYS[2], 'epoch', ARGV[1], 'seal', last, 'added', added)
redis.call('HSETNX', KEYS[2], 'opened', ARGV[3])
return 1
`;

/**
 * Brings a dead letter back into the log.
 * KEYS[1]  the partition's stream
 * KEYS[2]  its layout
 * KEYS[3]  parked lanes
 * KEYS[4]  what is known of them
 * KEYS[5]  what waits in them
 * KEYS[6]  says that it was brought back already
 * KEYS[7]  what is remembered of its id
 * ARGV     1: epoch, 2: milliseconds for which KEYS[6] is remembered, 3: lane, 4: id, 5: fingerprint, 6: order, 7: when it was
 *          first appended, 8: body, 9: milliseconds for which its id is remembered, where it is not any more, 10: `held`: only where its
 *          lane is held, else an empty text
 * returns  nil: the epoch is another, or its lane is just leaving; 1: it is back; 0: it was already; -1: its lane is not held
 */
export const BRING_BACK = `
if redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then return nil end
local due = redis.call('ZSCORE', KEYS[3], ARGV[3])
if ARGV[10] == 'held' then
  if due ~= 'inf' then return -1 end
  if cjson.decode(redis.call('HGET', KEYS[4], ARGV[3])).moving then return nil end -- what comes now would stay behind
end
if not redis.call('SET', KEYS[6], '1', 'NX', 'PX', ARGV[2]) then return 0 end
if not due then
  local entry = redis.call('XADD', KEYS[1], '*', 'lane', ARGV[3], 'id', ARGV[4], 'fp', ARGV[5], 'epoch', ARGV[1], 'body', ARGV[8], 'order', ARGV[6], 'at', ARGV[7])
  redis.call('SET', KEYS[7], ARGV[1] .. ' ' .. entry .. ' ' .. ARGV[5], 'NX', 'PX', ARGV[9])
  return 1
end
redis.call('ZADD', KEYS[5], 0, table.concat({ ARGV[3], ARGV[6], ARGV[4], ARGV[5], ARGV[7], ARGV[8] }, '\\n'))
local epoch, major, minor = string.match(ARGV[6], '^0*(%d+)%-0*(%d+)%-0*(%d+)')
redis.call('SET', KEYS[7], epoch .. ' ' .. major .. '-' .. minor .. ' ' .. ARGV[5], 'NX', 'PX', ARGV[9])
if due == 'inf' then
  local clock = redis.call('TIME')
  redis.call('ZADD', KEYS[3], clock[1] * 1000 + math.floor(clock[2] / 1000), ARGV[3])
end
-- What is known of the lane is of its head, which this may be now.
local about = cjson.decode(redis.call('HGET', KEYS[4], ARGV[3]))
about.attempts = 0
about.deliveries = 0
redis.call('HSET', KEYS[4], ARGV[3], cjson.encode(about))
return 1
`;
