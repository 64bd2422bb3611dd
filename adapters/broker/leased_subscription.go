package broker

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// leasedSubscription feeds one channel from a queue. One goroutine claims messages
// while there are free places, one waits for the answer to each message, one
// tells the server the answers of all, and one extends their leases.
type leasedSubscription struct {
	owner *leasedSubscriber
	topic string
	queue leasedQueue
	out   chan *message.Message // has room for all that are in flight: sending never waits

	ctx    context.Context // of the subscription; parent of every message's context
	cancel context.CancelFunc
	gone   chan struct{} // closed at the very end

	places   chan struct{} // holds a token per message in flight
	answers  chan answered
	workers  sync.WaitGroup
	declared bool // what the claiming goroutine knows of the queue

	mu      sync.Mutex
	held    map[string]leased // in flight, or answered and not settled yet
	failing bool
}

type answered struct {
	leased
	answer answer
}

func newLeasedSubscription(ctx context.Context, owner *leasedSubscriber, topic string) *leasedSubscription {
	s := &leasedSubscription{
		owner:   owner,
		topic:   topic,
		queue:   owner.leasing.open(topic, owner.config),
		out:     make(chan *message.Message, owner.config.Concurrency),
		gone:    make(chan struct{}),
		places:  make(chan struct{}, owner.config.Concurrency),
		answers: make(chan answered, settleBatch),
		held:    make(map[string]leased),
	}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

func (s *leasedSubscription) name() string { return s.owner.config.Group + " on " + s.topic }

// run works until the end and tidies up then. What nobody has read leaves the
// channel before it goes back to the queue, so that it does not reach two readers.
func (s *leasedSubscription) run() {
	l := s.owner.leasing
	defer close(s.gone)
	serving, stop := context.WithCancel(context.WithoutCancel(s.ctx))
	defer stop()
	defer context.AfterFunc(s.ctx, func() {
		s.queue.interrupt()
		time.AfterFunc(grace, stop)
	})()

	var settling, claiming sync.WaitGroup
	settling.Go(func() { s.settleAnswers(serving) })
	claiming.Go(s.claimMessages)
	claiming.Go(func() { s.extendLeases(serving) })
	claiming.Wait()
	s.workers.Wait()
	s.drain()
	close(s.answers)
	settling.Wait()
	if err := s.queue.release(serving); err != nil {
		s.log().Warn("messages could not be given back; they come again after their lease", "err", err)
	}
	close(s.out)

	l.mu.Lock()
	defer l.mu.Unlock()
	s.cancel()
	delete(l.subscriptions, s)
}

func (s *leasedSubscription) drain() {
	for {
		select {
		case <-s.out:
		default:
			return
		}
	}
}

// claimMessages takes messages as there are places for them, until the end.
func (s *leasedSubscription) claimMessages() {
	for failures := 0; ; {
		n := s.reserve()
		if n == 0 {
			return
		}
		claimed, err := s.claim(n)
		for range n - len(claimed) {
			<-s.places
		}
		for _, m := range claimed {
			s.deliver(m)
		}
		switch {
		case s.ctx.Err() != nil:
			return
		case err == nil:
			failures = 0
			s.recovered()
		default:
			failures++
			s.trouble(err)
			pause(s.ctx, failures)
		}
	}
}

// reserve waits for a free place, and takes all that there are. It returns 0 at
// the end.
func (s *leasedSubscription) reserve() int {
	select {
	case s.places <- struct{}{}:
	case <-s.ctx.Done():
		return 0
	}
	for n := 1; ; n++ {
		select {
		case s.places <- struct{}{}:
		default:
			return n
		}
	}
}

func (s *leasedSubscription) claim(n int) ([]leased, error) {
	if !s.declared {
		ctx, cancel := context.WithTimeout(s.ctx, grace)
		defer cancel()
		if err := s.queue.declare(ctx); err != nil {
			return nil, err
		}
		s.declared = true
	}
	claimed, err := s.queue.claim(s.ctx, n)
	if errors.Is(err, errNoQueue) {
		s.log().Warn("a queue is gone and is made again", "queue", s.name())
		s.declared, err = false, nil
	}
	return claimed, err
}

// deliver sends a message, and has its answer waited for.
func (s *leasedSubscription) deliver(m leased) {
	s.mu.Lock()
	s.held[m.id] = m
	s.mu.Unlock()
	if !wanted(s.owner.config.Types, m.msg) { // was put there when the group wanted others
		s.answers <- answered{m, acked}
		<-s.places
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	m.msg.SetContext(ctx)
	s.out <- m.msg
	s.workers.Go(func() {
		defer cancel()
		if a := awaitAnswer(m.msg, s.ctx.Done()); a != unanswered { // it may still fill its place in the channel
			s.answers <- answered{m, a}
			<-s.places
		}
	})
}

// settleAnswers tells the server the answers, those that have gathered at once.
func (s *leasedSubscription) settleAnswers(ctx context.Context) {
	for first := range s.answers {
		batch := []answered{first}
		for more := true; more && len(batch) < settleBatch; {
			select {
			case a, open := <-s.answers:
				if more = open; open {
					batch = append(batch, a)
				}
			default:
				more = false
			}
		}
		s.settle(ctx, batch)
	}
}

// settle tries until it succeeds or the time after the end is over.
func (s *leasedSubscription) settle(ctx context.Context, batch []answered) {
	var acks, nacks []leased
	for _, a := range batch {
		if a.answer == acked {
			acks = append(acks, a.leased)
		} else {
			nacks = append(nacks, a.leased)
		}
	}
	for failures := 1; ; failures++ {
		err := s.queue.settle(ctx, acks, nacks)
		if err == nil {
			break
		}
		s.trouble(err)
		if !pause(ctx, failures) {
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range batch {
		delete(s.held, a.id)
	}
}

// extendLeases keeps what is in flight from going to others, until the end.
func (s *leasedSubscription) extendLeases(ctx context.Context) {
	tick := time.NewTicker(s.owner.leasing.lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		held := slices.Collect(maps.Values(s.held))
		s.mu.Unlock()
		if err := s.queue.extend(ctx, held); err != nil {
			s.trouble(err)
		}
	}
}

func (s *leasedSubscription) log() *slog.Logger { return s.owner.leasing.config.Log }

// trouble logs the first of several failures.
func (s *leasedSubscription) trouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.failing && s.ctx.Err() == nil {
		s.failing = true
		s.log().Warn("a queue cannot be reached", "queue", s.name(), "err", err)
	}
}

func (s *leasedSubscription) recovered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing {
		s.failing = false
		s.log().Info("a queue is reached again", "queue", s.name())
	}
}

// pause waits before the next attempt, for longer after more failures. It tells
// whether there is to be one.
func pause(ctx context.Context, failures int) bool {
	wait := time.NewTimer(min(20*time.Millisecond<<min(failures, 6), time.Second))
	defer wait.Stop()
	select {
	case <-wait.C:
		return true
	case <-ctx.Done():
		return false
	}
}
