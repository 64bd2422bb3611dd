// Package queue holds the words in which a broker and the database that keeps its
// queues talk to each other.
package queue

import (
	"errors"
	"time"
)

// ErrNone says that there is no queue: nobody has declared one on the topic, or
// the group's is gone.
var ErrNone = errors.New("there is no queue")

// Queue is what one group reads of one topic.
type Queue struct {
	Topic, Group string

	// Types are the types of message that are put into the queue. None means all.
	Types []string
}

// Message is something to be put into the queues that want it.
type Message struct {
	ID      string
	Type    string
	Headers []byte // not looked into
	Payload []byte
}

// Claim asks for messages of a queue. They are the holder's until the lease ends,
// and due for others then.
type Claim struct {
	Queue  Queue
	Holder string
	Limit  int
	Lease  time.Duration
}

// Claimed is a message that a holder has claimed.
type Claimed struct {
	Message       // without its type
	Seq     int64 // names it in the queue
	Nacks   int   // how often it was nacked before
}

// Nack gives a claimed message back that could not be handled. It is due again
// after the delay.
type Nack struct {
	Seq   int64
	Delay time.Duration
}

// Settlement is what becomes of messages that a holder has claimed. What is not
// the holder's any more stays as it is.
type Settlement struct {
	Holder string
	Acked  []int64
	Nacked []Nack
}
