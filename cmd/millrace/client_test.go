package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	contract "github.com/millrace/millrace/api/client"
)

// client sends requests for a test. Every answer it gets is held against the
// contract.
type client struct {
	testing.TB
	base string
	http *http.Client
}

// answer is what came back.
type answer struct {
	testing.TB
	asked  string
	status int
	header http.Header
	body   []byte
}

// try sends a request and returns what went wrong, for goroutines, which must not
// end the test. Headers are written "Name: value"; a body that is not a string is
// sent as JSON.
func (c client) try(method, path string, body any, headers ...string) (answer, error) {
	request, err := newRequest(method, c.base+path, body, headers...)
	if err != nil {
		return answer{}, err
	}
	response, err := c.http.Do(request.WithContext(c.Context()))
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	a := answer{TB: c.TB, asked: method + " " + path, status: response.StatusCode, header: response.Header, body: data}
	return a, err
}

// do sends a request.
func (c client) do(method, path string, body any, headers ...string) answer {
	c.Helper()
	a, err := c.try(method, path, body, headers...)
	if err != nil {
		c.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func newRequest(method, url string, body any, headers ...string) (*http.Request, error) {
	var content io.Reader = http.NoBody
	switch body := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(body)
	default:
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequest(method, url, content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		if name == "Content-Type" {
			request.Header.Del(name)
		}
		if value = strings.TrimSpace(value); value != "" || name != "Content-Type" {
			request.Header.Add(name, value)
		}
	}
	return request, nil
}

func (c client) get(path string, headers ...string) answer {
	c.Helper()
	return c.do(http.MethodGet, path, nil, headers...)
}

func (c client) post(path string, body any, headers ...string) answer {
	c.Helper()
	return c.do(http.MethodPost, path, body, headers...)
}

func (c client) put(path string, body any, headers ...string) answer {
	c.Helper()
	return c.do(http.MethodPut, path, body, headers...)
}

// create makes an order and returns its path.
func (c client) create() (path string) {
	c.Helper()
	return c.post("/v1/orders", newOrder()).want(http.StatusCreated).header.Get("Location")
}

// order reads an order as it is now, in the view.
func (c client) order(path string) contract.Order {
	c.Helper()
	return c.get(path).want(http.StatusOK).order()
}

// await reads an order until it is as it should be.
func (c client) await(path, what string, is func(contract.Order) bool) contract.Order {
	c.Helper()
	var o contract.Order
	eventually(c, path+" is "+what, func() bool {
		a := c.get(path)
		if a.status == http.StatusNotFound {
			return false
		}
		o = a.want(http.StatusOK).order()
		return is(o)
	})
	return o
}

// awaitStatus reads an order until it has come so far.
func (c client) awaitStatus(path string, status contract.OrderStatus, payment contract.PaymentStatus) contract.Order {
	c.Helper()
	return c.await(path, fmt.Sprintf("%s and %s", status, payment), func(o contract.Order) bool {
		return o.Status == status && o.PaymentStatus == payment
	})
}

// events reads all events of an order.
func (c client) events(path string) []contract.Event {
	c.Helper()
	return c.get(path + "/events?limit=1000").want(http.StatusOK).eventList().Data
}

// want fails the test unless the answer has a status.
func (a answer) want(status int) answer {
	a.Helper()
	if a.status != status {
		a.Fatalf("%s: %d %s, want status %d", a.asked, a.status, a.body, status)
	}
	return a
}

// wantProblem fails the test unless the answer is a problem with a code.
func (a answer) wantProblem(status int, code string) contract.Problem {
	a.Helper()
	p := a.want(status).problem()
	if p.Code != code {
		a.Fatalf("%s: %s, want %s", a.asked, a.body, code)
	}
	return p
}

// wantHeader fails the test unless the answer has a header with a value.
func (a answer) wantHeader(name, value string) answer {
	a.Helper()
	if got := a.header.Get(name); got != value {
		a.Errorf("%s: %s is %q, want %q", a.asked, name, got, value)
	}
	return a
}

func read[T any](a answer) (v T) {
	a.Helper()
	if err := json.Unmarshal(a.body, &v); err != nil {
		a.Fatalf("%s: %v in %q", a.asked, err, a.body)
	}
	return v
}

func (a answer) order() contract.Order { a.Helper(); return read[contract.Order](a) }
func (a answer) outcome() contract.CommandOutcome {
	a.Helper()
	return read[contract.CommandOutcome](a)
}
func (a answer) problem() contract.Problem     { a.Helper(); return read[contract.Problem](a) }
func (a answer) orderList() contract.OrderList { a.Helper(); return read[contract.OrderList](a) }
func (a answer) eventList() contract.EventList { a.Helper(); return read[contract.EventList](a) }

// fields is a JSON object.
type fields = map[string]any

// newOrder is what a customer sends: two pizzas for 19.00.
func newOrder() contract.NewOrder {
	return contract.NewOrder{
		CustomerID: "c-42", Email: "a@example.com",
		Items: []contract.Item{margherita(2)},
		DeliveryAddress: contract.Address{
			Name: "A. Eater", Line1: "Canal 1", PostalCode: "1011 AB", City: "Amsterdam", Country: "NL",
		},
	}
}

func margherita(n int64) contract.Item {
	return contract.Item{
		ProductID: "p-1", Title: "Margherita", Description: new("tomato, mozzarella"), Quantity: n,
		UnitPrice: contract.Money{Amount: 950, Currency: "EUR"},
	}
}
