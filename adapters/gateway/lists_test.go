package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/adapters/gateway"
)

func TestListsArePaged(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	for _, key := range []string{"c", "a", "b"} {
		post(t, server, "/charges", key, goodCharge)
	}
	var page gateway.List[gateway.Charge]
	var keys []string
	for path, pages := "/charges?limit=2", 0; ; pages++ {
		w := get(server, path)
		page = gateway.List[gateway.Charge]{}
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != http.StatusOK || pages > 2 {
			t.Fatalf("page %d is %d %s: %v", pages, w.Code, w.Body, err)
		}
		for _, c := range page.Data {
			keys = append(keys, c.Key)
		}
		link := w.Header().Get("Link")
		if page.NextCursor == nil {
			if link != "" {
				t.Errorf("the last page links to %s", link)
			}
			break
		}
		if want := "<?cursor=" + *page.NextCursor + `&limit=2>; rel="next"`; link != want {
			t.Errorf("the link is %s, want %s", link, want)
		}
		path = "/charges?limit=2&cursor=" + *page.NextCursor
	}
	if got := strings.Join(keys, " "); got != "c a b" {
		t.Errorf("listed are %s, want the oldest first", got)
	}
	if w := get(server, "/refunds"); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"data":[],"next_cursor":null}` {
		t.Errorf("no refunds are %d %s", w.Code, w.Body)
	}
	if w := get(server, "/charges?limit=3"); !strings.Contains(w.Body.String(), `"next_cursor":null`) {
		t.Errorf("a page with all there is has a next one: %s", w.Body)
	}
}

// pagesOf follows the links of a list, two items a page, and returns the keys.
func pagesOf(t *testing.T, h http.Handler, path string) (keys string) {
	t.Helper()
	path, order, _ := strings.Cut(path, "?")
	for query := "limit=2&" + order; ; {
		w := get(h, path+"?"+query)
		var page gateway.List[struct{ Key string }]
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != http.StatusOK || len(page.Data) > 2 {
			t.Fatalf("%s?%s is %d %s: %v", path, query, w.Code, w.Body, err)
		}
		for _, item := range page.Data {
			keys += item.Key + " "
		}
		next, more := strings.CutPrefix(w.Header().Get("Link"), "<?")
		if !more {
			return strings.TrimSpace(keys)
		}
		query, _, _ = strings.Cut(next, ">")
	}
}

func TestListsOfOneOrder(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	refund := func(key, charge string) {
		post(t, server, "/refunds", key, fmt.Sprintf(`{"charge_key":%q,"amount":1,"currency":"EUR"}`, charge))
	}
	refund("before", "b2") // of what is not charged yet
	for _, key := range []string{"a1", "b1", "a2", "b2", "a3"} {
		post(t, server, "/charges", key, strings.Replace(goodCharge, `"o"`, `"`+key[:1]+` &?"`, 1))
	}
	for i, charge := range []string{"b1", "a3", "a1", "nothing", "b2", "a1", "b1", "b2"} {
		refund(fmt.Sprint(i, "-of-", charge), charge)
	}
	refund("a1", "b1") // whose key is that of a charge for another order
	for path, want := range map[string]string{
		"/charges?order_id=a+%26%3f": "a1 a2 a3",
		"/charges?order_id=b+%26%3f": "b1 b2",
		"/charges?order_id=a":        "",
		"/charges?order_id=zz":       "",
		"/refunds?order_id=a+%26%3f": "1-of-a3 2-of-a1 5-of-a1",
		"/refunds?order_id=b+%26%3f": "before 0-of-b1 4-of-b2 6-of-b1 7-of-b2 a1",
		"/refunds?order_id=nothing":  "",
	} {
		if got := pagesOf(t, server, path); got != want {
			t.Errorf("%s lists %s, want %s", path, got, want)
		}
	}
}

func TestQuestionsThatAreNotUnderstood(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	post(t, server, "/charges", "k", goodCharge)
	for _, query := range []string{
		"limit=0", "limit=10001", "limit=x", "limit=", "limit=1&limit=2", "Limit=1",
		"cursor=x", "cursor=-1", "cursor=", "cursor=1&cursor=2", "cursor=99999999999999999999",
		"order_id=", "order_id=a&order_id=b", "after=1", "=1", "a=%zz",
	} {
		wantProblem(t, get(server, "/charges?"+query), 400, "invalid_parameter")
		wantProblem(t, get(server, "/refunds?"+query), 400, "invalid_parameter")
		wantProblem(t, get(server, "/totals?"+query), 400, "invalid_parameter")
	}
	wantProblem(t, get(server, "/totals?order_id=o"), 400, "invalid_parameter")
}
