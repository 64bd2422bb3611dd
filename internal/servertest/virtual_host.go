package servertest

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// VirtualHost makes an empty virtual host on a RabbitMQ and returns its address. It
// is gone after the test.
func VirtualHost(tb testing.TB, server string) string {
	tb.Helper()
	address, err := url.Parse(Address(tb, server))
	if err != nil {
		tb.Fatal(err)
	}
	name := "millrace-" + strings.ToLower(rand.Text())
	manage := func(method, path, body string) {
		tb.Helper()
		// The context of a test is over when it cleans up.
		r, err := http.NewRequest(method, Management(tb, server)+"/api/"+path, strings.NewReader(body))
		if err != nil {
			tb.Fatal(err)
		}
		password, _ := address.User.Password()
		r.SetBasicAuth(address.User.Username(), password)
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			tb.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode >= 300 {
			tb.Fatalf("%s %s: %s", method, path, answer.Status)
		}
	}
	manage(http.MethodPut, "vhosts/"+name, "{}")
	tb.Cleanup(func() {
		manage(http.MethodDelete, "vhosts/"+name, "")
		http.DefaultClient.CloseIdleConnections()
	})
	address.Path = "/" + name
	return address.String()
}
