package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	contract "github.com/millrace/millrace/api/client"
)

// badRequest is a request that is refused, and how.
type badRequest struct {
	name    string
	method  string // POST where it is empty
	path    string // /v1/orders where it is empty; {id} is a draft
	body    any
	headers []string
	status  int
	code    string
	pointer string // into the input, or one of those below
	allow   string // with 405
}

// What a problem can point at besides a place in the input.
const (
	nowhere   = ""
	wholeBody = "the whole body"
	somewhere = "a place of any name"
)

// refuse sends bad requests, each followed by a good one.
func refuse(t *testing.T, requests []badRequest) {
	t.Helper()
	s := start(t)
	order := createAndWait(s.client(t))
	t.Run("is refused", func(t *testing.T) {
		for _, r := range requests {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				c := s.client(t)
				r.send(c, order)
				c.get(order).want(http.StatusOK)
			})
		}
	})
	wantHistory(t, s.client(t), order, "order.created")
	createAndWait(s.client(t))
}

func (r badRequest) send(c client, order string) {
	c.Helper()
	method, path := r.method, r.path
	if method == "" {
		method = http.MethodPost
	}
	if path == "" {
		path = "/v1/orders"
	}
	path = strings.ReplaceAll(path, "{id}", order[len(order)-36:])
	p := c.do(method, path, r.body, r.headers...).wantHeader("Allow", r.allow).wantProblem(r.status, r.code)
	switch r.pointer {
	case nowhere:
		if len(p.Errors) > 0 {
			c.Errorf("%s points at %v, want nowhere", p.Code, p.Errors)
		}
	case wholeBody:
		wantPointer(c, p, "")
	case somewhere:
	default:
		wantPointer(c, p, r.pointer)
	}
}

// absent takes a field out where it is set as its value.
type absent struct{}

// with returns a new order as JSON, with the value at a pointer exchanged.
func with(pointer string, value any) string { return edited(newOrder(), pointer, value) }

// without returns a new order as JSON that lacks what a pointer names.
func without(pointer string) string { return edited(newOrder(), pointer, absent{}) }

func edited(body any, pointer string, value any) string {
	data, err := json.Marshal(body)
	if err != nil {
		panic(err) // a test that is wrong itself
	}
	var root any
	if err := json.Unmarshal(data, &root); err != nil {
		panic(err)
	}
	data, err = json.Marshal(set(root, strings.Split(pointer, "/")[1:], value))
	if err != nil {
		panic(err)
	}
	return string(data)
}

func set(node any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	switch node := node.(type) {
	case []any:
		i, err := strconv.Atoi(path[0])
		if err != nil {
			panic(err)
		}
		node[i] = set(node[i], path[1:], value)
	case map[string]any:
		node[path[0]] = set(node[path[0]], path[1:], value)
		if node[path[0]] == (any)(absent{}) {
			delete(node, path[0])
		}
	}
	return node
}

// number is a JSON number as it is written.
func number(text string) json.RawMessage { return json.RawMessage(text) }

func TestBadFields(t *testing.T) {
	t.Parallel()
	refuse(t, badFields())
}

func badFields() []badRequest {
	var all []badRequest
	invalid := func(name, pointer string, body any) {
		all = append(all, badRequest{name: name, body: body, status: http.StatusUnprocessableEntity, code: "invalid_request", pointer: pointer})
	}
	const text, integer, object, list = "text", "integer", "object", "list"
	examples := map[string]any{text: "7", integer: 7, object: fields{}, list: []any{}, "bool": true, "null": nil, "fraction": 1.5}
	kinds := map[string]string{
		"/customer_id": text, "/email": text, "/items": list, "/items/0": object, "/items/0/product_id": text,
		"/items/0/title": text, "/items/0/description": text, "/items/0/quantity": integer,
		"/items/0/unit_price": object, "/items/0/unit_price/amount": integer, "/items/0/unit_price/currency": text,
		"/delivery_address": object, "/delivery_address/name": text, "/delivery_address/line1": text,
		"/delivery_address/line2": text, "/delivery_address/postal_code": text, "/delivery_address/city": text,
		"/delivery_address/country": text,
	}
	optional := map[string]bool{"/items/0": true, "/items/0/description": true, "/delivery_address/line2": true}
	for pointer, kind := range kinds {
		for other, example := range examples {
			if other != kind {
				invalid(fmt.Sprintf("%s is a %s", pointer, other), pointer, with(pointer, example))
			}
		}
		if !optional[pointer] {
			invalid(pointer+" is missing", pointer, without(pointer))
		}
	}
	for _, pointer := range []string{"/nonsense", "/items/0/nonsense", "/items/0/unit_price/nonsense", "/delivery_address/nonsense", "/Email", "/a~1b~0c"} {
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(pointer[strings.LastIndex(pointer, "/")+1:])
		body := with(pointer[:strings.LastIndex(pointer, "/")+1]+"nonsense", 1)
		invalid(pointer+" is unknown", pointer, strings.ReplaceAll(body, "nonsense", name))
	}
	for pointer, most := range map[string]int{
		"/customer_id": 255, "/items/0/product_id": 128, "/items/0/title": 200, "/items/0/description": 2000,
		"/delivery_address/name": 200, "/delivery_address/line1": 200, "/delivery_address/line2": 200,
		"/delivery_address/postal_code": 32, "/delivery_address/city": 200,
	} {
		invalid(pointer+" is too long", pointer, with(pointer, strings.Repeat("é", most+1)))
		if !optional[pointer] {
			invalid(pointer+" is empty", pointer, with(pointer, ""))
			invalid(pointer+" is blank", pointer, with(pointer, " \t\n"))
			invalid(pointer+" is blank in Japanese", pointer, with(pointer, "\u3000"))
		}
	}
	for _, email := range []string{"", "nobody", "@", "a@", "@b", "a b@c", "a@b@c", "a@b\n", "a\u3000@b", strings.Repeat("a", 253) + "@b"} {
		invalid(fmt.Sprintf("the e-mail address is %.20q", email), "/email", with("/email", email))
	}
	for _, country := range []string{"", "N", "NLD", "nl", "N1", "ÄÖ"} {
		invalid("the country is "+country, "/delivery_address/country", with("/delivery_address/country", country))
	}
	for _, currency := range []string{"", "EURO", "eur", "ZZZ", "XAU", "E R"} {
		invalid("the currency is "+currency, "/items/0/unit_price/currency", with("/items/0/unit_price/currency", currency))
	}
	for _, n := range []string{"0", "-1", "-0", "1000001", "9007199254740993", "9223372036854775808", "1e19", "1e400", "-1e400", "1e-400", "0.1", "1.0000000001"} {
		invalid("the quantity is "+n, "/items/0/quantity", with("/items/0/quantity", number(n)))
	}
	for _, n := range []string{"-1", "9007199254740992", "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e400", "-1e400", "0.5", "9007199254740991.5"} {
		invalid("the amount is "+n, "/items/0/unit_price/amount", with("/items/0/unit_price/amount", number(n)))
	}
	many := make([]contract.Item, 1001)
	for i := range many {
		many[i] = margherita(1)
	}
	invalid("there are 1001 items", "/items", with("/items", many))

	dollars, dear := margherita(1), margherita(2)
	dollars.UnitPrice.Currency, dear.UnitPrice.Amount = "USD", 1<<52
	return append(all,
		badRequest{
			name: "the items have two currencies", body: with("/items", []contract.Item{margherita(1), dollars}),
			status: http.StatusUnprocessableEntity, code: "mixed_currencies", pointer: "/items/1/unit_price/currency",
		},
		badRequest{
			name: "one item is too dear", body: with("/items", []contract.Item{dear}),
			status: http.StatusUnprocessableEntity, code: "total_too_large", pointer: "/items/0",
		},
		badRequest{
			name: "all items together are too dear", body: with("/items", []contract.Item{margherita(1), halved(dear), halved(dear)}),
			status: http.StatusUnprocessableEntity, code: "total_too_large", pointer: "/items/2",
		},
	)
}

func halved(i contract.Item) contract.Item {
	i.Quantity /= 2
	return i
}

func TestFieldsAtTheirLimits(t *testing.T) {
	t.Parallel()
	s := start(t)
	many := make([]contract.Item, 1000)
	for i := range many {
		many[i] = margherita(1)
	}
	dearest := margherita(1)
	dearest.UnitPrice.Amount = 1<<53 - 1
	for name, body := range map[string]string{
		"long texts":                     with("/customer_id", strings.Repeat("é", 255)),
		"a long description":             with("/items/0/description", strings.Repeat("\U0001F355", 2000)),
		"an empty description":           with("/items/0/description", ""),
		"an e-mail of 254 characters":    with("/email", strings.Repeat("a", 252)+"@b"),
		"a NUL in a text":                with("/items/0/title", "a\x00b"),
		"half a character in a text":     strings.ReplaceAll(with("/items/0/title", "HERE"), "HERE", `\ud83c`),
		"a text in all scripts":          with("/items/0/title", "Пицца ピザ \u202e\u200d\ufeff بيتزا"),
		"1000 items":                     with("/items", many),
		"the largest quantity":           with("/items/0/quantity", 1000000),
		"the largest amount":             with("/items", []contract.Item{dearest}),
		"an amount of nothing":           with("/items/0/unit_price/amount", 0),
		"an integer written as 2.0":      with("/items/0/quantity", number("2.0")),
		"an integer written as 1e3":      with("/items/0/quantity", number("1e3")),
		"an integer written as 20e-1":    with("/items/0/quantity", number("20e-1")),
		"an amount written as 9.5e2":     with("/items/0/unit_price/amount", number("9.5e2")),
		"an amount of minus nothing":     with("/items/0/unit_price/amount", number("-0")),
		"a body of 1 MiB":                padded(1 << 20),
		"blanks around it":               " \r\n\t" + with("/customer_id", "c") + "\n\n",
		"a field that is given twice":    strings.Replace(with("/customer_id", "c"), "{", `{"email":"b@example.com",`, 1),
		"field names in escaped letters": strings.Replace(with("/customer_id", "c"), `"email"`, `"\u0065mail"`, 1),
	} {
		t.Run("are accepted: "+name, func(t *testing.T) {
			t.Parallel()
			c := s.client(t)
			created := c.post("/v1/orders", body).want(http.StatusCreated)
			var sent contract.NewOrder
			fits := json.Unmarshal([]byte(body), &sent) == nil
			o := c.get(created.header.Get("Location"), "Consistency-Token: "+created.header.Get("Consistency-Token")).want(http.StatusOK).order()
			if fits && (o.Email != sent.Email || o.CustomerID != sent.CustomerID || o.Items[0].Title != sent.Items[0].Title) {
				t.Errorf("the order has become %.300v, want what was sent: %.300v", o, sent)
			}
		})
	}
}

// padded returns a new order of so many bytes.
func padded(size int) string {
	body := with("/customer_id", "c")
	return strings.Repeat(" ", size-len(body)) + body
}
