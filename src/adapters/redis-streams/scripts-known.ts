/** What of a stream is open: from the first that is pending, or else after the last that was handed out. Nil where nothing is. */
const FIRST_OPEN = `
local function firstOpen(stream, name)
  local reached = '0-0'
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local one = {}
    for n = 1, #group, 2 do one[group[n]] = group[n + 1] end
    if one.name == name then
      if one.pending > 0 then return redis.call('XPENDING', stream, name)[2], one['last-delivered-id'] end
      reached = one['last-delivered-id']
    end
  end
  return '(' .. reached, reached
end
`;

/**
 * Whether anything of a lane is not settled.
 * KEYS     1: the partition's stream, 2: parked lanes, 3: its layout
 * ARGV     1: the group, 2: lane, 3: how many entries are looked at; where there are more, the answer is yes; 4: the epoch that the
 *          caller knows
 * returns  nil: the epoch is another; else 1 or 0
 */
export const WAITS = `${FIRST_OPEN}
if redis.call('HGET', KEYS[3], 'epoch') ~= ARGV[4] then return nil end
if redis.call('ZSCORE', KEYS[2], ARGV[2]) then return 1 end
local from = firstOpen(KEYS[1], ARGV[1])
local open = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', ARGV[3])
for _, entry in ipairs(open) do
  if entry[2][2] == ARGV[2] then return 1 end -- lane is the first of the fields
end
return #open < tonumber(ARGV[3]) and 0 or 1
`;

/**
 * Where an entry is that is not settled.
 * KEYS     1: the partition's stream, 2: what waits in parked lanes
 * ARGV     1: the group, 2: the entry under which its id is known, 3: that one's order, 4: the id, 5: how many others are looked at
 *          where it is not there any more: what was redriven, or has waited in a lane for long, is under another
 * returns  its lane and when it was first appended; or nil
 */
export const FIND = `${FIRST_OPEN}
local from, reached = firstOpen(KEYS[1], ARGV[1])
local function open(entry)
  if #redis.call('XPENDING', KEYS[1], ARGV[1], entry, entry, 1) > 0 then return true end
  return #redis.call('XRANGE', KEYS[1], '(' .. reached, entry, 'COUNT', 1) > 0
end
local function about(entry)
  return { entry[2][2], entry[2][14] or string.match(entry[1], '^%d+') } -- lane, and at where it was redriven
end
local known = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
if known then
  local line = known[2][2] .. '\\n' .. ARGV[3] .. '\\n'
  local waits = redis.call('ZLEXCOUNT', KEYS[2], '[' .. line, '(' .. known[2][2] .. '\\n' .. ARGV[3] .. '\\v') > 0
  if waits or open(known[1]) then return about(known) end
end
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', ARGV[5])) do
  if entry[2][4] == ARGV[4] and open(entry[1]) then return about(entry) end
end
return nil
`;

/**
 * Ids of what is not settled stay known for another while. The keys that say so are not declared, since nobody knows beforehand which
 * they are; they are in the same slot as the others.
 * KEYS     1: the partition's stream, 2: what waits in parked lanes
 * ARGV     1: the group, 2: milliseconds, 3: how those keys begin, 4: where to go on in the stream, empty: at its first open entry, `-`:
 *          it is through; 5: not past this entry, 6: where to go on in the lanes, `-`: at the first, 7: how many at most of each
 * returns  where to go on in both; `-` and an empty text: there is nothing more
 */
export const REMEMBER = `${FIRST_OPEN}
local function keep(id, order, mark)
  local key = ARGV[3] .. id
  if not redis.call('SET', key, order .. ' ' .. mark, 'NX', 'PX', ARGV[2]) then redis.call('PEXPIRE', key, ARGV[2]) end
end
local most = tonumber(ARGV[7])
local next = '-'
if ARGV[4] ~= '-' then
  local from = ARGV[4] == '' and firstOpen(KEYS[1], ARGV[1]) or ARGV[4]
  local some = redis.call('XRANGE', KEYS[1], from, ARGV[5], 'COUNT', most)
  for _, entry in ipairs(some) do keep(entry[2][4], entry[2][8] .. ' ' .. entry[1], entry[2][6]) end
  if #some == most then next = '(' .. some[most][1] end
end
local after = ''
if ARGV[6] ~= '' then
  local line = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[6], '+', 'LIMIT', 0, most)
  for _, member in ipairs(line) do
    local order, id, mark = string.match(member, '^[^\\n]*\\n([^\\n]*)\\n([^\\n]*)\\n([^\\n]*)\\n')
    local epoch, major, minor = string.match(order, '^0*(%d+)%-0*(%d+)%-0*(%d+)')
    keep(id, epoch .. ' ' .. major .. '-' .. minor, mark)
  end
  if #line == most then after = '(' .. line[most] end
end
return { next, after }
`;
