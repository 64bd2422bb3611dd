package crashtest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/fleet"
)

// seen is an order as the API shows it.
type seen struct {
	ID            string `json:"id"`
	Version       int64  `json:"version"`
	Status        string `json:"status"`
	PaymentStatus string `json:"payment_status"`
	CustomerID    string `json:"customer_id"`
}

// brokenAnswers asks the service about at most so many orders, and about the
// whole feed, and holds its answers against a book.
func (c *customers) brokenAnswers(l *life, b *book, most int) (f findings) {
	for stream, records := range b.streamsOf("order") {
		if most--; most < 0 {
			break
		}
		fold := b.order(stream.ID())
		want := seen{stream.ID(), int64(len(records)), string(fold.Status), string(fold.PaymentStatus), fold.CustomerID}
		var got seen
		if err := c.get(l, "/v1/orders/"+want.ID, &got); err != nil || got != want {
			f.add("the service shows order %+v, want %+v (%v)", got, want, err)
		}
		var hits struct{ Data []seen }
		if err := c.get(l, "/v1/orders/search?q="+url.QueryEscape(fold.Items[0].Title), &hits); err != nil || len(hits.Data) != 1 || hits.Data[0] != want {
			f.add("the service finds %+v for %q, want %+v (%v)", hits.Data, fold.Items[0].Title, want, err)
		}
		last := records[len(records)-1].Metadata.CommandID
		var outcome answer
		if err := c.get(l, "/v1/commands/"+last, &outcome); err != nil || outcome.Status != "succeeded" || outcome.Version != want.Version {
			f.add("the service says of command %s: %v (%v), and it made version %d", last, outcome, err, want.Version)
		}
		c.checkParticipants(&f, l, b, want.ID)
	}
	c.checkEventStream(&f, l, b)
	return f
}

// checkParticipants asks what payments and the restaurant say of an order.
func (c *customers) checkParticipants(f *findings, l *life, b *book, id string) {
	var payments struct{ Data []struct{ ID, Status string } }
	if err := c.get(l, "/v1/orders/"+id+"/payments", &payments); err != nil || len(payments.Data) != len(b.requested(id)) {
		f.add("the service shows payments %+v of order %s, want %v (%v)", payments.Data, id, b.requested(id), err)
	}
	for _, p := range payments.Data {
		if want := b.payment(p.ID); string(want.OrderID) != id || p.Status != string(want.Status) {
			f.add("the service shows payment %+v of order %s, want %+v", p, id, want)
		}
	}
	want := string(b.ticket(id).Status)
	if want == "" {
		return // there is none to ask about
	}
	var slip struct{ Status string }
	if err := c.get(l, "/v1/tickets/"+id, &slip); err != nil || slip.Status != want {
		f.add("the service shows the ticket of order %s as %q, want %q (%v)", id, slip.Status, want, err)
	}
}

func (c *customers) get(l *life, path string, into any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	response, err := c.open(ctx, l, path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(into)
}

func (c *customers) open(ctx context.Context, l *life, path string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.API()+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Last-Event-ID", "0") // only the event stream looks at it
	response, err := c.client.Do(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s (%v)", path, response.Status, response.Body.Close())
	}
	return response, nil
}

// checkEventStream reads the live stream of events from its beginning. Patience is for
// each event: there may be many.
func (c *customers) checkEventStream(f *findings, l *life, b *book) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	enough := time.AfterFunc(patience, cancel)
	defer enough.Stop()
	response, err := c.open(ctx, l, "/v1/events")
	if err != nil {
		f.add("%v", err)
		return
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for _, p := range b.feed {
		position, id, err := nextEvent(lines)
		if err != nil {
			f.add("the event stream ends before position %d of %d: %v", p.position, len(b.feed), err)
			return
		}
		enough.Reset(patience)
		if want := b.streams[p.stream][p.version-1].ID; position != p.position || id != want {
			f.add("the event stream has event %s at %d, want %s at %d", id, position, want, p.position)
		}
	}
}

func nextEvent(lines *bufio.Scanner) (position es.Position, id string, err error) {
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return 0, "", err
			}
			position = es.Position(n)
		case "data":
			var event struct{ ID string }
			err := json.Unmarshal([]byte(value), &event)
			return position, event.ID, err
		}
	}
	if err := lines.Err(); err != nil {
		return 0, "", err
	}
	return 0, "", fmt.Errorf("end of stream")
}

// untilRest waits until the service has nothing left to do. It tells whether it
// died instead.
func (c *customers) untilRest(l *life) (died bool) {
	c.t.Helper()
	select {
	case <-c.done:
	case <-l.Gone:
		return true
	case <-time.After(patience):
		c.t.Fatal("the customers still wait for answers")
	}
	db, err := openBook(c.service.file)
	if err != nil {
		c.t.Fatal(err)
	}
	defer db.Close()
	_ = fleet.Eventually(patience, func() error { // settle says what it lacks
		select {
		case <-l.Gone:
			died = true
			return nil
		default:
			return quiet(db)
		}
	})
	return died
}

// settle waits until the customers have their answers and the service has
// nothing left to do. Then it holds everything against everything: what the file
// holds, what the service says, and what the customers were told.
func (c *customers) settle(l *life, repeatNth, most int) {
	c.t.Helper()
	if err := c.rest(); err != nil {
		c.t.Fatal(err)
	}
	db, err := openBook(c.service.file)
	if err != nil {
		c.t.Fatal(err)
	}
	began := time.Now()
	if err := fleet.Eventually(patience, func() error { return quiet(db) }); err != nil {
		c.t.Errorf("the service has not come to rest: %v", err)
	} else {
		c.t.Logf("the service came to rest after %v", time.Since(began).Round(time.Millisecond))
	}
	if err := db.Close(); err != nil {
		c.t.Fatal(err)
	}
	report(c.t, "repeated", c.repeat(repeatNth))
	b := c.book()
	report(c.t, "asked", c.brokenAnswers(l, b, most))
	l.Stop(c.t)
	b = c.book()
	report(c.t, "promised", b.brokenPromises())
	report(c.t, "at rest", b.brokenAtRest())
	report(c.t, "told", c.ledger.check(b))
	report(c.t, "logged", troubles(c.service.log.String()))
}

// book reads the files as they are now.
func (c *customers) book() *book {
	c.t.Helper()
	b, err := readBook(c.service.file, c.service.ledger)
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}
