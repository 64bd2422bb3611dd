package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	contract "github.com/millrace/millrace/api/client"
)

// FuzzRequest sends whatever it comes up with. No request is answered with a 5xx
// or makes a command that cannot be decided, and every answer is one that the
// contract allows. {id} is an order.
func FuzzRequest(f *testing.F) {
	fields := func(pointer string, value any) []byte { return []byte(with(pointer, value)) }
	for _, body := range [][]byte{
		fields("/customer_id", "c"), fields("/items/0/quantity", number("1e400")), fields("/items", nil), fields("/email", "\x00"),
		[]byte(`{}`), []byte(`null`), []byte(`[`), {}, []byte("\xff"), []byte(strings.Repeat("[", 20_000)),
	} {
		f.Add("POST", "/v1/orders", "Content-Type: application/json\r\nIdempotency-Key: k\r\nPrefer: return=representation", body)
		f.Add("PUT", "/v1/orders/{id}/cart", "Content-Type: application/json; charset=utf-8\r\nIf-Match: \"1\", W/\"2\"", body)
	}
	for path, body := range map[string]string{
		"pay": `{"payment_method":"tok_ok"}`, "submit": `{"payment_method":"tok_declined"}`, "ship": `{"carrier":"bike"}`,
		"complete": `{"delivered_at":"2025-09-04T18:52:40+02:00"}`, "cancel": `{"reason":"no"}`,
	} {
		f.Add("POST", "/v1/orders/{id}/"+path, "Content-Type: application/json\r\nPrefer: wait=0, respond-async", []byte(body))
	}
	address, err := json.Marshal(newOrder().DeliveryAddress)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("PUT", "/v1/orders/{id}/delivery-address", "Content-Type: application/json\r\ntraceparent: 00-1-2-3", address)
	for _, target := range []string{
		"/v1/orders", "/v1/orders?status=draft&customer=c&created_from=2025-01-01T00:00:00Z&created_to=2999-01-01T00:00:00%2B01:00&limit=3",
		"/v1/orders?cursor=bDphOjE", "/v1/orders/search?q=margherita%20*&limit=1", "/v1/orders/{id}", "/v1/orders/{id}?version=1",
		"/v1/orders/{id}?as_of=2999-01-01T00:00:00Z", "/v1/orders/{id}/events?limit=1&cursor=aDphOjE", "/v1/commands/{id}",
		"/v1/orders/{id}/payments?limit=1&cursor=cDphL2I6MQ", "/v1/tickets?status=open&cursor=dDphOjE", "/v1/tickets/{id}", "/v1/tickets/{id}/accept",
		"/v1/events?order={id}&type=order.paid", "/docs/", "/docs/nothing", "/openapi.yaml", "/asyncapi.yaml", "/", "*", "http://other/v1/orders", "/v1/orders/%00?%zz",
	} {
		f.Add("GET", target, "If-None-Match: \"1\", *\r\nConsistency-Token: dzphOjA\r\nLast-Event-ID: 0", []byte(nil))
		f.Add("HEAD", target, "Prefer: \x80", []byte("x"))
		f.Add("DELETE", target, "X-HTTP-Method-Override: GET", []byte(nil))
	}

	public, order := handler(f)
	allowed, err := loadContract()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, target, headers string, body []byte) {
		head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: millrace\r\n%s\r\n\r\n", method, strings.ReplaceAll(target, "{id}", order), headers)
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		if err != nil {
			return // the server does not let it through to us
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		answer := serveOnce(public, r)
		status, sent := answer.Code, answer.Body.Bytes()
		late := status == http.StatusServiceUnavailable && r.Header.Get("Consistency-Token") != "" && bytes.Contains(sent, []byte(`"views_behind"`))
		if status >= http.StatusInternalServerError && !late {
			t.Errorf("%s %s: %d %s", r.Method, r.URL, status, sent)
		}
		if status == http.StatusAccepted && r.Header.Get("Prefer") == "" {
			t.Errorf("%s %s: nobody knows what became of it after seconds: %s", r.Method, r.URL, sent)
		}
		if err := allowed.check(r, body, status, answer.Header(), sent); err != nil {
			t.Errorf("%s %s: %d %s breaks the contract: %v", r.Method, r.URL, status, sent, err)
		}
	})
}

// handler runs a service until the test is over and returns its public handler,
// and the id of an order.
func handler(f *testing.F) (http.Handler, string) {
	f.Helper()
	var c config
	c.serveFlags(pflag.NewFlagSet("serve", pflag.PanicOnError)) // sets the defaults
	c.Store, c.ViewTimeout = "sqlite:"+filepath.Join(f.TempDir(), "millrace.db"), 10*time.Millisecond
	log := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background())
	m, err := build(ctx, c, log)
	if err != nil {
		f.Fatal(err)
	}
	ready, ended := make(chan struct{}), make(chan error)
	go func() { ended <- m.run(ctx, log, anyPort(f), anyPort(f), func(string, string) { close(ready) }) }()
	<-ready
	f.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			f.Error(err)
		}
		if err := m.close(); err != nil {
			f.Error(err)
		}
	})
	r := httptest.NewRequest(http.MethodPost, "/v1/orders", strings.NewReader(with("/customer_id", "c")))
	r.Header.Set("Content-Type", "application/json")
	var o contract.CommandOutcome
	if err := json.Unmarshal(serveOnce(m.public, r).Body.Bytes(), &o); err != nil || o.OrderID == "" {
		f.Fatalf("make an order: %+v, %v", o, err)
	}
	return m.public, o.OrderID
}

func anyPort(f *testing.F) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Error(err)
	}
	return l
}

// serveOnce answers a request. The client leaves an event stream at its
// beginning, since it has no end.
func serveOnce(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	ctx, leave := context.WithCancel(r.Context())
	defer leave()
	answer := httptest.NewRecorder()
	h.ServeHTTP(&impatient{answer, leave}, r.WithContext(ctx))
	return answer
}

// impatient is a client that leaves when the first part of a stream has come.
type impatient struct {
	*httptest.ResponseRecorder
	leave func()
}

// Flush implements http.Flusher.
func (w *impatient) Flush() {
	w.ResponseRecorder.Flush()
	w.leave()
}
