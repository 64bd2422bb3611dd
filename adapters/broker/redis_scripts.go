package broker

import (
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
)

// The keys of a topic hold it in braces, so that a cluster keeps them together.

// redisTopic is the key of the hash of a topic's groups, with their types as JSON.
func redisTopic(topic string) string { return "millrace:{" + topic + "}:groups" }

// redisStream is the key of the stream that is a group's queue. Without a group it
// is what those of the topic begin with.
func redisStream(topic, group string) string { return "millrace:{" + topic + "}:queue:" + group }

// redisReaders is the consumer group of every stream. Streams are not shared, so
// it needs no other name.
const redisReaders = "readers"

// redisNobody is the consumer that has what rests and what was given back. It
// never reads.
const redisNobody = "nobody"

// The fields of an entry.
const (
	redisID      = "id"
	redisPayload = "payload"
	redisHeader  = "header:" // and the header's name
)

// redisEntries makes the arguments of publishScript.
func redisEntries(topic string, messages []*message.Message) []any {
	args := []any{redisStream(topic, "")}
	for _, m := range messages {
		args = append(args, m.Metadata.Get(TypeHeader), 4+2*len(m.Metadata), redisID, m.UUID, redisPayload, []byte(m.Payload))
		for name, value := range m.Metadata {
			args = append(args, redisHeader+name, value)
		}
	}
	return args
}

// redisMessage makes a message of an entry.
func redisMessage(values map[string]any) *message.Message {
	text := func(field string) string { s, _ := values[field].(string); return s } // empty when it is absent
	m := message.NewMessage(text(redisID), []byte(text(redisPayload)))
	for field := range values {
		if name, ok := strings.CutPrefix(field, redisHeader); ok {
			m.Metadata.Set(name, text(field))
		}
	}
	return m
}

// publishScript adds messages to the streams of the groups that want them. It
// returns how many groups there are.
//
//	KEYS: the hash of the topic
//	ARGV: the beginning of the streams' keys; for each message its type, the number
//	      of strings that follow, and as many names and values of fields
const publishScript = `
local groups = redis.call('HGETALL', KEYS[1])
local wanted = {}
for g = 1, #groups, 2 do wanted[g] = cjson.decode(groups[g + 1]) end
local i = 2
while #groups > 0 and i <= #ARGV do
	local kind, n = ARGV[i], tonumber(ARGV[i + 1])
	for g = 1, #groups, 2 do
		local wants = #wanted[g] == 0
		for _, w in ipairs(wanted[g]) do wants = wants or w == kind end
		if wants then redis.call('XADD', ARGV[1] .. groups[g], '*', unpack(ARGV, i + 2, i + 1 + n)) end
	end
	i = i + 2 + n
end
return #groups / 2`

// declareScript makes a queue. What was added before its consumer group came to
// exist, because only that was lost, is read, too.
//
//	KEYS: the hash of the topic, the stream
//	ARGV: HSET, or HSETNX to leave the types as they are; the group; its types
const declareScript = `
redis.call(ARGV[1], KEYS[1], ARGV[2], ARGV[3])
local made = redis.pcall('XGROUP', 'CREATE', KEYS[2], '` + redisReaders + `', '0', 'MKSTREAM')
if type(made) == 'table' and made.err and not made.err:find('BUSYGROUP') then return made end
return 1`

// nackScript lets messages rest that the consumer holds: they go to the one that
// stands for nobody, as idle as makes their lease end after the delay. It returns
// the delays.
//
//	KEYS: the stream
//	ARGV: the consumer; the lease, the first delay and the longest in milliseconds; ids
const nackScript = `
local lease, first, longest, delays = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), {}
for i = 5, #ARGV do
	local held = redis.call('XPENDING', KEYS[1], '` + redisReaders + `', ARGV[i], ARGV[i], 1, ARGV[1])[1]
	if held then
		local delay = math.min(longest, first * 2 ^ math.min(held[4] - 1, 40))
		redis.call('XCLAIM', KEYS[1], '` + redisReaders + `', '` + redisNobody + `', 0, ARGV[i],
			'IDLE', string.format('%d', lease - delay), 'JUSTID')
		delays[#delays + 1] = delay
	end
end
return delays`

// extendScript begins the lease of messages anew that the consumer still holds.
//
//	KEYS: the stream
//	ARGV: the consumer, ids
const extendScript = `
for i = 2, #ARGV do
	if redis.call('XPENDING', KEYS[1], '` + redisReaders + `', ARGV[i], ARGV[i], 1, ARGV[1])[1] then
		redis.call('XCLAIM', KEYS[1], '` + redisReaders + `', ARGV[1], 0, ARGV[i], 'IDLE', 0, 'JUSTID')
	end
end
return 1`

// releaseScript ends the lease of all that the consumer holds, and removes it. A
// delivery that nobody has answered does not count.
//
//	KEYS: the stream
//	ARGV: the consumer, the lease in milliseconds
const releaseScript = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local from = '-'
while true do
	local held = redis.call('XPENDING', KEYS[1], '` + redisReaders + `', from, '+', 100, ARGV[1])
	if #held == 0 then break end
	for _, h in ipairs(held) do
		from = '(' .. h[1]
		redis.call('XCLAIM', KEYS[1], '` + redisReaders + `', '` + redisNobody + `', 0, h[1],
			'IDLE', ARGV[2], 'RETRYCOUNT', math.max(0, h[4] - 1), 'JUSTID')
	end
end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], '` + redisReaders + `', ARGV[1])
return 1`

// tidyScript removes consumers that have neither messages nor, for long, been heard
// of. Their processes have died.
//
//	KEYS: the stream
//	ARGV: how long that is, in milliseconds
const tidyScript = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], '` + redisReaders + `')) do
	local name, pending, idle = c[2], c[4], c[6]
	if pending == 0 and idle > tonumber(ARGV[1]) then
		redis.call('XGROUP', 'DELCONSUMER', KEYS[1], '` + redisReaders + `', name)
	end
end
return 1`
