package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestBadParameters(t *testing.T) {
	t.Parallel()
	var all []badRequest
	for pointer, paths := range map[string][]string{
		"/query/limit": {
			"/v1/orders?limit=0", "/v1/orders?limit=-1", "/v1/orders?limit=201", "/v1/orders?limit=abc", "/v1/orders?limit=1.5",
			"/v1/orders?limit=", "/v1/orders?limit", "/v1/orders?limit=99999999999999999999", "/v1/orders?limit=0x10",
			"/v1/orders?limit=1&limit=2", "/v1/orders?limit=1,2", "/v1/orders?limit=%201", "/v1/orders?limit=1e400",
			"/v1/orders/search?q=a&limit=0", "/v1/orders/search?q=a&limit=201",
			"/v1/orders/{id}/events?limit=0", "/v1/orders/{id}/events?limit=1001",
			"/v1/orders/{id}/payments?limit=0", "/v1/orders/{id}/payments?limit=201", "/v1/tickets?limit=0", "/v1/tickets?limit=201",
		},
		"/query/status": {"/v1/orders?status=lost", "/v1/orders?status=", "/v1/orders?status=Draft", "/v1/orders?status=draft&status=draft",
			"/v1/tickets?status=draft", "/v1/tickets?status=", "/v1/tickets?status=Open", "/v1/tickets?status=open&status=open"},
		"/query/customer": {"/v1/orders?customer=", "/v1/orders?customer=" + strings.Repeat("k", 256), "/v1/orders?customer=a&customer=b"},
		"/query/created_from": {
			"/v1/orders?created_from=yesterday", "/v1/orders?created_from=2025-01-01", "/v1/orders?created_from=2025-02-30T00:00:00Z",
			"/v1/orders?created_from=2025-01-01T25:00:00Z", "/v1/orders?created_from=2025-01-01T00:00:00", "/v1/orders?created_from=",
			"/v1/orders?created_from=2025-01-01T00:00:00+02:00", // an unescaped plus is a blank
			"/v1/orders?created_from=1735689600",
		},
		"/query/created_to": {"/v1/orders?created_to=tomorrow", "/v1/orders?created_to=2025-13-01T00:00:00Z"},
		"/query/q": {
			"/v1/orders/search", "/v1/orders/search?q=", "/v1/orders/search?q=" + strings.Repeat("k", 201), "/v1/orders/search?q=a&q=b",
		},
		"/query/cursor": {"/v1/orders?cursor=", "/v1/orders?cursor=" + strings.Repeat("k", 1025), "/v1/orders?cursor=a&cursor=b",
			"/v1/tickets?cursor=", "/v1/tickets?cursor=a&cursor=b", "/v1/orders/{id}/payments?cursor="},
		"/query/version": {
			"/v1/orders/{id}?version=0", "/v1/orders/{id}?version=-1", "/v1/orders/{id}?version=abc", "/v1/orders/{id}?version=1.5",
			"/v1/orders/{id}?version=9223372036854775808", "/v1/orders/{id}?version=", "/v1/orders/{id}?version=1&version=1",
		},
		"/query/as_of": {
			"/v1/orders/{id}?as_of=now", "/v1/orders/{id}?as_of=", "/v1/orders/{id}?as_of=2025-06-31T00:00:00Z",
			"/v1/orders/{id}?version=1&as_of=2999-01-01T00:00:00Z",
		},
		"/path/id": {
			"/v1/orders/abc", "/v1/orders/1", "/v1/orders/%20", "/v1/orders/%00", "/v1/orders/%ff", "/v1/orders/%7Bid%7D",
			"/v1/orders/019915a74c1e7b529d0c3a5f1e8b7c21", "/v1/orders/{id}0", "/v1/orders/{id}%0a", "/v1/orders/%20{id}",
			"/v1/orders/g19915a7-4c1e-7b52-9d0c-3a5f1e8b7c21", "/v1/orders/..%2f..%2fetc", "/v1/orders/{id},{id}",
			"/v1/orders/abc/payments", "/v1/tickets/abc", "/v1/tickets/{id}0", "/v1/tickets/open",
			"/v1/orders/abc/events", "/v1/orders//events", "/v1/orders/search/events", "/v1/orders/'%20OR%201=1",
		},
		"/path/command_id": {"/v1/commands/abc", "/v1/commands/{id}x", "/v1/commands/*"},
		"/query/order":     {"/v1/events?order=abc", "/v1/events?order=", "/v1/events?order={id}&order={id}"},
		"/query/type":      {"/v1/events?type=", "/v1/events?type=" + strings.Repeat("k", 101)},
	} {
		for _, path := range paths {
			all = append(all, badRequest{
				name: shortened(path), method: http.MethodGet, path: path,
				status: http.StatusBadRequest, code: "invalid_parameter", pointer: pointer,
			})
		}
	}
	for _, last := range []string{"abc", "-1", "1.0", "99999999999999999999", "9999999999999999999", "1 2"} {
		all = append(all, badRequest{
			name: "Last-Event-ID " + last, method: http.MethodGet, path: "/v1/events", headers: []string{"Last-Event-ID: " + last},
			status: http.StatusBadRequest, code: "invalid_parameter", pointer: "/header/Last-Event-ID",
		})
	}
	for _, query := range []string{"limit=%zz", "limit=1;status=draft", "customer=%"} {
		all = append(all, badRequest{
			name: "the query " + query, method: http.MethodGet, path: "/v1/orders?" + query,
			status: http.StatusBadRequest, code: "invalid_parameter", pointer: somewhere,
		})
	}
	refuse(t, append(all,
		badRequest{
			name: "two keys", body: newOrder(), headers: []string{"Idempotency-Key: a", "Idempotency-Key: b"},
			status: http.StatusBadRequest, code: "invalid_parameter", pointer: "/header/Idempotency-Key",
		},
		badRequest{
			name: "an id that is bad on a ticket's answer", path: "/v1/tickets/abc/accept",
			status: http.StatusBadRequest, code: "invalid_parameter", pointer: "/path/id",
		},
		badRequest{
			name: "a key that is too long for a ticket's answer", path: "/v1/tickets/{id}/accept",
			headers: []string{"Idempotency-Key: " + strings.Repeat("k", 256)},
			status:  http.StatusBadRequest, code: "invalid_parameter", pointer: "/header/Idempotency-Key",
		},
		badRequest{
			name: "an id that is bad on a write", path: "/v1/orders/abc/submit",
			status: http.StatusBadRequest, code: "invalid_parameter", pointer: "/path/id",
		},
		badRequest{
			name: "two mistakes at once", method: http.MethodGet, path: "/v1/orders?status=lost&limit=0",
			status: http.StatusBadRequest, code: "invalid_parameter", pointer: "/query/limit",
		},
	))
}

func TestBadMediaTypes(t *testing.T) {
	t.Parallel()
	var all []badRequest
	for _, media := range []string{
		"", "text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
		"application/json; charset=latin1", "application/json; charset=utf-16", "application/problem+json", "json",
		"application/json, text/plain", "application/", "*/*", "application/json; charset", "application/jsonx",
	} {
		all = append(all, badRequest{
			name: "of the type " + media, body: newOrder(), headers: []string{"Content-Type: " + media},
			status: http.StatusUnsupportedMediaType, code: "unsupported_media_type",
		})
	}
	refuse(t, all)
	s := start(t)
	for _, media := range []string{"application/json; charset=utf-8", "application/json;charset=UTF-8", `Application/JSON; charset="Utf-8"`} {
		s.client(t).post("/v1/orders", newOrder(), "Content-Type: "+media).want(http.StatusCreated)
	}
}

func TestBadMethodsAndPaths(t *testing.T) {
	t.Parallel()
	var all []badRequest
	for _, path := range []string{
		"/nothing", "/v1", "/v1/", "/v2/orders", "/V1/orders", "/v1/Orders", "/v1/order", "/v1/orders/{id}/",
		"/v1/orders/{id}/nothing", "/v1/orders/{id}/pay/now", "/v1//orders", "//v1/orders", "/v1/./orders",
		"/v1/orders/../orders", "/v1/commands", "/v1/commands/", "/v1/events/", "/v1/tickets/", "/v1/tickets/{id}/cook", "/v1/payments/{id}", "/v1/orders%2fsearch", "/v1/orders;x", "/.env",
		"/docs/nothing", "/docs/../wire.go", "/metrics", "/debug/pprof/", "/openapi.json", "/v1/orders/{id}%2fevents%2fx",
	} {
		bad := badRequest{name: "GET " + path, method: http.MethodGet, path: path, status: http.StatusNotFound, code: "not_found"}
		if strings.Contains(path, "%2f") && strings.Contains(path, "{id}") {
			bad.status, bad.code, bad.pointer = http.StatusBadRequest, "invalid_parameter", "/path/id"
		}
		all = append(all, bad)
	}
	for _, test := range []struct{ path, methods, allow string }{
		{"/v1/orders", "PUT PATCH DELETE OPTIONS TRACE PROPFIND get", "GET, HEAD, POST"},
		{"/v1/orders/search", "POST PUT DELETE", "GET, HEAD"},
		{"/v1/orders/{id}", "POST PUT PATCH DELETE", "GET, HEAD"},
		{"/v1/orders/{id}/events", "POST DELETE", "GET, HEAD"},
		{"/v1/orders/{id}/cart", "GET HEAD POST PATCH", "PUT"},
		{"/v1/orders/{id}/delivery-address", "GET POST", "PUT"},
		{"/v1/orders/{id}/pay", "GET PUT", "POST"},
		{"/v1/orders/{id}/cancel", "GET DELETE", "POST"},
		{"/v1/orders/{id}/payments", "POST DELETE", "GET, HEAD"},
		{"/v1/tickets", "POST PUT DELETE", "GET, HEAD"},
		{"/v1/tickets/{id}", "POST PUT DELETE", "GET, HEAD"},
		{"/v1/tickets/{id}/accept", "GET PUT", "POST"},
		{"/v1/tickets/{id}/reject", "GET DELETE", "POST"},
		{"/v1/commands/{id}", "DELETE POST", "GET, HEAD"},
		{"/v1/events", "POST PUT", "GET, HEAD"},
		{"/openapi.yaml", "POST PUT", "GET, HEAD"},
		{"/asyncapi.yaml", "POST PUT", "GET, HEAD"},
		{"/docs/", "POST", "GET, HEAD"},
	} {
		for method := range strings.FieldsSeq(test.methods) {
			if method == http.MethodHead {
				continue // a problem without a body is no problem to read
			}
			all = append(all, badRequest{
				name: method + " " + test.path, method: method, path: test.path,
				status: http.StatusMethodNotAllowed, code: "method_not_allowed", allow: test.allow,
			})
		}
	}
	for _, trick := range []string{"X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: GET", "X-Http-Method-Override: PUT"} {
		all = append(all, badRequest{
			name: "POST with " + trick, path: "/v1/orders/{id}", headers: []string{trick},
			status: http.StatusMethodNotAllowed, code: "method_not_allowed", allow: "GET, HEAD",
		})
	}
	refuse(t, append(all,
		badRequest{
			name: "POST with _method", path: "/v1/orders/{id}?_method=GET",
			status: http.StatusMethodNotAllowed, code: "method_not_allowed", allow: "GET, HEAD",
		},
		badRequest{name: "an unheard-of method nowhere", method: "BREW", path: "/nothing", status: http.StatusNotFound, code: "not_found"},
		badRequest{name: "POST nowhere", path: "/nothing", status: http.StatusNotFound, code: "not_found"},
	))
}
