package broker

import (
	"context"
	"errors"
	"fmt"
)

// rabbitRemoveLimit is how far Remove looks into a queue.
const rabbitRemoveLimit = 10_000

// Remove takes the messages with an id out of a queue and tells whether there was
// one, among the first 10,000 that are not in flight. It looks at one after the
// other and gives those that it does not want back to the queue, at their old
// places as far as nobody consumes meanwhile. It is for operators' tools.
func (r *RabbitMQ) Remove(ctx context.Context, queue, messageID string) (removed bool, err error) {
	link, err := r.consuming.await(ctx)
	if err == nil {
		removed, err = r.remove(ctx, link, queue, messageID)
	}
	if err != nil {
		return removed, fmt.Errorf("remove message %s from queue %s: %w", messageID, queue, err)
	}
	return removed, nil
}

func (r *RabbitMQ) remove(ctx context.Context, link *rabbitLink, queue, id string) (removed bool, err error) {
	channel, err := link.conn.Channel()
	if err != nil {
		return false, fmt.Errorf("open a channel: %w", err)
	}
	// What is not acked when the channel closes goes back to the queue. The server
	// has done all that stands before the close when it answers that.
	defer func() {
		if e := link.within(rabbitCallTimeout, channel.Close); e != nil {
			removed, err = false, errors.Join(err, e)
		}
	}()
	for range rabbitRemoveLimit {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		var some bool
		err := link.within(rabbitCallTimeout, func() error {
			d, ok, err := channel.Get(queue, false)
			if some = ok; err != nil || !ok {
				return err
			}
			msg, err := r.marshaler.Unmarshal(d)
			if err != nil || msg.UUID != id {
				return err
			}
			removed = true
			return d.Ack(false)
		})
		if err != nil || !some {
			return removed && err == nil, err
		}
	}
	return removed, nil
}
