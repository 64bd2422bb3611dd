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
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// kafkaBacklog is how many records of a partition lie here before no more
	// are fetched.
	kafkaBacklog = 256

	// kafkaFetchWait is how long a fetch waits for messages, and so how long a
	// partition that was gained meanwhile waits for its first fetch.
	kafkaFetchWait = 500 * time.Millisecond

	// kafkaCommitInterval is how long the server may not know of an ack.
	kafkaCommitInterval = 200 * time.Millisecond

	// kafkaLeaveWait is how long a subscription takes to end while the server
	// does not answer.
	kafkaLeaveWait = time.Second

	// kafkaRetryWait is the delay before a subscription tries again.
	kafkaRetryWait = 250 * time.Millisecond
)

// declare makes the topic. The group comes to exist when it reads, and then
// begins with the oldest message.
func (b *Kafka) declare(ctx context.Context, topic string, _ QueueConfig) error {
	return b.makeTopic(ctx, topic)
}

// read is a member of the group until ctx is done.
func (b *Kafka) read(ctx context.Context, topic string, c QueueConfig, out chan<- *message.Message) {
	log := b.log(topic, c)
	for ; ctx.Err() == nil; rest(ctx, kafkaRetryWait) {
		declareCtx, cancel := context.WithTimeout(ctx, declareTimeout)
		err := b.declare(declareCtx, topic, c)
		cancel()
		if err == nil {
			err = b.consume(ctx, topic, c, out, log)
		}
		if ctx.Err() == nil {
			b.forget(topic)
			log.Warn("the queue cannot be read", "error", err)
		}
	}
}

// consume reads as one member of the group until something is wrong or ctx is done.
func (b *Kafka) consume(
	ctx context.Context, topic string, c QueueConfig, out chan<- *message.Message, log *slog.Logger,
) error {
	s := &kafkaSubscription{
		broker: b,
		topic:  topic,
		config: c,
		log:    log,
		out:    out,
		slots:  make(chan struct{}, c.Concurrency),
		lanes:  make(map[int32]*kafkaLane),
	}
	clientCtx, abort := context.WithCancel(context.Background())
	defer abort()
	client, err := b.connect(
		kgo.WithContext(clientCtx),
		kgo.ConsumerGroup(c.Group),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(kafkaFetchWait),
		kgo.SessionTimeout(10*time.Second),
		kgo.HeartbeatInterval(time.Second),
		kgo.AutoCommitMarks(),
		kgo.AutoCommitInterval(kafkaCommitInterval),
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsRevoked(s.revoked),
		kgo.OnPartitionsLost(s.lost),
	)
	if err != nil {
		return err
	}
	s.client = client
	err = s.poll(ctx)

	s.endAll()
	defer time.AfterFunc(kafkaLeaveWait, abort).Stop()
	client.CloseAllowingRebalance() // it calls revoked, which commits
	return err
}

// kafkaSubscription feeds one channel from the partitions that are its own.
type kafkaSubscription struct {
	broker *Kafka
	topic  string
	config QueueConfig
	log    *slog.Logger
	client *kgo.Client
	out    chan<- *message.Message
	slots  chan struct{} // holds a token per message in flight

	mu    sync.Mutex // guards lanes
	lanes map[int32]*kafkaLane
}

// poll shares out what the server sends, until something is wrong or ctx is done.
func (s *kafkaSubscription) poll(ctx context.Context) error {
	for {
		fetches := s.client.PollRecords(ctx, 1_000)
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.fatal(fetches); err != nil {
			return err
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if len(p.Records) > 0 {
				s.lane(p.Partition).push(p.Records)
			}
		})
		s.client.AllowRebalance()
	}
}

// fatal returns the error that the client does not mend by itself, if there is one.
func (s *kafkaSubscription) fatal(fetches kgo.Fetches) (fatal error) {
	fetches.EachError(func(_ string, _ int32, err error) {
		var rejoining *kgo.ErrGroupSession
		var reset *kgo.ErrDataLoss
		if errors.As(err, &rejoining) || errors.As(err, &reset) {
			s.log.Warn("the queue is read again", "error", err)
		} else {
			fatal = err
		}
	})
	return fatal
}

// lane returns the partition's lane, a new one if there is none.
func (s *kafkaSubscription) lane(partition int32) *kafkaLane {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[partition]
	if l == nil {
		l = &kafkaLane{subscription: s, partition: partition, more: make(chan struct{}, 1)}
		l.life = newLifetime(context.Background())
		_ = l.life.run(l.work) // its life has just begun
		s.lanes[partition] = l
	}
	return l
}

// revoked gives up partitions. What was acked in them is committed first.
func (s *kafkaSubscription) revoked(ctx context.Context, client *kgo.Client, partitions map[string][]int32) {
	s.lost(ctx, client, partitions)
	if err := client.CommitMarkedOffsets(ctx); err != nil {
		s.log.Warn("messages will come again, because their acks are lost", "error", err)
	}
}

func (s *kafkaSubscription) lost(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	s.end(partitions[s.topic])
}

func (s *kafkaSubscription) endAll() {
	s.mu.Lock()
	partitions := slices.Collect(maps.Keys(s.lanes))
	s.mu.Unlock()
	s.end(partitions)
}

// end returns when the partitions' lanes have ended.
func (s *kafkaSubscription) end(partitions []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, partition := range partitions {
		if l := s.lanes[partition]; l != nil {
			l.life.close()
			delete(s.lanes, partition)
			// The client would remember the pause if the partition came back.
			s.client.ResumeFetchPartitions(l.ofClient())
		}
	}
}

// kafkaLane hands out the messages of one partition, one at a time.
type kafkaLane struct {
	subscription *kafkaSubscription
	partition    int32
	life         *lifetime
	more         chan struct{} // has a token when records were pushed

	mu      sync.Mutex
	records []*kgo.Record
	paused  bool
}

// push adds records at the end. If there are many, no more are fetched.
func (l *kafkaLane) push(records []*kgo.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, records...)
	if len(l.records) > kafkaBacklog && !l.paused {
		l.paused = true
		l.subscription.client.PauseFetchPartitions(l.ofClient())
	}
	select {
	case l.more <- struct{}{}:
	default:
	}
}

func (l *kafkaLane) ofClient() map[string][]int32 {
	return map[string][]int32{l.subscription.topic: {l.partition}}
}

// pop returns the first record, or nil if there is none.
func (l *kafkaLane) pop() *kgo.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused && len(l.records) < kafkaBacklog/2 {
		l.paused = false
		l.subscription.client.ResumeFetchPartitions(l.ofClient())
	}
	if len(l.records) == 0 {
		return nil
	}
	r := l.records[0]
	l.records[0] = nil
	l.records = l.records[1:]
	return r
}

// work handles one record after the other until the end of the lane's life.
func (l *kafkaLane) work() {
	ctx, s := l.life.ctx, l.subscription
	for {
		r := l.pop()
		if r == nil {
			select {
			case <-l.more:
				continue
			case <-ctx.Done():
				return
			}
		}
		m := messageFromRecord(r)
		if wanted(s.config.Types, m) && !s.handle(ctx, m) {
			return
		}
		s.client.MarkCommitRecords(r)
	}
}

// handle delivers a message until it is acked. It returns false if ctx is done
// first.
func (s *kafkaSubscription) handle(ctx context.Context, m *message.Message) bool {
	for nacks := 0; ctx.Err() == nil; rest(ctx, s.broker.config.delay(nacks)) {
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		answer := s.deliver(ctx, m)
		<-s.slots
		if answer == acked {
			return true
		}
		nacks++
	}
	return false
}

func (s *kafkaSubscription) deliver(ctx context.Context, stored *message.Message) answer {
	msgCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := stored.Copy()
	m.SetContext(msgCtx)
	select {
	case s.out <- m: // there is room, unless a message of a lost partition is still there
	case <-ctx.Done():
		return unanswered
	}
	return awaitAnswer(m, ctx.Done())
}
