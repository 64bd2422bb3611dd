package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"
)

// errRabbitInterrupted says that the server has ended a consumer: its queue was
// deleted, the connection is lost, or a message was held for too long.
var errRabbitInterrupted = errors.New("the broker hands out no more messages")

// rabbitSession is one consumer, from when it begins until the server, the
// connection or the subscription ends it. The server sends no more unacked messages
// than may be in flight, so everything that it sends has room in the channel of the
// subscription.
type rabbitSession struct {
	subscription *rabbitSubscription
	link         *rabbitLink
	channel      *amqp.Channel
	deliveries   <-chan amqp.Delivery
	ctx          context.Context // parent of the context of every message
	cancel       context.CancelFunc
	inFlight     sync.WaitGroup

	mu    sync.Mutex
	lanes map[string][]rabbitDelivery // by key: the one in flight, then those behind it
}

// rabbitDelivery is a message and how to answer it.
type rabbitDelivery struct {
	message *message.Message
	amqp    amqp.Delivery
}

func (n *rabbitSession) consume() error {
	s := n.subscription
	if err := n.channel.Qos(s.owner.config.Concurrency, 0, false); err != nil {
		return fmt.Errorf("limit what is in flight: %w", err)
	}
	if err := s.broker.topology.declareQueue(n.channel, s.topic, s.owner.config); err != nil {
		return err
	}
	queue := s.broker.topology.queue(s.topic, s.owner.config.Group)
	var err error
	if n.deliveries, err = n.channel.Consume(queue, "", false, false, false, false, nil); err != nil {
		return fmt.Errorf("consume %s: %w", queue, err)
	}
	return nil
}

// run hands out messages until the end. Closing the channel gives back what nobody
// has answered.
func (n *rabbitSession) run() error {
	err := n.pump()
	n.cancel()
	n.inFlight.Wait()
	if n.link.within(rabbitCloseTimeout, n.channel.Close) != nil {
		n.link.drop()
	}
	return err
}

func (n *rabbitSession) pump() error {
	for {
		select {
		case d, open := <-n.deliveries:
			if !open {
				return errRabbitInterrupted
			}
			if err := n.take(d); err != nil {
				return err
			}
		case <-n.ctx.Done():
			return nil
		}
	}
}

// take puts a message behind the others of its key.
func (n *rabbitSession) take(d amqp.Delivery) error {
	msg, err := n.subscription.broker.marshaler.Unmarshal(d)
	if err != nil {
		return err
	}
	if !wanted(n.subscription.owner.config.Types, msg) {
		return d.Ack(false) // an old binding has brought it
	}
	key, delivery := orderingKey(msg), rabbitDelivery{msg, d}
	n.mu.Lock()
	n.lanes[key] = append(n.lanes[key], delivery)
	first := len(n.lanes[key]) == 1
	n.mu.Unlock()
	if first {
		n.hand(key, delivery)
	}
	return nil
}

// hand puts a message in flight.
func (n *rabbitSession) hand(key string, d rabbitDelivery) {
	ctx, cancel := context.WithCancel(n.ctx)
	d.message.SetContext(ctx)
	n.subscription.out <- d.message
	n.inFlight.Go(func() {
		answer := awaitAnswer(d.message, n.ctx.Done())
		cancel()
		switch answer {
		case acked:
			n.ack(key, d)
		case nacked:
			n.nack(key, d)
		case unanswered: // closing the channel answers for it
		}
	})
}

// ack hands out the next message of the key.
func (n *rabbitSession) ack(key string, d rabbitDelivery) {
	if err := d.amqp.Ack(false); err != nil {
		return // the session ends, and the message comes again
	}
	n.mu.Lock()
	behind := n.lanes[key][1:]
	n.lanes[key] = behind
	if len(behind) == 0 {
		delete(n.lanes, key)
	}
	n.mu.Unlock()
	if len(behind) > 0 {
		n.hand(key, behind[0])
	}
}

// nack gives a message back after it has rested, and those that have come behind
// it meanwhile: they stay behind it.
func (n *rabbitSession) nack(key string, d rabbitDelivery) {
	rest := time.NewTimer(n.subscription.broker.config.delay(deliveries(d.amqp)))
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-n.ctx.Done():
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock() // a nack only fills a buffer
	lane := n.lanes[key]
	delete(n.lanes, key)
	for _, each := range lane {
		if err := each.amqp.Nack(false, true); err != nil {
			return // the session ends, and gives them back
		}
	}
}
