package sqlstore_test

import (
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// cut is where a proxy cuts a connection.
type cut int

const (
	noCut        cut = iota
	beforeServer     // the statement does not reach the server
	halfway          // half of it does
	unanswered       // it is carried out, and the client does not hear of it
)

// proxy stands between a store and a server, and cuts connections.
type proxy struct {
	address  string
	listener net.Listener
	server   string
	refusing atomic.Bool                       // closes new connections at once
	decide   atomic.Pointer[func(command) cut] // where to cut, if at all
}

// command is what a client asks of the server: its kind, and a text if it has one.
type command []byte

func (c command) isCommit() bool { return strings.HasSuffix(string(c[1:]), "COMMIT") }

// startProxy lets a store reach the database of an address through a proxy.
func startProxy(t *testing.T, address string) *proxy {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &proxy{listener: l, server: u.Host}
	p.cutAt(func(command) cut { return noCut })
	u.Host = l.Addr().String()
	p.address = u.String()
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			if p.refusing.Load() {
				client.Close()
				continue
			}
			go p.serve(client)
		}
	}()
	return p
}

// cutAt sets what decides about each command.
func (p *proxy) cutAt(decide func(command) cut) { p.decide.Store(&decide) }

// cutOnce cuts at the next COMMIT.
func (p *proxy) cutOnce(where cut) {
	var done atomic.Bool
	p.cutAt(func(c command) cut {
		if c.isCommit() && done.CompareAndSwap(false, true) {
			return where
		}
		return noCut
	})
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	var deaf atomic.Bool
	go func() {
		defer client.Close()
		defer server.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if err != nil || deaf.Load() {
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	for {
		packet, err := readPacket(client)
		if err != nil {
			return
		}
		where := noCut
		if packet[3] == 0 && len(packet) > 4 { // begins a command
			where = (*p.decide.Load())(packet[4:])
		}
		switch where {
		case beforeServer:
			return
		case halfway:
			server.Write(packet[:len(packet)/2]) // the connection ends anyway
			return
		case unanswered:
			deaf.Store(true)
		}
		if _, err := server.Write(packet); err != nil {
			return
		}
	}
}

// readPacket reads a packet of MySQL's protocol: three bytes of length, one of its
// place in a command, and what it holds.
func readPacket(r io.Reader) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	packet := append(head, make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)...)
	_, err := io.ReadFull(r, packet[4:])
	return packet, err
}
