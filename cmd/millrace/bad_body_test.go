package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestBadBodies(t *testing.T) {
	t.Parallel()
	good := with("/customer_id", "c")
	var all []badRequest
	for name, body := range map[string]string{
		"nothing but a blank":         " ",
		"no JSON":                     "hello",
		"JSON that is cut off":        good[:len(good)-1],
		"JSON that is cut in a text":  good[:20],
		"garbage at the end":          good + "x",
		"a brace too many":            good + "}",
		"two values":                  good + good,
		"a byte order mark":           "\ufeff" + good,
		"UTF-16":                      "\xff\xfe{\x00}\x00",
		"bytes that are not UTF-8":    strings.Replace(good, "Amsterdam", "Amster\xffdam", 1),
		"an overlong NUL":             strings.Replace(good, "Amsterdam", "Amster\xc0\x80dam", 1),
		"half a pair in UTF-8":        strings.Replace(good, "Amsterdam", "Amster\xed\xa0\x80dam", 1),
		"a NUL byte":                  strings.Replace(good, "Amsterdam", "Amster\x00dam", 1),
		"a NUL at the end":            good + "\x00",
		"a line break in a text":      strings.Replace(good, "Amsterdam", "Amster\ndam", 1),
		"a bad escape":                strings.Replace(good, "Amsterdam", `Amster\xdam`, 1),
		"a comment":                   "/* order */" + good,
		"a comma too many":            strings.Replace(good, "}", ",}", 1),
		"single quotes":               strings.ReplaceAll(good, `"`, `'`),
		"NaN":                         strings.Replace(good, ":2,", ":NaN,", 1),
		"Infinity":                    strings.Replace(good, ":2,", ":Infinity,", 1),
		"a number with a plus":        strings.Replace(good, ":2,", ":+2,", 1),
		"a number with a zero first":  strings.Replace(good, ":2,", ":02,", 1),
		"100,000 lists in each other": strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
		"100,000 objects":             strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000),
		"a form":                      "customer_id=c&email=a%40example.com",
	} {
		all = append(all, badRequest{name: name, body: body, status: http.StatusBadRequest, code: "malformed_json"})
	}
	for name, body := range map[string]string{
		"null": "null", "true": "true", "a number": "7", "a text": `"order"`, "a list": "[]", "a list of orders": "[" + good + "]",
	} {
		for _, w := range []badRequest{
			{name: "create", path: "/v1/orders"}, {name: "cart", method: http.MethodPut, path: "/v1/orders/{id}/cart"},
			{name: "address", method: http.MethodPut, path: "/v1/orders/{id}/delivery-address"},
			{name: "pay", path: "/v1/orders/{id}/pay"}, {name: "submit", path: "/v1/orders/{id}/submit"},
			{name: "ship", path: "/v1/orders/{id}/ship"}, {name: "complete", path: "/v1/orders/{id}/complete"},
			{name: "cancel", path: "/v1/orders/{id}/cancel"}, {name: "reject", path: "/v1/tickets/{id}/reject"},
			{name: "accept, which takes none", path: "/v1/tickets/{id}/accept"},
		} {
			w.name, w.body = name+" to "+w.name, body
			w.status, w.code, w.pointer = http.StatusUnprocessableEntity, "invalid_request", wholeBody
			all = append(all, w)
		}
	}
	refuse(t, append(all,
		badRequest{name: "no body at all", status: http.StatusBadRequest, code: "malformed_json"},
		badRequest{name: "an empty body", body: "", status: http.StatusBadRequest, code: "malformed_json"},
		badRequest{
			name: "an empty body where one is needed", method: http.MethodPut, path: "/v1/orders/{id}/cart", body: "",
			status: http.StatusBadRequest, code: "malformed_json",
		},
		badRequest{
			name: "an empty body where a reason is needed", path: "/v1/tickets/{id}/reject", body: "",
			status: http.StatusBadRequest, code: "malformed_json",
		},
		badRequest{
			name: "half a body where none is taken", path: "/v1/tickets/{id}/accept", body: "{",
			status: http.StatusBadRequest, code: "malformed_json",
		},
		badRequest{
			name: "a body over 1 MiB where none is taken", path: "/v1/tickets/{id}/accept", body: strings.Repeat(" ", 1<<20+1),
			status: http.StatusRequestEntityTooLarge, code: "body_too_large",
		},
		badRequest{
			name: "text where no body is taken", path: "/v1/tickets/{id}/accept", body: "please", headers: []string{"Content-Type: text/plain"},
			status: http.StatusUnsupportedMediaType, code: "unsupported_media_type",
		},
		badRequest{name: "a byte over 1 MiB", body: padded(1<<20 + 1), status: http.StatusRequestEntityTooLarge, code: "body_too_large"},
		badRequest{name: "4 MiB of blanks", body: strings.Repeat(" ", 4<<20), status: http.StatusRequestEntityTooLarge, code: "body_too_large"},
	))
}

func TestBadActions(t *testing.T) {
	t.Parallel()
	var all []badRequest
	for _, bad := range []struct{ action, body, pointer string }{
		{"cart", `{}`, "/items"},
		{"cart", `{"items":[]}`, "/items"},
		{"cart", `{"items":[{}]}`, "/items/0/product_id"},
		{"cart", edited(fields{"items": []any{margherita(1)}}, "/items/0/nonsense", 1), "/items/0/nonsense"},
		{"cart", edited(fields{"items": []any{margherita(1)}}, "/items/0/unit_price/currency", "ZZZ"), "/items/0/unit_price/currency"},
		{"cart", edited(fields{"items": []any{margherita(1)}}, "/items/0/title", "\u3000"), "/items/0/title"},
		{"cart", edited(fields{"items": []any{margherita(1)}}, "/currency", "EUR"), "/currency"},
		{"delivery-address", `{}`, "/postal_code"},
		{"delivery-address", edited(newOrder().DeliveryAddress, "/country", "Nl"), "/country"},
		{"delivery-address", edited(newOrder().DeliveryAddress, "/city", "\u3000"), "/city"},
		{"delivery-address", edited(newOrder().DeliveryAddress, "/planet", "Earth"), "/planet"},
		{"pay", `{}`, "/payment_method"},
		{"pay", `{"payment_method":""}`, "/payment_method"},
		{"pay", `{"payment_method":null}`, "/payment_method"},
		{"pay", `{"payment_method":7}`, "/payment_method"},
		{"pay", `{"payment_method":"` + strings.Repeat("k", 256) + `"}`, "/payment_method"},
		{"pay", `{"payment_method":"tok_ok","amount":1}`, "/amount"},
		{"submit", `{"payment_method":""}`, "/payment_method"},
		{"submit", `{"payment_method":null}`, "/payment_method"},
		{"submit", `{"method":"tok_ok"}`, "/method"},
		{"ship", `{"carrier":7}`, "/carrier"},
		{"ship", `{"carrier":"` + strings.Repeat("k", 201) + `"}`, "/carrier"},
		{"ship", `{"tracking_number":["1"]}`, "/tracking_number"},
		{"complete", `{"delivered_at":null}`, "/delivered_at"},
		{"complete", `{"delivered_at":7}`, "/delivered_at"},
		{"complete", `{"delivered_at":""}`, "/delivered_at"},
		{"complete", `{"delivered_at":"yesterday"}`, "/delivered_at"},
		{"complete", `{"delivered_at":"2025-09-04"}`, "/delivered_at"},
		{"complete", `{"delivered_at":"2025-09-04T18:52:40"}`, "/delivered_at"},
		{"complete", `{"delivered_at":"2025-02-30T18:52:40Z"}`, "/delivered_at"},
		{"complete", `{"delivered_at":"2025-09-04T24:00:00Z"}`, "/delivered_at"},
		{"complete", `{"delivered_at":"2025-09-04T18:52:40+99:00"}`, "/delivered_at"},
		{"complete", `{"delivered_at":"12025-09-04T18:52:40Z"}`, "/delivered_at"},
		{"complete", `{"delivered_at":"9999-12-31T23:59:59-23:59"}`, "/delivered_at"},
		{"complete", `{"delivered_at":"0000-01-01T00:00:00+23:59"}`, "/delivered_at"},
		{"cancel", `{}`, "/reason"},
		{"cancel", `{"reason":""}`, "/reason"},
		{"cancel", `{"reason":"  "}`, "/reason"},
		{"cancel", `{"reason":"\u3000"}`, "/reason"},
		{"cancel", `{"reason":"` + strings.Repeat("k", 501) + `"}`, "/reason"},
		{"cancel", `{"reason":"no","when":"now"}`, "/when"},
	} {
		method := http.MethodPost
		if bad.action == "cart" || bad.action == "delivery-address" {
			method = http.MethodPut
		}
		all = append(all, badRequest{
			name: bad.action + " " + shortened(bad.body), method: method, path: "/v1/orders/{id}/" + bad.action, body: bad.body,
			status: http.StatusUnprocessableEntity, code: "invalid_request", pointer: bad.pointer,
		})
	}
	for _, bad := range []struct{ body, pointer string }{
		{`{}`, "/reason"}, {`{"reason":""}`, "/reason"}, {`{"reason":null}`, "/reason"}, {`{"reason":7}`, "/reason"},
		{`{"reason":" \t"}`, "/reason"}, {`{"reason":"\u3000"}`, "/reason"},
		{`{"reason":"` + strings.Repeat("k", 501) + `"}`, "/reason"}, {`{"reason":"no","item":"p-1"}`, "/item"},
	} {
		all = append(all, badRequest{
			name: "reject " + shortened(bad.body), path: "/v1/tickets/{id}/reject", body: bad.body,
			status: http.StatusUnprocessableEntity, code: "invalid_request", pointer: bad.pointer,
		})
	}
	for _, bad := range []struct{ body, pointer string }{{`{"x":1}`, "/x"}, {`{"reason":"good"}`, "/reason"}, {`{"":null}`, "/"}} {
		all = append(all, badRequest{
			name: "accept " + bad.body, path: "/v1/tickets/{id}/accept", body: bad.body,
			status: http.StatusUnprocessableEntity, code: "invalid_request", pointer: bad.pointer,
		})
	}
	refuse(t, all)
}

func shortened(text string) string {
	if len(text) > 60 {
		return text[len(text)-60:]
	}
	return text
}
