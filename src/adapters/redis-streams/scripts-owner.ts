/**
 * What both halves of the owner's script need. A waiting entry is `lane\norder\nid\nfingerprint\nappended\nbody` in a sorted set whose
 * scores are all 0, so that ZRANGEBYLEX gives a lane in its order. No part but the body has line breaks.
 */
const SHARED = `
local lease = redis.call('HMGET', KEYS[2], 'owner', 'fence', 'batch', 'lanes')
if lease[1] ~= ARGV[1] or lease[2] ~= ARGV[2] then return nil end
local group = ARGV[3]
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function pad(text, digits)
  return string.rep('0', digits - #text) .. text
end
local function field(fields, name)
  for n = 1, #fields, 2 do
    if fields[n] == name then return fields[n + 1] end
  end
end
local function member(id, fields)
  local order, at = field(fields, 'order'), field(fields, 'at')
  local dash = string.find(id, '-', 1, true)
  local major, minor = string.sub(id, 1, dash - 1), string.sub(id, dash + 1)
  order = order or (pad(field(fields, 'epoch'), 6) .. '-' .. pad(major, 15) .. '-' .. pad(minor, 9))
  return table.concat({ field(fields, 'lane'), order, field(fields, 'id'), field(fields, 'fp'), at or major, field(fields, 'body') }, '\\n')
end
local function lane(name, most)
  return redis.call('ZRANGEBYLEX', KEYS[6], '[' .. name .. '\\n', '(' .. name .. '\\v', 'LIMIT', 0, most)
end
`;

/** Settles; see {@link TURN}. */
const SETTLE = `
local function settle(batch)
  local at = 6
  local function take()
    at = at + 1
    return ARGV[at - 1]
  end

  local done = tonumber(take())
  if done > 0 then redis.call('XACK', KEYS[1], group, unpack(ARGV, at, at + done - 1)) end
  at = at + done

  local touched = {}
  for _ = 1, tonumber(take()) do
    local name, order = take(), take()
    local from = name .. '\\n' .. order
    redis.call('ZREMRANGEBYLEX', KEYS[6], '[' .. from .. '\\n', '(' .. from .. '\\v')
    touched[name] = true
  end

  -- Which lanes this batch has parked already: a repeat must not undo what people or time have done to them since.
  local lanes = lease[4] or ''
  if string.sub(lanes, 1, #batch + 1) ~= batch .. '\\n' then lanes = batch .. '\\n' end
  while at <= #ARGV do
    local name, attempts, after, failure = take(), tonumber(take()), tonumber(take()), take()
    local many = tonumber(take())
    if not string.find(lanes, '\\n' .. name .. '\\n', 1, true) then
      lanes = lanes .. name .. '\\n'
      for n = at, at + many - 1 do
        local entry = redis.call('XRANGE', KEYS[1], ARGV[n], ARGV[n])[1]
        if redis.call('XACK', KEYS[1], group, ARGV[n]) == 1 and entry then redis.call('ZADD', KEYS[6], 0, member(ARGV[n], entry[2])) end
      end
      redis.call('ZADD', KEYS[4], after < 0 and '+inf' or clock() + after, name)
      redis.call('HSET', KEYS[5], name, cjson.encode({ attempts = attempts, deliveries = 0, failure = failure }))
      redis.call('HSET', KEYS[2], 'lanes', lanes)
    end
    at = at + many
    touched[name] = nil
  end

  -- Lanes whose head went and that did not fail again: the next of them at once, or the end of the parking.
  for name in pairs(touched) do
    local about = redis.call('HGET', KEYS[5], name)
    if about and redis.call('ZSCORE', KEYS[4], name) ~= 'inf' then
      if #lane(name, 1) == 0 then
        redis.call('ZREM', KEYS[4], name)
        redis.call('HDEL', KEYS[5], name)
      else
        about = cjson.decode(about)
        about.attempts = 0
        about.deliveries = 0
        redis.call('HSET', KEYS[5], name, cjson.encode(about))
        redis.call('ZADD', KEYS[4], clock(), name)
      end
    end
  end
end
`;

/** Hands out the next batch; see {@link TURN}. */
const READ = `
local function read(limit)
  local parking = redis.call('EXISTS', KEYS[4]) == 1
  local now = parking and clock() or 0
  local out = { 0, 0, -1, '' }
  local room = limit

  -- Of a lane that is parked: to the end of its line. Of any other: handed out.
  local function give(id, fields, deliveries)
    if parking and redis.call('ZSCORE', KEYS[4], field(fields, 'lane')) then
      redis.call('ZADD', KEYS[6], 0, member(id, fields))
      redis.call('XACK', KEYS[1], group, id)
      out[2] = 1
    else
      out[#out + 1] = { id, deliveries, 0, fields }
      room = room - 1
    end
  end

  local again = redis.call('XAUTOCLAIM', KEYS[1], group, ARGV[1], 0, '0-0', 'COUNT', limit)[2]
  if #again > 0 then
    out[2] = 1
    local counts = {}
    for _, about in ipairs(redis.call('XPENDING', KEYS[1], group, again[1][1], again[#again][1], limit)) do counts[about[1]] = about[4] end
    for _, entry in ipairs(again) do give(entry[1], entry[2], counts[entry[1]] or 1) end
  end

  if parking and #again == 0 then
    for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, room)) do
      if room <= 0 then break end
      local line = lane(name, room)
      if #line == 0 then
        redis.call('ZREM', KEYS[4], name)
        redis.call('HDEL', KEYS[5], name)
      else
        local about = cjson.decode(redis.call('HGET', KEYS[5], name))
        about.deliveries = about.deliveries + 1
        redis.call('HSET', KEYS[5], name, cjson.encode(about))
        for n, waiting in ipairs(line) do
          out[#out + 1] = n == 1 and { waiting, about.deliveries, about.attempts } or { waiting, 1, 0 }
          room = room - 1
        end
      end
    end
  end

  local last
  local moving = false
  local want = (#again == 0 and room == limit) and limit or 0
  if want > 0 then
    local layout = redis.call('HMGET', KEYS[3], 'epoch', 'opened', 'seal')
    moving = layout[1] ~= layout[2]
    if moving then -- only what was there before the seal
      local reached = '0-0'
      for _, known in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
        if field(known, 'name') == group then reached = field(known, 'last-delivered-id') end
      end
      want = #redis.call('XRANGE', KEYS[1], '(' .. reached, layout[3], 'COUNT', want)
    end
    if want > 0 then
      local fresh = redis.call('XREADGROUP', 'GROUP', group, ARGV[1], 'COUNT', want, 'STREAMS', KEYS[1], '>')
      local entries = fresh and fresh[1][2] or {}
      for _, entry in ipairs(entries) do give(entry[1], entry[2], 1) end
      if #entries == want then out[2] = 1 elseif #entries > 0 then last = entries[#entries][1] end
    end
  else
    out[2] = 1
  end
  if out[2] == 0 then
    if not last or moving then
      local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
      last = top[1] and top[1][1] or '0-0'
    end
    out[4] = last
  end

  if parking then
    local nearest = redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. string.format('%.0f', now), '(+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if nearest[2] then out[3] = math.max(0, math.ceil(nearest[2] - now)) end
  end
  if #out > 4 then out[1] = redis.call('HINCRBY', KEYS[2], 'batch', 1) end
  return out
end
`;

/**
 * What an owner asks of its partition: settles a batch, hands out the next one, or both in this order.
 * KEYS     1: the partition's stream, 2: its lease, 3: its layout, 4: parked lanes, 5: what is known of them, 6: what waits in them
 * ARGV     1: owner, 2: fence, 3: the group, 4: the most entries to be handed out, 0: none; 5: the number of the batch to be settled,
 *          or an empty text. Where there is one: how many entries of the stream are done, and they; how many waiting entries are done,
 *          and of each its lane and its order; then for each lane to be parked: its name, attempts, milliseconds until it is due or
 *          -1, the failure as JSON, how many entries of the stream go to its line, and they
 * returns  nil: the partition is not the owner's, nothing was changed. Else (a settlement that comes after another batch changes
 *          nothing): the number of the new batch; 1 where there may be more, else 0; milliseconds until the next parked lane is due, or -1; the
 *          last entry of the stream where all of it has been handed out, else an empty text; then the entries, each as
 *          {entry, deliveries, attempts, fields}, or as {the waiting entry, deliveries, attempts}
 */
export const TURN = `${SHARED}${SETTLE}${READ}
if ARGV[5] ~= '' and lease[3] == ARGV[5] then settle(ARGV[5]) end
local limit = tonumber(ARGV[4])
return limit > 0 and read(limit) or {}
`;

/**
 * Entries in the owner's hands are as if handed out for the first time.
 * KEYS     1: the partition's stream, 2: its lease, 3: what is known of parked lanes
 * ARGV     1: owner, 2: fence, 3: the group, 4: how many entries of the stream, and they; then lanes whose heads are meant
 * returns  nil: the partition is not the owner's, nothing was changed; else 1
 */
export const SPARE = `
local lease = redis.call('HMGET', KEYS[2], 'owner', 'fence')
if lease[1] ~= ARGV[1] or lease[2] ~= ARGV[2] then return nil end
local last = 4 + tonumber(ARGV[4])
for n = 5, last do redis.call('XCLAIM', KEYS[1], ARGV[3], ARGV[1], 0, ARGV[n], 'RETRYCOUNT', 1, 'JUSTID') end
for n = last + 1, #ARGV do
  local known = redis.call('HGET', KEYS[3], ARGV[n])
  if known then
    local about = cjson.decode(known)
    about.deliveries = 1
    redis.call('HSET', KEYS[3], ARGV[n], cjson.encode(about))
  end
end
return 1
`;
