package broker

import (
	"errors"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kafkaServer is a fake cluster of one server in this process, on one port and
// one folder.
type kafkaServer struct {
	t       *testing.T
	folder  string
	port    int
	running *kfake.Cluster
}

func startKafka(t *testing.T) testServer {
	s := &kafkaServer{t: t, folder: t.TempDir()}
	s.start()
	t.Cleanup(func() { s.running.Close() })
	return s
}

func (s *kafkaServer) address() string { return "kafka://127.0.0.1:" + strconv.Itoa(s.port) }

func (s *kafkaServer) start() {
	s.t.Helper()
	running, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.Ports(s.port),
		kfake.DataDir(s.folder),
	)
	if err != nil {
		s.t.Fatal(err)
	}
	s.running = running
	_, port, err := net.SplitHostPort(running.ListenAddrs()[0])
	if err == nil {
		s.port, err = strconv.Atoi(port)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *kafkaServer) stop() { s.running.Close() }

func (s *kafkaServer) wipe() {
	if err := os.RemoveAll(s.folder); err != nil {
		s.t.Fatal(err)
	}
}

func TestKafka(t *testing.T) {
	t.Parallel()
	testRemote(t, startKafka)
}

// This test counts goroutines, so it does not run beside others.
func TestKafkaLeavesNoGoroutines(t *testing.T) {
	testRemoteLeavesNoGoroutines(t, startKafka)
}

func TestKafkaNewGroupBeginsWithTheOldestMessage(t *testing.T) {
	t.Parallel()
	b := openRemote(t, startKafka(t), quiet())
	sendTo(t, b, "topic", keyed("a", "a1"))
	takeAndAck(t, listen(t, b.Queue(QueueConfig{Group: "g"}), "topic"), "a1")
	takeAndAck(t, listen(t, b.Queue(QueueConfig{Group: "late"}), "topic"), "a1")
}

func TestKafkaKeepsTheOrderOfAKey(t *testing.T) {
	t.Parallel()
	c := quiet()
	c.Redelivery = time.Millisecond
	b := openRemote(t, startKafka(t), c)
	out := listen(t, b.Queue(QueueConfig{Group: "g", Concurrency: 64}), "topic")
	const keys, perKey = 32, 20
	var messages []*message.Message
	for i := range keys * perKey {
		messages = append(messages, keyed(strconv.Itoa(i%keys), strconv.Itoa(i)))
	}
	sendTo(t, b, "topic", messages...)

	acks := make(map[string]int) // by key
	nacked := make(map[string]bool)
	for handled := 0; handled < len(messages); {
		m := take(t, out)
		key := m.Metadata.Get(KeyHeader)
		first, err := strconv.Atoi(key)
		if err != nil {
			t.Fatal(err)
		}
		if want := strconv.Itoa(first + keys*acks[key]); m.UUID != want {
			t.Fatalf("got %s of key %s, want %s", m.UUID, key, want)
		}
		if len(m.UUID)%2 == 0 && !nacked[m.UUID] {
			nacked[m.UUID] = true
			m.Nack()
			continue
		}
		handled++
		acks[key]++
		m.Ack()
	}
}

func TestKafkaPoisonHoldsUpItsPartitionOnly(t *testing.T) {
	t.Parallel()
	b := openRemote(t, startKafka(t), quiet())
	out := listen(t, b.Queue(QueueConfig{Group: "g"}), "topic") // one in flight
	var messages []*message.Message
	for i := range 200 {
		messages = append(messages, keyed(strconv.Itoa(i), strconv.Itoa(i)))
	}
	poison := messages[0].UUID
	sendTo(t, b, "topic", messages...)
	partition := func(id string) int {
		p := kgo.StickyKeyPartitioner(nil).ForTopic("topic")
		return p.Partition(&kgo.Record{Key: []byte(id)}, kafkaPartitions)
	}
	others := 0
	for _, m := range messages {
		if partition(m.UUID) != partition(poison) {
			others++
		}
	}
	for deadline := time.Now().Add(patience); others > 0; {
		switch m := take(t, out); {
		case time.Now().After(deadline):
			t.Fatalf("%d messages of other partitions wait for %s", others, poison)
		case m.UUID == poison:
			m.Nack()
		case partition(m.UUID) == partition(poison):
			t.Fatalf("%s came, though its partition waits for %s", m.UUID, poison)
		default:
			m.Ack()
			others--
		}
	}
}

func TestKafkaGroupsShareTheirPartitions(t *testing.T) {
	t.Parallel()
	s := startKafka(t)
	one, other := openRemote(t, s, quiet()), openRemote(t, s, quiet())
	config := QueueConfig{Group: "g", Concurrency: 4}
	outs := []<-chan *message.Message{
		listen(t, one.Queue(config), "topic"),
		listen(t, other.Queue(config), "topic"),
	}
	succeeds(t, patience, func() error {
		got := map[<-chan *message.Message]bool{}
		for i := range 64 {
			sendTo(t, one, "topic", keyed(strconv.Itoa(i), strconv.Itoa(i)))
			var out <-chan *message.Message
			var m *message.Message
			select {
			case m = <-outs[0]:
				out = outs[0]
			case m = <-outs[1]:
				out = outs[1]
			case <-time.After(patience):
				t.Fatal("got nothing, want a message")
			}
			got[out] = true
			m.Ack()
		}
		if len(got) < 2 {
			return errors.New("only one of two subscriptions gets messages")
		}
		return nil
	})
}

func TestKafkaMakesTopicsWithManyPartitions(t *testing.T) {
	t.Parallel()
	b := openRemote(t, startKafka(t), quiet()).(*Kafka)
	sendTo(t, b, "topic", keyed("a", "a1"))
	m, err := kmsg.NewPtrMetadataRequest().RequestWith(t.Context(), b.client)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Topics) != 1 || len(m.Topics[0].Partitions) != kafkaPartitions {
		t.Errorf("got %+v, want one topic of %d partitions", m.Topics, kafkaPartitions)
	}
}

func TestKafkaWantsAnAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"kafka:", "kafka://", "kafka://host", "kafka://host:1,", "kafka://:1"} {
		if _, err := Open(t.Context(), address, quiet()); err == nil {
			t.Errorf("%s: got no error", address)
		}
	}
}

func TestKafkaPassesTheUniversalSuite(t *testing.T) {
	t.Parallel()
	for _, suite := range []struct {
		name        string
		concurrency int
		keyed       bool
	}{
		{"one in flight", 1, false},
		{"64 in flight with keys", 64, true},
	} {
		t.Run(suite.name, func(t *testing.T) {
			t.Parallel()
			testRemoteSuite(t, startKafka(t), suite.concurrency, suite.keyed, tests.Features{
				ConsumerGroups: true,
				// The last acks before a partition moves may be lost.
				ExactlyOnceDelivery: false,
				// What the suite calls a type is the key here.
				GuaranteedOrder:                     suite.keyed,
				GuaranteedOrderWithSingleSubscriber: false,
				Persistent:                          true,
				// A new group does, but to the suite all subscribers are new.
				NewSubscriberReceivesOldMessages: false,
			})
		})
	}
}

func TestKafkaGoesOnWithAPartitionThatCameBack(t *testing.T) {
	t.Parallel()
	s := startKafka(t)
	one, other := openRemote(t, s, quiet()), openRemote(t, s, quiet())
	config := QueueConfig{Group: "g"}
	out := listen(t, one.Queue(config), "topic")
	missing := make(map[string]bool)
	var messages []*message.Message
	for i := range 2 * kafkaBacklog * kafkaPartitions { // so many that none are fetched any more
		id := strconv.Itoa(i)
		missing[id] = true
		messages = append(messages, keyed(id, id))
	}
	sendTo(t, one, "topic", messages...)
	first := take(t, out)
	delete(missing, first.UUID)

	guest := other.Queue(config)
	delete(missing, take(t, listen(t, guest, "topic")).UUID)
	closeSoon(t, guest)
	first.Ack()
	for len(missing) > 0 {
		m := take(t, out)
		delete(missing, m.UUID)
		m.Ack()
	}
}

func TestKafkaReturnsInTimeFromAServerThatHangs(t *testing.T) {
	t.Parallel()
	s := startKafka(t).(*kafkaServer)
	b := openRemote(t, s, quiet())
	out := listen(t, b.Queue(QueueConfig{Group: "g"}), "topic")
	worksAgain(t, b, out, "before")
	thaw := make(chan struct{})
	s.running.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		<-thaw // it has one goroutine for all
		return nil, nil, false
	})
	publishFails(t, b)
	closeSoon(t, b)
	close(thaw)
}
