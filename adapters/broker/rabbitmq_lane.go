package broker

import (
	"errors"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	// rabbitLanes is how many channels the publishers share. The server works on
	// each in a process of its own.
	rabbitLanes = 4

	// rabbitPlaces is how many messages of one channel may be unconfirmed.
	rabbitPlaces = 1024
)

// rabbitLane is a channel in confirm mode.
//
// The library hands out a return before the confirm of the same message, but on
// another Go channel. That has room for everything that may be unconfirmed, so
// that whoever sees his confirm finds the return there, and no return waits.
type rabbitLane struct {
	channel *amqp.Channel
	places  chan struct{}
	returns chan amqp.Return

	mu       sync.Mutex
	returned map[rabbitRoute]int // taken from returns, and not yet by whom they concern
}

// rabbitRoute is how a return names its message. If two messages under way have
// the same, they are the same message sent twice, and either may take it.
type rabbitRoute struct{ exchange, key, id string }

// rabbitPending is a message that is not confirmed yet.
type rabbitPending struct {
	message *message.Message
	route   rabbitRoute
	confirm *amqp.DeferredConfirmation
}

// openRabbitLanes makes what a publisher needs on a new connection.
func openRabbitLanes(l *rabbitLink) error {
	return l.within(rabbitCallTimeout, func() (err error) {
		l.declared = make(map[string]bool)
		if l.topology, err = l.conn.Channel(); err != nil {
			return fmt.Errorf("open a channel: %w", err)
		}
		for range rabbitLanes {
			channel, err := l.conn.Channel()
			if err != nil {
				return fmt.Errorf("open a channel: %w", err)
			}
			if err := channel.Confirm(false); err != nil {
				return fmt.Errorf("switch confirms on: %w", err)
			}
			l.lanes = append(l.lanes, &rabbitLane{
				channel: channel, places: make(chan struct{}, rabbitPlaces),
				returns:  channel.NotifyReturn(make(chan amqp.Return, rabbitPlaces)),
				returned: make(map[rabbitRoute]int),
			})
			l.watch(channel)
		}
		return nil
	})
}

// watch drops the link when the server closes one of its channels: an exchange is
// gone, or a message was too large. The next link starts from the beginning.
func (l *rabbitLink) watch(channel *amqp.Channel) {
	closes := channel.NotifyClose(make(chan *amqp.Error, 1))
	go func() {
		for err := range closes {
			l.giveUp(err)
		}
	}()
}

// declare makes an exchange at its first use on the link.
func (l *rabbitLink) declare(t rabbitTopology, exchange string) error {
	l.declaring.Lock()
	defer l.declaring.Unlock()
	if l.declared[exchange] {
		return nil
	}
	err := l.within(rabbitCallTimeout, func() error { return t.declareExchange(l.topology, exchange) })
	if err != nil {
		l.giveUp(err) // the channel is closed with it
		return fmt.Errorf("declare exchange %s: %w", exchange, err)
	}
	l.declared[exchange] = true
	return nil
}

// send needs a place.
func (l *rabbitLane) send(msg *message.Message, exchange, key string, p amqp.Publishing) (rabbitPending, error) {
	confirm, err := l.channel.PublishWithDeferredConfirm(exchange, key, true, false, p)
	if err != nil {
		<-l.places
		return rabbitPending{}, err
	}
	return rabbitPending{msg, rabbitRoute{exchange, key, p.MessageId}, confirm}, nil
}

// abandon leaves a message that nobody waits for any more to its confirm.
func (l *rabbitLane) abandon(p rabbitPending) {
	go func() {
		<-p.confirm.Done() // it comes, or the channel is closed
		_ = l.outcome(p)   // nobody is there to be told
	}()
}

// outcome returns what has become of a message that is confirmed, and gives its
// place back.
func (l *rabbitLane) outcome(p rabbitPending) error {
	returned := l.wasReturned(p.route)
	<-l.places
	switch {
	case returned:
		return fmt.Errorf("%w: exchange %s, routing key %q", ErrUnroutable, p.route.exchange, p.route.key)
	case p.confirm.Acked():
		return nil
	case l.channel.IsClosed():
		return fmt.Errorf("%w: the connection was lost", errRabbitUnknown)
	}
	return errors.New("the broker has refused it")
}

func (l *rabbitLane) wasReturned(route rabbitRoute) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		select {
		case r, open := <-l.returns:
			if open {
				l.returned[rabbitRoute{r.Exchange, r.RoutingKey, r.MessageId}]++
				continue
			}
		default:
		}
		break
	}
	switch l.returned[route] {
	case 0:
		return false
	case 1:
		delete(l.returned, route)
	default:
		l.returned[route]--
	}
	return true
}
