package broker

import (
	"context"
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"
)

// BenchmarkRabbitMQ publishes from 64 goroutines that wait for each confirm, once
// through the broker and once with nothing but the library: four channels, the same
// properties, no returns, no deadline. Compare them within one run.
func BenchmarkRabbitMQ(b *testing.B) {
	const callers = 64
	for _, server := range rabbitServers {
		host := newRabbitHost(b, server)
		r := openRabbit(b, host.address, RabbitMQConfig{})
		queue := QueueConfig{Group: "bench"}
		if err := r.Queue(queue).(message.SubscribeInitializer).SubscribeInitialize("bench"); err != nil {
			b.Fatal(err)
		}
		b.Run(server+", our publisher", func(b *testing.B) {
			share(b, callers, func(int) error { return r.Publish("bench", typed("1", "t")) })
		})
		conn, _ := host.dial(b)
		channels := make([]*amqp.Channel, rabbitLanes)
		for i := range channels {
			var err error
			if channels[i], err = conn.Channel(); err != nil {
				b.Fatal(err)
			}
			if err := channels[i].Confirm(false); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(server+", the library alone", func(b *testing.B) {
			share(b, callers, func(caller int) error {
				p, err := r.marshaler.Marshal(typed("1", "t"))
				if err != nil {
					return err
				}
				confirm, err := channels[caller%rabbitLanes].PublishWithDeferredConfirm("bench", "t", true, false, p)
				if err != nil {
					return err
				}
				confirm.Wait()
				return nil
			})
		})
	}
}

// share lets callers do something b.N times together, one after the other each.
func share(b *testing.B, callers int, do func(caller int) error) {
	b.ReportAllocs()
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for i := caller; i < b.N; i += callers {
				if err := do(caller); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}

// BenchmarkRabbitMQConsume takes what lies in a queue and acks it.
func BenchmarkRabbitMQConsume(b *testing.B) {
	for _, server := range rabbitServers {
		b.Run(server, func(b *testing.B) {
			host := newRabbitHost(b, server)
			r := openRabbit(b, host.address, RabbitMQConfig{})
			queue := r.Queue(QueueConfig{Group: "bench", Concurrency: 256})
			if err := queue.(message.SubscribeInitializer).SubscribeInitialize("bench"); err != nil {
				b.Fatal(err)
			}
			batch := make([]*message.Message, 0, 1000)
			for range b.N {
				if batch = append(batch, typed("", "t")); len(batch) == cap(batch) {
					rabbitPublish(b, r, "bench", batch...)
					batch = batch[:0]
				}
			}
			rabbitPublish(b, r, "bench", batch...)
			b.ResetTimer()
			out, err := queue.Subscribe(context.Background(), "bench")
			if err != nil {
				b.Fatal(err)
			}
			for range b.N {
				(<-out).Ack()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}
