package broker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// errRabbitUnknown says that a message may have arrived or not.
var errRabbitUnknown = errors.New("not confirmed, it may have arrived")

// rabbitPublisher publishes on a connection of its own, over a few channels in
// confirm mode that all callers share.
type rabbitPublisher struct {
	connection *rabbitConnection
	topology   rabbitTopology
	marshaler  rabbitMarshaler
	timeout    time.Duration // for one confirm
	turn       atomic.Uint64
}

func newRabbitPublisher(address string, c RabbitMQConfig) *rabbitPublisher {
	return &rabbitPublisher{
		connection: newRabbitConnection(address, c.Client+" publish", c.Log, openRabbitLanes),
		topology:   rabbitTopology{families: c.Families},
		marshaler:  rabbitMarshaler{app: c.Client, now: time.Now},
		timeout:    c.ConfirmTimeout,
	}
}

// Publish sends all messages before it waits for the first confirm, as far as
// there is room, and reports the first error when it has heard of every one.
func (p *rabbitPublisher) Publish(topic string, messages ...*message.Message) error {
	if len(messages) == 0 {
		return nil
	}
	link, err := p.connection.await(messages[0].Context())
	if err != nil {
		return fmt.Errorf("publish to %s: %w", topic, err)
	}
	b := rabbitBatch{
		publisher: p, link: link, topic: topic,
		lane:    link.lanes[p.turn.Add(1)%uint64(len(link.lanes))],
		blocked: link.blockage(), timer: time.NewTimer(p.timeout),
	}
	defer b.timer.Stop()
	for _, msg := range messages {
		if !b.send(msg) {
			break
		}
	}
	for len(b.pending) > 0 {
		b.settle()
	}
	return b.err
}

// rabbitBatch is one call of Publish. All its messages go over one channel, which
// keeps their order.
type rabbitBatch struct {
	publisher *rabbitPublisher
	link      *rabbitLink
	lane      *rabbitLane
	topic     string
	blocked   <-chan struct{}
	timer     *time.Timer
	pending   []rabbitPending
	err       error // the first one
}

// send gives a message to the library, and tells whether to go on with the next.
func (b *rabbitBatch) send(msg *message.Message) bool {
	if err := context.Cause(msg.Context()); err != nil {
		return b.fail(msg, err)
	}
	select {
	case <-b.blocked:
		return b.fail(msg, b.link.blockedError())
	default:
	}
	exchange, key, err := b.publisher.topology.route(b.topic, msg.Metadata.Get(TypeHeader))
	if err != nil {
		return b.fail(msg, err)
	}
	publishing, err := b.publisher.marshaler.Marshal(msg)
	if err != nil {
		return b.fail(msg, err)
	}
	if err := b.link.declare(b.publisher.topology, exchange); err != nil {
		return b.fail(msg, err)
	}
	if err := b.reserve(msg); err != nil {
		return b.fail(msg, err)
	}
	sent, err := b.lane.send(msg, exchange, key, publishing)
	if err != nil {
		b.link.giveUp(err) // who knows what was written
		return b.fail(msg, fmt.Errorf("%w: %w", errRabbitUnknown, err))
	}
	b.pending = append(b.pending, sent)
	return true
}

// reserve takes one of the places that the channel has for unconfirmed messages.
// It makes its own earlier messages give theirs back before it waits for others.
func (b *rabbitBatch) reserve(msg *message.Message) error {
	for {
		select {
		case b.lane.places <- struct{}{}:
			return nil
		default:
		}
		if len(b.pending) > 0 {
			b.settle()
			continue
		}
		b.timer.Reset(b.publisher.timeout)
		select {
		case b.lane.places <- struct{}{}:
			return nil
		case <-b.link.lost:
			return errRabbitAway
		case <-b.blocked:
			return b.link.blockedError()
		case <-msg.Context().Done():
			return context.Cause(msg.Context())
		case <-b.timer.C:
			return fmt.Errorf("%d messages are unconfirmed", cap(b.lane.places))
		}
	}
}

// settle waits for what becomes of the oldest message that is under way.
func (b *rabbitBatch) settle() {
	oldest := b.pending[0]
	b.pending = b.pending[1:]
	if err := b.await(oldest); err != nil {
		b.fail(oldest.message, err)
	}
}

func (b *rabbitBatch) await(sent rabbitPending) error {
	confirmed := sent.confirm.Done()
	select {
	case <-confirmed:
		return b.lane.outcome(sent)
	default:
	}
	b.timer.Reset(b.publisher.timeout)
	select {
	case <-confirmed:
		return b.lane.outcome(sent)
	case <-b.blocked:
		b.lane.abandon(sent)
		return b.link.blockedError()
	case <-sent.message.Context().Done():
		b.lane.abandon(sent)
		return fmt.Errorf("%w: %w", errRabbitUnknown, context.Cause(sent.message.Context()))
	case <-b.timer.C:
		err := fmt.Errorf("%w within %v", errRabbitUnknown, b.publisher.timeout)
		b.lane.abandon(sent)
		b.link.giveUp(err) // a broker that does not answer has not got the next one either
		return err
	}
}

func (b *rabbitBatch) fail(msg *message.Message, err error) (goOn bool) {
	if b.err == nil {
		b.err = fmt.Errorf("publish message %s to %s: %w", msg.UUID, b.topic, err)
	}
	return false
}
