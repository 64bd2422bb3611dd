package broker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	// rabbitPatience is how long somebody who needs the broker waits for it after
	// it has gone, or for as long as the first attempt to reach it takes. Then he
	// learns at once that it is away.
	rabbitPatience = time.Second

	// rabbitCallTimeout is for a question to the broker that it answers at once if
	// it is well.
	rabbitCallTimeout = 5 * time.Second

	// rabbitCloseTimeout is how long a goodbye may take.
	rabbitCloseTimeout = time.Second

	rabbitHeartbeat  = 5 * time.Second
	rabbitMinBackoff = 50 * time.Millisecond
	rabbitMaxBackoff = time.Second
)

// errRabbitAway says that there is no connection to the broker.
var errRabbitAway = errors.New("the broker is away")

// rabbitConnection keeps a connection to the server and makes another one when it
// is lost. A connection in doubt is never used again.
type rabbitConnection struct {
	address string
	name    string
	log     *slog.Logger
	prepare func(*rabbitLink) error // makes a new link ready for use
	start   sync.Once
	stop    context.CancelFunc
	ctx     context.Context // done when stopped
	stopped chan struct{}

	mu      sync.Mutex
	link    *rabbitLink   // nil while there is none
	changed chan struct{} // closed with the next change of link
	since   time.Time     // when link became what it is
	failed  bool          // whether an attempt to connect has failed since then
}

func newRabbitConnection(address, name string, log *slog.Logger, prepare func(*rabbitLink) error) *rabbitConnection {
	c := &rabbitConnection{
		address: address, name: name, log: log.With("connection", name), prepare: prepare,
		stopped: make(chan struct{}), changed: make(chan struct{}),
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// begin connects in the background, once.
func (c *rabbitConnection) begin() {
	c.start.Do(func() {
		c.mu.Lock()
		c.since = time.Now()
		c.mu.Unlock()
		go c.run()
	})
}

// await returns the connection, and waits a moment for it when it has just gone
// or never was there.
func (c *rabbitConnection) await(ctx context.Context) (*rabbitLink, error) {
	c.begin()
	for {
		c.mu.Lock()
		link, changed, patience := c.link, c.changed, time.Until(c.since.Add(rabbitPatience))
		if !c.failed {
			patience += rabbitCallTimeout
		}
		c.mu.Unlock()
		switch {
		case c.ctx.Err() != nil:
			return nil, ErrClosed
		case link != nil:
			return link, nil
		case patience <= 0:
			return nil, errRabbitAway
		}
		timer := time.NewTimer(patience)
		select {
		case <-changed:
		case <-timer.C:
		case <-c.ctx.Done():
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("%w: %w", errRabbitAway, ctx.Err())
		}
		timer.Stop()
	}
}

// set makes link the one to use.
func (c *rabbitConnection) set(link *rabbitLink) {
	c.change(func() { c.link, c.since, c.failed = link, time.Now(), false })
}

// change tells those who wait that something is new.
func (c *rabbitConnection) change(what func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	what()
	close(c.changed)
	c.changed = make(chan struct{})
}

// run keeps the connection until it is stopped.
func (c *rabbitConnection) run() {
	defer close(c.stopped)
	backoff, attempts := rabbitMinBackoff, 0
	for c.ctx.Err() == nil {
		link, err := c.dial()
		if err != nil {
			if attempts++; attempts == 1 { // and not every second for hours
				c.log.Warn("rabbitmq cannot be reached, trying again", "error", err)
				c.change(func() { c.failed = true })
			}
			c.pause(backoff)
			backoff = min(2*backoff, rabbitMaxBackoff)
			continue
		}
		c.log.Info("connected to rabbitmq", "version", link.conn.Properties["version"])
		backoff, attempts = rabbitMinBackoff, 0
		c.set(link)
		select {
		case <-link.lost:
			c.log.Warn("connection to rabbitmq lost", "error", link.reason())
		case <-c.ctx.Done():
		}
		c.set(nil)
		link.close()
		c.pause(rabbitMinBackoff)
	}
}

func (c *rabbitConnection) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.ctx.Done():
	}
}

// close ends the connection for good. It does not wait for a broker that is away.
func (c *rabbitConnection) close() {
	c.stop()
	c.start.Do(func() { close(c.stopped) })
	<-c.stopped
}

// drop ends the connection that there is without a goodbye.
func (c *rabbitConnection) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != nil {
		c.link.drop()
	}
}

func (c *rabbitConnection) dial() (*rabbitLink, error) {
	var socket *rabbitSocket
	var unwatch func() bool
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName(c.name)
	properties["process"] = processName()
	conn, err := amqp.DialConfig(c.address, amqp.Config{
		Heartbeat:  rabbitHeartbeat,
		Properties: properties,
		Dial: func(network, address string) (net.Conn, error) {
			dialer := net.Dialer{Timeout: rabbitCallTimeout}
			raw, err := dialer.DialContext(c.ctx, network, address)
			if err != nil {
				return nil, err
			}
			// For the handshake; the library takes it back afterwards.
			if err := raw.SetDeadline(time.Now().Add(rabbitCallTimeout)); err != nil {
				return nil, errors.Join(err, raw.Close())
			}
			socket = newRabbitSocket(raw)
			unwatch = context.AfterFunc(c.ctx, func() { socket.Close() }) // the handshake fails then
			return socket, nil
		},
	})
	if unwatch != nil {
		unwatch()
	}
	if err != nil {
		if socket != nil {
			socket.Close() // the error says more
		}
		return nil, err
	}
	link := newRabbitLink(conn, socket)
	if err := c.prepare(link); err != nil {
		link.close()
		return nil, err
	}
	return link, nil
}

// processName tells connections of several processes apart, for whoever looks.
func processName() string {
	host, err := os.Hostname()
	if err != nil {
		host = rand.Text()[:8]
	}
	return fmt.Sprintf("%s %d", host, os.Getpid())
}
