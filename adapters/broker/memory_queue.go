package broker

import (
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// memoryQueue holds what one group has not yet handled of one topic. Everything
// in it is guarded by the broker's mutex and takes constant time.
//
// Its messages lie in lanes, one per key. A lane is in the ready list, or its
// first message is in flight, or it rests after a nack; never two of these. The
// first message stays where it is until it is acked, so nothing overtakes it.
type memoryQueue struct {
	broker *Memory
	group  string
	types  []string
	lossy  bool
	places chan struct{}          // holds a token per message; full when the queue is
	depth  int                    // messages in all lanes
	lanes  map[string]*memoryLane // by key; a lane without messages is deleted
	ready  laneList               // lanes whose first message can be delivered
	wake   *sync.Cond             // tells idle workers of a ready lane, or of their end
}

// memoryLane holds the messages of one key in the order of their publishing.
type memoryLane struct {
	key      string
	messages []*message.Message
	nacks    int         // how often the first message was nacked
	rest     *time.Timer // while the lane rests after a nack
	next     *memoryLane // while it is in the ready list
}

func newMemoryQueue(m *Memory, config QueueConfig) *memoryQueue {
	return &memoryQueue{
		broker: m,
		group:  config.Group,
		types:  config.Types,
		lossy:  config.Lossy,
		places: make(chan struct{}, m.config.Capacity),
		lanes:  make(map[string]*memoryLane),
		wake:   sync.NewCond(&m.mu),
	}
}

// takes tells whether msg belongs into the queue.
func (q *memoryQueue) takes(msg *message.Message) bool { return wanted(q.types, msg) }

// hasPlace takes a place if there is one.
func (q *memoryQueue) hasPlace() bool {
	select {
	case q.places <- struct{}{}:
		return true
	default:
		return false
	}
}

// push puts msg, whose place is reserved, at the end of its lane.
func (q *memoryQueue) push(msg *message.Message) {
	q.depth++
	key := orderingKey(msg)
	if lane, ok := q.lanes[key]; ok {
		lane.messages = append(lane.messages, msg)
		return
	}
	lane := &memoryLane{key: key, messages: []*message.Message{msg}}
	q.lanes[key] = lane
	q.ready.pushBack(lane)
	q.wake.Signal()
}

// ack drops the lane's first message. The lane goes to the end of the ready
// list: a key with many messages takes turns with the others. No worker is
// woken, because the one that acks looks for its next lane itself.
func (q *memoryQueue) ack(lane *memoryLane) {
	<-q.places
	q.depth--
	lane.nacks = 0
	lane.messages[0] = nil
	lane.messages = lane.messages[1:]
	if len(lane.messages) == 0 {
		delete(q.lanes, lane.key)
		return
	}
	q.ready.pushBack(lane)
}

// nack lets the lane rest before its first message is delivered again.
func (q *memoryQueue) nack(lane *memoryLane) {
	if q.broker.closed {
		return // nobody is left to deliver to
	}
	lane.nacks++
	q.broker.running.Add(1)
	lane.rest = time.AfterFunc(q.broker.config.delay(lane.nacks), func() {
		defer q.broker.running.Done()
		q.broker.mu.Lock()
		defer q.broker.mu.Unlock()
		lane.rest = nil
		q.ready.pushBack(lane)
		q.wake.Signal()
	})
}

// giveBack makes lanes ready whose first message was taken and not settled.
// They come before the others, because they have had their turn.
func (q *memoryQueue) giveBack(lanes []*memoryLane) {
	for _, lane := range lanes {
		q.ready.pushFront(lane)
	}
	// All workers look, because one that had to end may have taken the signal
	// for a lane that became ready meanwhile.
	q.wake.Broadcast()
}

// stopTimers leaves the lanes that rest where they are.
func (q *memoryQueue) stopTimers() {
	for _, lane := range q.lanes {
		if lane.rest != nil && lane.rest.Stop() {
			q.broker.running.Done()
		}
	}
}

// laneList is a first-in-first-out list, linked through the lanes.
type laneList struct {
	first, last *memoryLane
}

func (l *laneList) pushBack(lane *memoryLane) {
	if l.first == nil {
		l.first = lane
	} else {
		l.last.next = lane
	}
	l.last = lane
}

func (l *laneList) pushFront(lane *memoryLane) {
	lane.next = l.first
	l.first = lane
	if l.last == nil {
		l.last = lane
	}
}

// pop returns nil if the list is empty.
func (l *laneList) pop() *memoryLane {
	lane := l.first
	if lane == nil {
		return nil
	}
	l.first, lane.next = lane.next, nil
	if l.first == nil {
		l.last = nil
	}
	return lane
}
