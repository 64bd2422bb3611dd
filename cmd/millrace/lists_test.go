package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	contract "github.com/millrace/millrace/api/client"
)

func TestListFilters(t *testing.T) {
	t.Parallel()
	s := start(t)
	seed := s.client(t)
	for i := range 6 {
		sent := newOrder()
		sent.CustomerID = []string{"anna", "ben", "Anna"}[i%3]
		made := seed.post("/v1/orders", sent).want(http.StatusCreated)
		if i < 3 {
			made = seed.post(made.header.Get("Location")+"/cancel", fields{"reason": "no"}).want(http.StatusOK)
		}
		seed.get("/v1/orders", "Consistency-Token: "+made.header.Get("Consistency-Token")).want(http.StatusOK)
	}
	all := seed.get("/v1/orders").want(http.StatusOK).orderList().Data // newest first
	third := url.QueryEscape(all[2].CreatedAt.Format(time.RFC3339Nano))

	for _, test := range []struct {
		name, query string
		want        []int // places in the list of all
	}{
		{"show all orders, the newest first", "", []int{0, 1, 2, 3, 4, 5}},
		{"are for a status", "status=canceled", []int{3, 4, 5}},
		{"are for another status", "status=draft", []int{0, 1, 2}},
		{"are for a customer", "customer=anna", []int{2, 5}},
		{"tell customers apart by capitals", "customer=Anna", []int{0, 3}},
		{"all have to match", "customer=ben&status=draft", []int{1}},
		{"may leave nothing", "status=shipped", nil},
		{"begin at a time, inclusive", "created_from=" + third, []int{0, 1, 2}},
		{"end at a time, exclusive", "created_to=" + third, []int{3, 4, 5}},
		{"leave nothing between a time and itself", "created_from=" + third + "&created_to=" + third, nil},
		{"know times of other zones", "created_from=2020-01-01T00:00:00%2B05:00", []int{0, 1, 2, 3, 4, 5}},
		{"know that nothing was before the beginning of the era", "created_to=0001-01-01T00:00:00Z", nil},
		{"know the end of times", "created_from=9999-12-31T23:59:59-23:59", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := s.client(t)
			for limit := 1; limit <= 7; limit += 3 {
				got := pages(t, c, "/v1/orders", test.query, limit, func(contract.OrderList) {})
				var want []string
				for _, i := range test.want {
					want = append(want, all[i].ID)
				}
				if !slices.Equal(got, want) {
					t.Errorf("with limit %d: %v, want %v", limit, got, want)
				}
			}
		})
	}
}

// pages follows the pages of a list to its end, alternating between next_cursor
// and the Link header, and returns the ids in their order.
func pages(t *testing.T, c client, path, query string, limit int, visit func(contract.OrderList)) (ids []string) {
	t.Helper()
	next := fmt.Sprintf("%s?%s&limit=%d", path, query, limit)
	for n := 0; ; n++ {
		a := c.get(next).want(http.StatusOK)
		page := a.orderList()
		visit(page)
		if len(page.Data) > limit {
			t.Fatalf("a page of %d with limit %d", len(page.Data), limit)
		}
		for _, o := range page.Data {
			ids = append(ids, o.ID)
		}
		link := a.header.Get("Link")
		if page.NextCursor == nil {
			if link != "" {
				t.Errorf("the last page has a Link: %s", link)
			}
			return ids
		}
		address, ok := strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
		if !ok {
			t.Fatalf("Link is %q, want the next page", link)
		}
		if next = address; n%2 == 0 {
			next = fmt.Sprintf("%s?%s&limit=%d&cursor=%s", path, query, limit, url.QueryEscape(*page.NextCursor))
		}
	}
}

func TestPagesHaveNoGapsWhileOrdersArrive(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.client(t)
	sent := newOrder()
	sent.Items[0].Title = "Limonata"
	arrive := func() string {
		made := c.post("/v1/orders", sent).want(http.StatusCreated)
		c.get("/v1/orders?limit=1", "Consistency-Token: "+made.header.Get("Consistency-Token")).want(http.StatusOK)
		return made.outcome().OrderID
	}
	for path, query := range map[string]string{"/v1/orders": "customer=c-42", "/v1/orders/search": "q=limonata"} {
		var before []string
		for range 7 {
			arrive()
		}
		before = pages(t, c, path, query, 200, func(contract.OrderList) {})
		got := pages(t, c, path, query, 2, func(contract.OrderList) { arrive() })
		if !slices.Equal(got, before) {
			t.Errorf("%s: the pages hold %v, want what there was when the first was read: %v", path, got, before)
		}
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	s := start(t)
	seed := s.client(t)
	sent := newOrder()
	sent.CustomerID, sent.Email = "customer-zyx", "carla@pizzeria.example"
	sent.Items[0].Title = "Crème brûlée"
	sent.Items[0].Description = new("with \"burnt\" sugar; DROP TABLE orders")
	sent.DeliveryAddress.Name, sent.DeliveryAddress.City = "Anna de Vries", "Groningen"
	made := seed.post("/v1/orders", sent).want(http.StatusCreated)
	seed.get("/v1/orders", "Consistency-Token: "+made.header.Get("Consistency-Token")).want(http.StatusOK)

	for q, found := range map[string]bool{
		"Crème": true, "crème brûlée": true, "BRÛLÉE": true, "sug": true, `"burnt" sugar`: true, "DROP TABLE": true,
		"Vries": false, "groningen": false, "carla@pizzeria.example": false, // not what was ordered
		"tiramisu": false, "sugar AND salt": false, "NOT tiramisu": false, `"`: false, "*": false, "' OR 1=1 --": false,
		"(((": false, "words:sugar": false, "日本": false, "\x00": false, strings.Repeat("é", 200): false,
	} {
		t.Run(fmt.Sprintf("finds %.20q or not", q), func(t *testing.T) {
			t.Parallel()
			list := s.client(t).get("/v1/orders/search?q=" + url.QueryEscape(q)).want(http.StatusOK).orderList()
			if found != (len(list.Data) == 1) || list.NextCursor != nil {
				t.Errorf("found %d orders for %q, want one: %t", len(list.Data), q, found)
			}
		})
	}

	t.Run("follows the cart", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := createAndWait(c)
		item := margherita(1)
		item.Title, item.Description = "Quattro formaggi", nil
		wrote := c.put(order+"/cart", fields{"items": []contract.Item{item}}).want(http.StatusOK)
		fresh := "Consistency-Token: " + wrote.header.Get("Consistency-Token")
		if n := len(c.get("/v1/orders/search?q=formaggi", fresh).want(http.StatusOK).orderList().Data); n != 1 {
			t.Errorf("found %d orders with the new item, want 1", n)
		}
		if n := len(c.get("/v1/orders/search?q=mozzarella", fresh).want(http.StatusOK).orderList().Data); n != 0 {
			t.Errorf("found %d orders with the old item, want 0", n)
		}
	})
}

func TestHistoryPages(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.client(t)
	order := c.create()
	for n := int64(2); n <= 9; n++ {
		c.put(order+"/cart", fields{"items": []contract.Item{margherita(n)}}).want(http.StatusOK)
	}
	for limit := 1; limit <= 10; limit++ {
		var versions []int64
		next := fmt.Sprintf("%s/events?limit=%d", order, limit)
		for next != "" {
			a := c.get(next).want(http.StatusOK)
			page := a.eventList()
			for _, e := range page.Data {
				versions = append(versions, e.Version)
			}
			next, _ = strings.CutSuffix(strings.TrimPrefix(a.header.Get("Link"), "<"), `>; rel="next"`)
			if (page.NextCursor != nil) != (next != "") {
				t.Errorf("next_cursor is %v and the next page %q", page.NextCursor, next)
			}
		}
		if want := []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(versions, want) {
			t.Errorf("with limit %d the pages hold %v, want %v", limit, versions, want)
		}
	}
}

func TestCursorsOfSomewhereElse(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.client(t)
	order, other := createAndWait(c), createAndWait(c)
	c.put(order+"/cart", fields{"items": []contract.Item{margherita(1)}}).want(http.StatusOK)
	list := nextCursor(t, c, "/v1/orders?limit=1")
	search := nextCursor(t, c, "/v1/orders/search?q=margherita&limit=1")
	history := nextCursor(t, c, order+"/events?limit=1")
	seal := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

	for _, test := range []struct{ path, cursor string }{
		{"/v1/orders?cursor=", search}, {"/v1/orders?cursor=", history},
		{"/v1/orders/search?q=a&cursor=", list}, {"/v1/orders/search?q=a&cursor=", history},
		{order + "/events?cursor=", list}, {other + "/events?cursor=", history},
		{"/v1/tickets?cursor=", list}, {"/v1/tickets?cursor=", search}, {"/v1/tickets?cursor=", seal("t:x:1")}, {"/v1/tickets?cursor=", "x"},
		{order + "/payments?cursor=", list}, {order + "/payments?cursor=", history}, {order + "/payments?cursor=", seal("p:" + order[len(order)-36:] + ":1")},
		{order + "/payments?cursor=", seal("p:" + order[len(order)-36:] + "/x:1")},
		{"/v1/orders?cursor=", "x"}, {"/v1/orders?cursor=", "%00"}, {"/v1/orders?cursor=", list[:len(list)/2]},
		{"/v1/orders?cursor=", list + "="}, {"/v1/orders?cursor=", list + "AAAA"}, {"/v1/orders?cursor=", "A" + list[1:]},
		{"/v1/orders?cursor=", seal("l::1")}, {"/v1/orders?cursor=", seal("l:x:")}, {"/v1/orders?cursor=", seal("l:x:9e9")},
		{"/v1/orders?cursor=", seal("l:x:99999999999999999999")}, {"/v1/orders?cursor=", seal("l:not-an-id:1")},
		{order + "/events?cursor=", seal("h:" + order[len(order)-36:] + ":0")},
		{order + "/events?cursor=", seal("h:" + order[len(order)-36:] + ":-1")},
	} {
		t.Run(fmt.Sprintf("are refused by %.19s: %.30s", test.path, test.cursor), func(t *testing.T) {
			t.Parallel()
			p := s.client(t).get(test.path+test.cursor).wantProblem(http.StatusBadRequest, "invalid_cursor")
			wantPointer(t, p, "/query/cursor")
		})
	}
}

// nextCursor reads a page and returns where the next one begins.
func nextCursor(t *testing.T, c client, path string) string {
	t.Helper()
	cursor, ok := read[fields](c.get(path).want(http.StatusOK))["next_cursor"].(string)
	if !ok {
		t.Fatalf("%s has no next page", path)
	}
	return cursor
}
