package broker

import (
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// rabbitProxy stands between a client and a server and breaks what is between
// them. It is up until it is told otherwise.
type rabbitProxy struct {
	tb       testing.TB
	target   string
	listener net.Listener
	address  string // like that of the server, with the port of the proxy
	held     atomic.Int64
	running  sync.WaitGroup

	mu     sync.Mutex
	thawed sync.Cond
	frozen bool
	refuse bool
	conns  map[net.Conn]struct{}
	made   int
}

func newRabbitProxy(tb testing.TB, address string) *rabbitProxy {
	tb.Helper()
	u, err := url.Parse(address)
	if err != nil {
		tb.Fatal(err)
	}
	p := &rabbitProxy{tb: tb, target: u.Host, conns: make(map[net.Conn]struct{})}
	p.thawed.L = &p.mu
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		tb.Fatal(err)
	}
	u.Host = p.listener.Addr().String()
	p.address = u.String()
	p.running.Go(p.accept)
	tb.Cleanup(func() {
		p.listener.Close() // nobody can be told
		p.set(func() { p.refuse, p.frozen = true, false })
		p.cut()
		p.running.Wait()
	})
	return p
}

func (p *rabbitProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil || !p.admit(client, server) {
			client.Close() // which is the message
			if err == nil {
				server.Close()
			}
			continue
		}
		p.running.Go(func() { p.copy(server, client) })
		p.running.Go(func() { p.copy(client, server) })
	}
}

func (p *rabbitProxy) admit(both ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse {
		return false
	}
	for _, c := range both {
		p.conns[c] = struct{}{}
	}
	p.made++
	return true
}

// copy passes on what comes, unless the proxy is frozen.
func (p *rabbitProxy) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.held.Add(int64(n))
		p.mu.Lock()
		for p.frozen {
			p.thawed.Wait()
		}
		_, alive := p.conns[from]
		p.mu.Unlock()
		p.held.Add(int64(-n))
		if !alive {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil && err != io.EOF {
			return
		}
	}
}

// freeze holds back what comes, in both directions, until thaw. What is cut
// meanwhile is lost.
func (p *rabbitProxy) freeze() { p.set(func() { p.frozen = true }) }
func (p *rabbitProxy) thaw()   { p.set(func() { p.frozen = false }) }

// down cuts all connections and lets nobody in any more.
func (p *rabbitProxy) down() {
	p.set(func() { p.refuse = true })
	p.cut()
}

// cut breaks the connections that there are.
func (p *rabbitProxy) cut() {
	p.set(func() {
		for c := range p.conns {
			c.Close() // that is all there is to do
		}
		clear(p.conns)
	})
}

func (p *rabbitProxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.thawed.Broadcast()
}

// connections returns how many there have been.
func (p *rabbitProxy) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.made
}

// holds tells whether something waits for the thaw.
func (p *rabbitProxy) holds() bool { return p.held.Load() > 0 }
