/**
 * What is done in Redis in one step. `KEYS`: the stream, then the three of its ship (`shipKeys`); all in one slot. Streams that the
 * scripts let go lie in the same slot, under the ship's key and their name.
 *
 * A stream is let go by trimming, not by deleting: its last id stays, so that a late write under a seal is still refused.
 */

/** KEYS[2] hash of counts, KEYS[3] octets by stream, KEYS[4] archived streams by when their time is over. */
const letGo = `
local function letGo(name)
  local key = KEYS[2] .. ':' .. name
  if redis.call('EXISTS', key) == 1 then redis.call('XTRIM', key, 'MAXLEN', 0) end
  local octets = tonumber(redis.call('HGET', KEYS[3], name) or '0')
  redis.call('HDEL', KEYS[3], name)
  redis.call('ZREM', KEYS[4], name)
  return redis.call('HINCRBY', KEYS[2], 'hot', 0 - octets)
end
local hot = tonumber(redis.call('HGET', KEYS[2], 'hot') or '0')`;

const nowMs = `
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)`;

/**
 * ARGV: id, packets, bytes, payload, the stream's name, octets that the ship may have here. The counts grow only if the entry is new:
 * both or neither. An entry that is there already, or a seal, answers as it does without a bound.
 */
export const addEntry = `${letGo}
local octets = #ARGV[4]
local max = tonumber(ARGV[6])
if hot + octets > max then
  local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
  if not (last and (last[1] == ARGV[1] or last[1] == '18446744073709551614-0')) then
    while hot + octets > max do
      local oldest = redis.call('ZRANGE', KEYS[4], 0, 0)[1]
      if not oldest then return redis.error_reply('HOTFULL ' .. hot) end
      hot = letGo(oldest)
    end
  end
end
local added = redis.pcall('XADD', KEYS[1], ARGV[1], 'n', ARGV[2], 'd', ARGV[4])
if type(added) == 'table' and added.err then return added end
redis.call('HINCRBY', KEYS[2], 'packets', ARGV[2])
redis.call('HINCRBY', KEYS[2], 'bytes', ARGV[3])
redis.call('HINCRBY', KEYS[2], 'hot', octets)
redis.call('HINCRBY', KEYS[3], ARGV[5], octets)
return added`;

/**
 * ARGV: id, packets, bytes, the stream's name. Takes back an entry that was given up, should it have got through. What may lack memory
 * comes first: both or neither.
 */
export const removeEntry = `
local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not found then return 0 end
local octets = #found[2][4]
redis.call('HINCRBY', KEYS[2], 'packets', -ARGV[2])
redis.call('HINCRBY', KEYS[2], 'bytes', -ARGV[3])
redis.call('HINCRBY', KEYS[2], 'hot', 0 - octets)
redis.call('HINCRBY', KEYS[3], ARGV[4], 0 - octets)
return redis.call('XDEL', KEYS[1], ARGV[1])`;

/** ARGV: the stream's name, milliseconds that it may still be here. */
export const releaseStream = `${nowMs}
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if redis.call('HEXISTS', KEYS[3], ARGV[1]) == 1 then redis.call('ZADD', KEYS[4], nowMs + ARGV[2], ARGV[1]) end
return 1`;

/** ARGV: the stream's name. */
export const dropStream = `${letGo}
return letGo(ARGV[1])`;

/** ARGV: octets, or -1. Lets archived streams go whose time is over, then the oldest until there are no more octets than that. */
export const trimShip = `${letGo}${nowMs}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', nowMs)) do hot = letGo(name) end
local max = tonumber(ARGV[1])
while max >= 0 and hot > max do
  local oldest = redis.call('ZRANGE', KEYS[4], 0, 0)[1]
  if not oldest then break end
  hot = letGo(oldest)
end
return hot`;
