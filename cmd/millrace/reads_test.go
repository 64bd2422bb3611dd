package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	contract "github.com/millrace/millrace/api/client"
)

func TestReads(t *testing.T) {
	t.Parallel()
	s := start(t)
	seed := s.client(t)
	order := createAndWait(seed)
	second := seed.put(order+"/cart", fields{"items": []contract.Item{margherita(4)}}).want(http.StatusOK)
	seed.get(order, "Consistency-Token: "+second.header.Get("Consistency-Token")).want(http.StatusOK).wantHeader("ETag", `"2"`)

	for _, test := range []struct {
		name, ifNoneMatch string
		status            int
	}{
		{"answer 304 to a client that is up to date", `"2"`, http.StatusNotModified},
		{"compare weakly", `W/"2"`, http.StatusNotModified},
		{"look through a list", `"1", W/"2", "x"`, http.StatusNotModified},
		{"take * for any version", `*`, http.StatusNotModified},
		{"answer with the order when the client has an older one", `"1"`, http.StatusOK},
		{"answer with the order when no tag of a list fits", `"1", "3"`, http.StatusOK},
		{"overlook what is not a tag", `2`, http.StatusOK},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := s.client(t)
			for _, path := range []string{order, order + "?version=2"} {
				a := c.get(path, "If-None-Match: "+test.ifNoneMatch).want(test.status).wantHeader("ETag", `"2"`)
				if test.status == http.StatusNotModified && (len(a.body) > 0 || a.header.Get("Content-Type") != "") {
					t.Errorf("304 with a body: %q", a.body)
				}
			}
		})
	}

	t.Run("take If-None-Match in two lines", func(t *testing.T) {
		t.Parallel()
		s.client(t).get(order, `If-None-Match: "1"`, `If-None-Match: "2"`).want(http.StatusNotModified)
	})

	t.Run("know ids in capitals", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		capitals := upperID(order)
		for _, path := range []string{capitals, capitals + "?version=1", capitals + "/events"} {
			c.get(path).want(http.StatusOK)
		}
		id := second.outcome().CommandID
		if o := c.get(upperID("/v1/commands/" + id)).want(http.StatusOK).outcome(); o.CommandID != id {
			t.Errorf("the command is %s, want %s", o.CommandID, id)
		}
		own := createAndWait(c)
		c.post(upperID(own)+"/cancel", fields{"reason": "no"}).want(http.StatusOK)
		c.awaitStatus(own, "canceled", "unpaid")
	})

	t.Run("answer HEAD like GET, without the body", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		sent := newOrder()
		sent.CustomerID = "c-head" // whose list does not change
		for range 2 {
			made := c.post("/v1/orders", sent).want(http.StatusCreated)
			c.get("/v1/orders", "Consistency-Token: "+made.header.Get("Consistency-Token")).want(http.StatusOK)
		}
		for _, path := range []string{order, order + "/events?limit=1", "/v1/orders?customer=c-head&limit=1", "/openapi.yaml", "/asyncapi.yaml", "/docs/"} {
			get, head := c.get(path).want(http.StatusOK), c.do(http.MethodHead, path, nil).want(http.StatusOK)
			if len(head.body) > 0 {
				t.Errorf("HEAD %s has a body", path)
			}
			for _, name := range []string{"Content-Type", "ETag", "Link", "Cache-Control"} {
				head.wantHeader(name, get.header.Get(name))
			}
		}
		c.do(http.MethodHead, "/v1/orders/"+newID(), nil).want(http.StatusNotFound)
		c.do(http.MethodHead, order, nil, `If-None-Match: "2"`).want(http.StatusNotModified)
	})

	t.Run("find nothing under ids that nobody has", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		for path, code := range map[string]string{
			"/v1/orders/" + newID():                                  "order_not_found",
			"/v1/orders/" + newID() + "/events":                      "order_not_found",
			"/v1/orders/" + newID() + "?version=1":                   "order_not_found",
			"/v1/orders/" + newID() + "?as_of=2999-01-01T00:00:00Z":  "order_not_found",
			"/v1/commands/" + newID():                                "command_not_found",
			"/v1/commands/00000000-0000-0000-0000-000000000000":      "command_not_found",
			"/v1/orders/ffffffff-ffff-ffff-ffff-ffffffffffff/events": "order_not_found",
		} {
			c.get(path).wantProblem(http.StatusNotFound, code)
		}
	})
}

func TestEventStreamAnswersHEADAndIsDone(t *testing.T) {
	t.Parallel()
	c := start(t).client(t)
	c.http.Timeout = 5 * time.Second
	for range 3 {
		c.do(http.MethodHead, "/v1/events", nil).want(http.StatusOK).wantHeader("Content-Type", "text/event-stream")
		c.get("/v1/orders?limit=1").want(http.StatusOK) // on the same connection
	}
}

func upperID(path string) string {
	b := []byte(path)
	for i := len(b) - 36; i < len(b); i++ {
		if b[i] >= 'a' && b[i] <= 'f' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}

func TestConsistencyToken(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *config) { c.ViewTimeout = 300 * time.Millisecond })

	t.Run("of a version that never comes is answered with 503", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		c.awaitStatus(order, "draft", "unpaid") // not by a token, whose time may be too short
		ahead := "Consistency-Token: " + token(order, 99)
		for _, path := range []string{
			order, order + "?version=1", order + "/events", "/v1/orders", "/v1/orders/search?q=margherita",
			order + "/payments", "/v1/tickets", "/v1/tickets/" + newID(),
		} {
			for _, ahead := range []string{ahead, "Consistency-Token: " + tokenOf("ticket-"+newID(), 1), "Consistency-Token: " + tokenOf("payment-"+newID(), 1)} {
				begun := time.Now()
				c.get(path, ahead).wantHeader("Retry-After", "1").wantProblem(http.StatusServiceUnavailable, "views_behind")
				if waited := time.Since(begun); waited < 300*time.Millisecond {
					t.Errorf("%s gave up after %s, want the view timeout of 300ms", path, waited)
				}
			}
		}
		c.get(order, "Consistency-Token: "+token("/v1/orders/"+newID(), 1)).wantProblem(http.StatusServiceUnavailable, "views_behind")
		c.get(order, "Consistency-Token: "+token(order, 1)).want(http.StatusOK)
	})

	for name, bad := range map[string]string{
		"is not base64":      "***",
		"is too short":       "dw",
		"is of another kind": base64.RawURLEncoding.EncodeToString([]byte("l:x:1")),
		"has no version":     base64.RawURLEncoding.EncodeToString([]byte("w:x:")),
		"has a negative one": base64.RawURLEncoding.EncodeToString([]byte("w:x:-1")),
		"has one too many":   base64.RawURLEncoding.EncodeToString([]byte("w:x:1:2")),
		"is of a kitchen":    tokenOf("kitchen-"+newID(), 1),
		"names its order":    tokenOf("order-"+newID(), 1),
		"has a bad id":       tokenOf("ticket-7", 1),
		"has an id too many": tokenOf("ticket-"+newID()+newID(), 1),
	} {
		t.Run("that "+name+" is answered with 400", func(t *testing.T) {
			t.Parallel()
			c := s.client(t)
			for _, path := range []string{"/v1/orders", "/v1/orders/search?q=a", "/v1/orders/" + newID(), "/v1/orders/" + newID() + "/events",
				"/v1/orders/" + newID() + "/payments", "/v1/tickets", "/v1/tickets/" + newID()} {
				p := c.get(path, "Consistency-Token: "+bad).wantProblem(http.StatusBadRequest, "invalid_parameter")
				wantPointer(t, p, "/header/Consistency-Token")
			}
		})
	}
}

// token makes the Consistency-Token of an order at a version.
func token(order string, version int) string { return tokenOf(order[len(order)-36:], version) }

func tokenOf(stream string, version int) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "w:%s:%d", stream, version))
}

func TestEveryReaderSeesTheirOwnWrites(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.client(t)
	const writers, writes = 10, 50
	_ = atOnce(t, writers, func() (answer, error) {
		var last answer
		made, err := c.try(http.MethodPost, "/v1/orders", newOrder())
		if err != nil {
			return made, err
		}
		order := made.header.Get("Location")
		for n := int64(1); n <= writes; n++ {
			wrote, err := c.try(http.MethodPut, order+"/cart", fields{"items": []contract.Item{margherita(n)}})
			if err != nil {
				return wrote, err
			}
			fresh := "Consistency-Token: " + wrote.header.Get("Consistency-Token")
			read, err := c.try(http.MethodGet, order, nil, fresh)
			if err != nil {
				return read, err
			}
			if read.status != http.StatusOK || read.order().Version != n+1 || read.order().Total.Amount != n*950 {
				return read, fmt.Errorf("read %d %s after version %d was written", read.status, read.body, n+1)
			}
			last = read
			if n%10 != 0 {
				continue
			}
			list, err := c.try(http.MethodGet, "/v1/orders", nil, fresh)
			if err != nil {
				return list, err
			}
			if !slices.ContainsFunc(list.orderList().Data, func(o contract.Order) bool {
				return o.ID == read.order().ID && o.Version == n+1
			}) {
				return list, fmt.Errorf("the list does not have version %d of %s", n+1, order)
			}
		}
		return last, nil
	})
}
