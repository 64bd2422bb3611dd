package main

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	contract "github.com/millrace/millrace/api/client"

	"github.com/millrace/millrace/app/command"
)

func TestPaymentsOfAnOrder(t *testing.T) {
	t.Parallel()
	s := start(t, byHand)
	p := participate(t, s)
	c := s.client(t)
	order, other := createAndWait(c), createAndWait(c)
	c.get("/v1/orders/"+newID()+"/payments").wantProblem(http.StatusNotFound, "order_not_found")
	if a := c.get(order + "/payments").want(http.StatusOK); string(a.body) != `{"data":[],"next_cursor":null}`+"\n" {
		t.Errorf("an order without payments answers %s", a.body)
	}
	p.debit(other)
	declined := p.request(order, "tok_declined")
	p.do(command.DeclineDebit{Payment: paymentID(declined), Reason: "no funds"})
	debited := p.debit(order)
	p.do(command.Refund{Payment: paymentID(debited), Refund: newID(), Amount: euros(500), Reason: "cold"})
	refused := newID()
	p.do(command.Refund{Payment: paymentID(debited), Refund: refused, Amount: euros(400), Reason: "late"})
	p.do(command.RefuseRefund{Payment: paymentID(debited), Refund: refused, Reason: "too old"})
	returned := newID()
	p.do(command.Refund{Payment: paymentID(debited), Refund: returned, Amount: euros(300), Reason: "lost"})
	p.do(command.ConfirmRefund{Payment: paymentID(debited), Refund: returned, Reference: "re-1"})
	waiting := p.request(order, "tok_slow")

	found := c.awaitPayments(order, func(all []contract.Payment) bool {
		return len(all) == 3 && all[0].Version == 2 && all[1].Version == 7
	})
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprint(f.ID, " ", f.Status, " ", f.Amount, " ", f.Refunded, " ", f.PaymentMethod, " ",
			text(f.GatewayReference), " ", text(f.DeclineReason)))
		if "/v1/orders/"+f.OrderID != order {
			t.Errorf("payment %s is of order %s, want %s", f.ID, f.OrderID, order)
		}
		for _, r := range f.Refunds {
			got = append(got, fmt.Sprint(r.Status, " ", r.Amount, " ", r.Reason, " ", text(r.RefuseReason), " ",
				text(r.GatewayReference), " ", r.AnsweredAt != nil))
		}
	}
	want := []string{
		declined + " declined {1900 EUR} {0 EUR} tok_declined - no funds",
		debited + " debited {1900 EUR} {300 EUR} tok_ok ch-" + debited + " -",
		"requested {500 EUR} cold - - false", "refused {400 EUR} late too old - true", "refunded {300 EUR} lost - re-1 true",
		waiting + " requested {1900 EUR} {0 EUR} tok_slow - -",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the payments are\n%q, want\n%q", got, want)
	}

	ids := []string{declined, debited, waiting}
	for _, limit := range []int{1, 2, 3, 200} {
		if got := pages(t, c, order+"/payments", "", limit, func(contract.OrderList) {}); !slices.Equal(got, ids) {
			t.Errorf("pages of %d hold %v, want %v", limit, got, ids)
		}
	}
	cursor := nextCursor(t, c, order+"/payments?limit=1")
	wantPointer(t, c.get(other+"/payments?cursor="+cursor).wantProblem(http.StatusBadRequest, "invalid_cursor"), "/query/cursor")
	c.get(upperID(order) + "/payments").want(http.StatusOK)
}

// text is what an optional text says, or a dash.
func text(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}
