package broker

import (
	"net"
	"sync"
)

// rabbitSocket is a connection that nobody waits for when he writes: a goroutine
// of its own sends what has come together meanwhile, in one system call. While the
// broker reads nothing, as under a memory alarm, its writers go on and can mind
// their deadlines. What they hold is bounded by what may be unconfirmed.
type rabbitSocket struct {
	net.Conn

	mu      sync.Mutex
	wake    sync.Cond
	pending []byte
	err     error // why nothing is sent any more
}

func newRabbitSocket(c net.Conn) *rabbitSocket {
	s := &rabbitSocket{Conn: c}
	s.wake.L = &s.mu
	go s.send()
	return s
}

// Write takes the bytes over. Its error is that of an earlier write.
func (s *rabbitSocket) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	s.pending = append(s.pending, b...)
	s.wake.Signal()
	return len(b), nil
}

// Close drops what is not sent yet and ends the goroutine.
func (s *rabbitSocket) Close() error {
	s.stop(net.ErrClosed)
	return s.Conn.Close()
}

func (s *rabbitSocket) stop(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		s.wake.Signal()
	}
}

func (s *rabbitSocket) send() {
	const keep = 1 << 20 // a larger buffer goes when it is sent
	var sending []byte
	for {
		s.mu.Lock()
		for len(s.pending) == 0 && s.err == nil {
			s.wake.Wait()
		}
		if s.err != nil {
			s.mu.Unlock()
			return
		}
		sending, s.pending = s.pending, sending[:0]
		s.mu.Unlock()

		if _, err := s.Conn.Write(sending); err != nil {
			s.stop(err)
			return
		}
		if cap(sending) > keep {
			sending = nil
		}
	}
}
