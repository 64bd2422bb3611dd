package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	contract "github.com/millrace/millrace/api/client"
)

// streamed is one message of an event stream.
type streamed struct {
	id    int64
	event string
	data  contract.Event
}

// stream is an open event stream.
type stream struct {
	client
	answer *http.Response
	lines  chan string // closed when the stream has ended
	leave  context.CancelFunc
}

// follow opens an event stream until the test is over.
func (c client) follow(query string, headers ...string) *stream {
	c.Helper()
	request, err := newRequest(http.MethodGet, c.base+"/v1/events"+query, nil, headers...)
	if err != nil {
		c.Fatal(err)
	}
	ctx, leave := context.WithCancel(context.Background())
	unlimited := *c.http
	unlimited.Timeout = 0
	answer, err := unlimited.Do(request.WithContext(ctx))
	if err != nil {
		leave()
		c.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		c.Errorf("GET /v1/events: %s of %q, want a stream", answer.Status, answer.Header.Get("Content-Type"))
	}
	f := &stream{client: c, answer: answer, lines: make(chan string, 1024), leave: leave}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(f.lines)
		for scan := bufio.NewScanner(answer.Body); scan.Scan(); {
			select {
			case f.lines <- scan.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	c.Cleanup(func() {
		leave()
		<-ended
		_ = answer.Body.Close() // the stream is over
	})
	return f
}

// line returns the next line that comes before it is enough; ok is false when
// the stream has ended.
func (f *stream) line(enough <-chan time.Time) (line string, ok bool) {
	f.Helper()
	select {
	case line, ok = <-f.lines:
		return line, ok
	case <-enough:
		f.Fatalf("waited %s for the event stream in vain", patience)
		return "", false
	}
}

// next returns the next message.
func (f *stream) next() streamed {
	f.Helper()
	var m streamed
	enough := time.After(patience) // for the message, however many heartbeats come before it
	for {
		line, ok := f.line(enough)
		if !ok {
			f.Fatal("the event stream has ended")
		}
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "id":
			id, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				f.Fatalf("read %q: %v", line, err)
			}
			m.id = id
		case "event":
			m.event = value
		case "data":
			if err := json.Unmarshal([]byte(value), &m.data); err != nil {
				f.Fatalf("read %q: %v", line, err)
			}
		case "":
			if m.id != 0 {
				f.wantMessage(m, line)
				return m
			}
		}
	}
}

func (f *stream) wantMessage(m streamed, line string) {
	f.Helper()
	if m.event == "" || m.event != m.data.Type || m.data.OrderID == "" || m.data.Version == 0 || m.data.ID == "" {
		f.Errorf("message %d is event %q with data %+v, want the event in data (%s)", m.id, m.event, m.data, line)
	}
}

// end waits until the stream has ended.
func (f *stream) end() {
	f.Helper()
	enough := time.After(patience)
	for {
		if _, ok := f.line(enough); !ok {
			return
		}
	}
}

// types returns the types of the next n messages, and the last position.
func (f *stream) types(n int) (types []string, last int64) {
	f.Helper()
	for range n {
		m := f.next()
		types, last = append(types, m.event), m.id
	}
	return types, last
}

func TestEventStream(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *config) { c.Heartbeat = 20 * time.Millisecond })

	t.Run("tells what happens, in its order", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		f := c.follow("")
		order := c.create()
		approve(c, order)
		var seen []contract.Event
		var last int64
		for len(seen) < 5 {
			m := f.next()
			if last != 0 && m.id != last+1 {
				t.Errorf("position %d follows %d, want no gap", m.id, last)
			}
			// The history of an order leaves out its payments and its ticket.
			if last = m.id; "/v1/orders/"+m.data.OrderID == order && strings.HasPrefix(m.event, "order.") {
				seen = append(seen, m.data)
			}
		}
		for i, e := range c.events(order) {
			if a, b := fmt.Sprint(seen[i]), fmt.Sprint(e); a != b {
				t.Errorf("the stream has %s, want the event of the history: %s", a, b)
			}
		}
	})

	t.Run("can be of one order", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		f := c.follow("?order="+strings.ToUpper(order[len(order)-36:]), "Last-Event-ID: 0")
		c.create()
		c.post(order+"/submit", nil).want(http.StatusOK)
		c.create()
		c.post(order+"/cancel", fields{"reason": "no"}).want(http.StatusOK)
		if got, _ := f.types(3); !slices.Equal(got, []string{"order.created", "order.submitted", "order.canceled"}) {
			t.Errorf("the stream has %v, want the creation, submission and cancellation of the one order", got)
		}
	})

	t.Run("can be of one type", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		f := c.follow("?type=order.shipped&order=" + order[len(order)-36:])
		approve(c, order)
		c.post(order+"/ship", nil).want(http.StatusOK)
		if m := f.next(); m.event != "order.shipped" {
			t.Errorf("the stream begins with %s, want order.shipped", m.event)
		}
	})

	t.Run("begins with what happens next", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		all := c.follow("?order="+order[len(order)-36:], "Last-Event-ID: 0")
		all.next() // the creation is in the feed
		f := c.follow("?order=" + order[len(order)-36:])
		c.post(order+"/submit", nil).want(http.StatusOK)
		if m := f.next(); m.event != "order.submitted" {
			t.Errorf("the stream begins with %s, want order.submitted", m.event)
		}
	})

	t.Run("goes on from the end when asked for what is not there yet", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		f := c.follow("?order="+order[len(order)-36:]+"&type=order.submitted", "Last-Event-ID: 9223372036854775807")
		c.post(order+"/submit", nil).want(http.StatusOK)
		f.next()
	})

	t.Run("says that it is alive when nothing happens", func(t *testing.T) {
		t.Parallel()
		f := s.client(t).follow("?type=order.unheard_of")
		enough := time.After(patience)
		for beats := 0; beats < 3; {
			line, ok := f.line(enough)
			if !ok {
				t.Fatal("the event stream has ended")
			}
			if strings.HasPrefix(line, ":") {
				beats++
			}
		}
	})
}

func TestEventStreamGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.client(t)
	first := c.follow("", "Last-Event-ID: 0")
	var orders []string
	for range 5 {
		orders = append(orders, c.create())
	}
	_, last := first.types(3) // two of five are not read

	s.restart()
	first.end() // when the service stopped
	c = s.client(t)
	c.post(orders[0]+"/submit", nil).want(http.StatusOK)
	second := c.follow("", "Last-Event-ID: "+strconv.FormatInt(last, 10))
	for i, want := range []string{"order.created", "order.created", "order.submitted"} {
		m := second.next()
		if m.event != want || m.id != last+int64(i)+1 {
			t.Errorf("position %d is %s, want position %d to be %s", m.id, m.event, last+int64(i)+1, want)
		}
		if i < 2 && "/v1/orders/"+m.data.OrderID != orders[3+i] {
			t.Errorf("position %d is of order %s, want %s", m.id, m.data.OrderID, orders[3+i])
		}
	}
	all := c.follow("", "Last-Event-ID: 0")
	for i := range 6 {
		if m := all.next(); m.id != int64(i+1) {
			t.Errorf("message %d has position %d, want %d", i, m.id, i+1)
		}
	}
}

// This test counts goroutines, so it does not run beside others.
func TestEventStreamIsFreedWhenItsClientLeaves(t *testing.T) {
	s := start(t)
	c := s.client(t)
	streams := func() int {
		stacks := make([]byte, 1<<25)
		stacks = stacks[:runtime.Stack(stacks, true)]
		return strings.Count(string(stacks), "eventStream.VisitStreamEventsResponse(")
	}
	var open []*stream
	for range 20 {
		open = append(open, c.follow(""))
	}
	eventually(t, "20 streams are open", func() bool { return streams() == 20 })
	for _, f := range open {
		f.leave()
	}
	eventually(t, "no stream is left", func() bool { return streams() == 0 })
	c.create()
}
