/**
 * Whether anything of a lane is not settled.
 * KEYS     1: the partition's stream, 2: parked lanes
 * ARGV     1: lane, 2: the group, 3: the most entries to look at
 * returns  1: there is something, or there is more than was looked at; 0
 */
export const WAITS = `
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then return 1 end
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if groups.err then return 0 end
local reached = '0-0'
for _, group in ipairs(groups) do
  local one = {}
  for n = 1, #group, 2 do one[group[n]] = group[n + 1] end
  if one.name == ARGV[2] then reached = one['last-delivered-id'] end
end
local most = tonumber(ARGV[3])
local function ours(entries)
  for _, entry in ipairs(entries) do
    local fields = entry[2]
    for n = 1, #fields, 2 do
      if fields[n] == 'lane' and fields[n + 1] == ARGV[1] then return true end
    end
  end
  return #entries == most
end
if ours(redis.call('XRANGE', KEYS[1], '(' .. reached, '+', 'COUNT', most)) then return 1 end
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[2], '-', '+', most)
if pending.err then return 0 end
for _, about in ipairs(pending) do
  local found = redis.call('XRANGE', KEYS[1], about[1], about[1])
  if found[1] then
    local fields = found[1][2]
    for n = 1, #fields, 2 do
      if fields[n] == 'lane' and fields[n + 1] == ARGV[1] then return 1 end
    end
  end
end
return #pending == most and 1 or 0
`;

/**
 * An entry that is not settled, by its name.
 * KEYS     1: the partition's stream, 2: parked lanes
 * ARGV     1: entry, 2: the group
 * returns  nil: it is settled, or not there any more; else its lane
 */
export const FIND = `
local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not found then return nil end
local lane
for n = 1, #found[2], 2 do
  if found[2][n] == 'lane' then lane = found[2][n + 1] end
end
if redis.call('ZSCORE', KEYS[2], lane) then return lane end
local fresh = true
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local one = {}
  for n = 1, #group, 2 do one[group[n]] = group[n + 1] end
  if one.name == ARGV[2] then
    fresh = #redis.call('XRANGE', KEYS[1], '(' .. one['last-delivered-id'], ARGV[1], 'COUNT', 1) > 0
  end
end
if fresh or #redis.call('XPENDING', KEYS[1], ARGV[2], ARGV[1], ARGV[1], 1) > 0 then return lane end
return nil
`;
