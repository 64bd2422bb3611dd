package sagatest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// visit is one order and what its customer, and the people in the restaurant, do.
type visit struct {
	*testing.T
	house *house
	name  string // begins the keys of its writes
	order string // its id, once it was created
	total int64  // what it costs
	trap  *trap  // the last one that was set for it, if any

	writes atomic.Int64
}

// answer is what a write was answered in the end.
type answer struct {
	Status    string `json:"status"`
	CommandID string `json:"command_id"`
	OrderID   string `json:"order_id"`
	Code      string `json:"code"` // why it was refused

	http int
	body string
}

// create makes an order of a product.
func (v *visit) create(product string) {
	v.Helper()
	if v.total == 0 {
		v.total = 1900
	}
	a := v.write(http.MethodPost, "/orders", fmt.Sprintf(`{"customer_id":"c-1","email":"c@example.com",
		"items":[{"product_id":%q,"title":"Margherita","quantity":1,"unit_price":{"amount":%d,"currency":"EUR"}}],
		"delivery_address":{"name":"C","line1":"Canal 1","postal_code":"1011 AB","city":"Amsterdam","country":"NL"}}`, product, v.total))
	v.wantDone("create", a)
	v.order = a.OrderID
}

// submit submits the order, and pays it unless the token is empty.
func (v *visit) submit(token string) {
	v.Helper()
	body := `{"payment_method":"` + token + `"}`
	if token == "" {
		body = ""
	}
	v.wantDone("submit", v.act("submit", body))
}

func (v *visit) pay(token string) {
	v.Helper()
	v.wantDone("pay", v.act("pay", `{"payment_method":"`+token+`"}`))
}

// cancel cancels the order. It tells whether that was not too late.
func (v *visit) cancel() bool {
	v.Helper()
	a := v.act("cancel", `{"reason":"changed my mind"}`)
	if a.http == http.StatusConflict {
		return false
	}
	v.wantDone("cancel", a)
	return true
}

func (v *visit) act(verb, body string) answer {
	v.Helper()
	return v.write(http.MethodPost, "/orders/"+v.order+"/"+verb, body)
}

// answerTicket says what the people in the restaurant say.
func (v *visit) answerTicket(verb string) answer {
	v.Helper()
	body := ""
	if verb == "reject" {
		body = `{"reason":"the oven is cold"}`
	}
	return v.write(http.MethodPost, "/tickets/"+v.order+"/"+verb, body)
}

// deliver ships and completes an order that is approved.
func (v *visit) deliver() {
	v.Helper()
	v.untilStatus("approved")
	v.wantDone("ship", v.act("ship", ""))
	v.wantDone("complete", v.act("complete", ""))
}

func (v *visit) wantDone(verb string, a answer) {
	v.Helper()
	if a.Status != "succeeded" {
		v.Errorf("%s was answered %d: %s", verb, a.http, a.body)
	}
}

// write asks for a write, again and again under one key until it is decided.
func (v *visit) write(method, path, body string) answer {
	v.Helper()
	key := v.name + "-" + strconv.FormatInt(v.writes.Add(1), 10)
	enough := time.Now().Add(patience)
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		a, err := v.house.send(method, path, body, key)
		switch {
		case err == nil && a.http != http.StatusAccepted && a.http != http.StatusServiceUnavailable:
			return a
		case time.Now().After(enough):
			v.Errorf("%s %s with key %s is not decided after %v: %+v (%v)", method, path, key, patience, a, err)
			return a
		}
		<-time.After(pause)
	}
}

func (h *house) send(method, path, body, key string) (a answer, err error) {
	base := h.fleet.API(0)
	if base == "" {
		return a, fmt.Errorf("nobody answers requests")
	}
	r, err := http.NewRequestWithContext(h.Context(), method, base+"/v1"+path, bytes.NewBufferString(body))
	if err != nil {
		return a, err
	}
	r.Header.Set("Idempotency-Key", key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	status, text, err := h.do(r)
	if err != nil {
		return a, err
	}
	a.http, a.body = status, string(text)
	if status >= http.StatusBadRequest {
		var problem struct{ Code string }
		err = json.Unmarshal(text, &problem)
		a.Code = problem.Code
		return a, err
	}
	return a, json.Unmarshal(text, &a)
}

func (h *house) do(r *http.Request) (status int, body []byte, err error) {
	response, err := h.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// get reads a page into a value. It tells whether it is there at all.
func (h *house) get(address string, into any) (found bool, err error) {
	r, err := http.NewRequestWithContext(h.Context(), http.MethodGet, address, nil)
	if err != nil {
		return false, err
	}
	status, body, err := h.do(r)
	switch {
	case err != nil:
		return false, err
	case status == http.StatusNotFound:
		return false, nil
	case status != http.StatusOK:
		return false, fmt.Errorf("GET %s: %d: %s", address, status, body)
	}
	return true, json.Unmarshal(body, into)
}

// all reads a list of the API to its end, page by page.
func all[T any](h *house, address string) ([]T, error) {
	return pages[T](h, address+"?limit=200")
}

// pages reads a list to its end, page by page. The address has a query already.
func pages[T any](h *house, address string) (items []T, err error) {
	for next := ""; ; {
		var page struct {
			Data       []T
			NextCursor *string `json:"next_cursor"`
		}
		found, err := h.get(address+next, &page)
		if err != nil || !found {
			return items, err
		}
		items = append(items, page.Data...)
		if page.NextCursor == nil {
			return items, nil
		}
		next = "&cursor=" + *page.NextCursor
	}
}
