package broker

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// hangingProxy stands before a server. When it hangs, connections stay and nothing
// comes through.
type hangingProxy struct {
	server   string
	listener net.Listener
	gate     sync.RWMutex // held for writing while it hangs
	running  sync.WaitGroup
}

func startProxy(t *testing.T, server string) *hangingProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &hangingProxy{server: server, listener: listener}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.running.Wait()
	})
	return p
}

// before returns the address with the proxy in place of the server.
func (p *hangingProxy) before(address string) string {
	return strings.Replace(address, p.server, p.listener.Addr().String(), 1)
}

func (p *hangingProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // the test is over
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.running.Go(func() { p.copy(server, client) })
		p.running.Go(func() { p.copy(client, server) })
	}
}

func (p *hangingProxy) copy(to io.WriteCloser, from io.ReadCloser) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		p.gate.RLock()
		_, writeErr := to.Write(buffer[:n])
		p.gate.RUnlock()
		if err != nil || writeErr != nil {
			return
		}
	}
}
