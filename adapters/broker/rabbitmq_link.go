package broker

import (
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// ErrBlocked says that the broker takes no messages now, because it is short of
// memory or disk. A message that was under way may still arrive.
var ErrBlocked = errors.New("broker takes no messages")

// rabbitLink is one connection, from when it is made until it is lost.
type rabbitLink struct {
	conn   *amqp.Connection
	socket *rabbitSocket
	lost   chan struct{} // closed when the connection is gone

	mu        sync.Mutex
	cause     error         // why it is gone
	blocked   chan struct{} // closed while the broker takes no messages
	complaint string        // what it says about it

	// What the publisher has on its connection.
	lanes     []*rabbitLane
	declaring sync.Mutex // guards topology and declared
	topology  *amqp.Channel
	declared  map[string]bool // exchanges
}

func newRabbitLink(conn *amqp.Connection, socket *rabbitSocket) *rabbitLink {
	l := &rabbitLink{conn: conn, socket: socket, lost: make(chan struct{}), blocked: make(chan struct{})}
	closes, blocks := conn.NotifyClose(make(chan *amqp.Error, 1)), conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	go func() {
		defer close(l.lost)
		for err := range closes {
			l.giveUp(err)
		}
	}()
	go func() {
		for b := range blocks {
			l.block(b)
		}
	}()
	return l
}

func (l *rabbitLink) block(b amqp.Blocking) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.blocked:
		if !b.Active {
			l.blocked = make(chan struct{})
		}
	default:
		if b.Active {
			l.complaint = b.Reason
			close(l.blocked)
		}
	}
}

// blockage returns a channel that is closed while the broker takes no messages.
func (l *rabbitLink) blockage() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.blocked
}

// blockedError returns an ErrBlocked with the broker's own words.
func (l *rabbitLink) blockedError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Errorf("%w: %s", ErrBlocked, l.complaint)
}

// within makes a call to the broker that knows no deadline. When it takes too long
// the connection is in doubt, and dropped.
func (l *rabbitLink) within(limit time.Duration, call func() error) error {
	timer := time.AfterFunc(limit, l.drop)
	defer timer.Stop()
	return call()
}

// giveUp drops the link and remembers the first reason.
func (l *rabbitLink) giveUp(why error) {
	l.mu.Lock()
	if l.cause == nil {
		l.cause = why
	}
	l.mu.Unlock()
	l.drop()
}

// drop cuts the connection. Whoever waits for it learns so.
func (l *rabbitLink) drop() { l.socket.Close() } // an error of what is thrown away tells nothing

func (l *rabbitLink) reason() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cause
}

// close says goodbye and returns when the connection is gone.
func (l *rabbitLink) close() {
	// It fails when the connection is lost already, which is what is wanted.
	_ = l.within(rabbitCloseTimeout, l.conn.Close)
	l.drop()
	<-l.lost
}
