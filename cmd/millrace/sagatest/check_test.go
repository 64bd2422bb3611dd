package sagatest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/fleet"
)

// shown is an order as the API shows it.
type shown struct {
	Status        string `json:"status"`
	PaymentStatus string `json:"payment_status"`
}

// payment is a payment as the API shows it.
type payment struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Version int    `json:"version"`
	Amount  struct {
		Amount   int64  `json:"amount"`
		Currency string `json:"currency"`
	} `json:"amount"`
	Refunds []struct {
		ID     string `json:"id"`
		Status string `json:"status"`
		Amount struct {
			Amount int64 `json:"amount"`
		} `json:"amount"`
	} `json:"refunds"`
}

// calledOff tells whether nobody asked the gateway for a payment and nobody will: it is
// declined from its first event on.
func (p payment) calledOff() bool { return p.Status == "declined" && p.Version == 1 }

// entry is a charge or a refund in the gateway's ledger.
type entry struct {
	Key       string `json:"key"`
	OrderID   string `json:"order_id"`   // of a charge
	ChargeKey string `json:"charge_key"` // of a refund
	Amount    int64  `json:"amount"`
	Status    string `json:"status"`
}

// page is the whole ledger, by order.
type page struct {
	charges map[string][]entry // by order
	refunds map[string][]entry // by charge
}

// audit shares the reading of the ledger between those that look into it at the same
// time.
type audit struct {
	mu   sync.Mutex
	read time.Time
	page page
}

// readLedger returns what the gateway's ledger holds now.
func (h *house) readLedger() (p page, err error) {
	asked := time.Now()
	h.audit.mu.Lock()
	defer h.audit.mu.Unlock()
	if h.audit.read.After(asked) {
		return h.audit.page, nil // somebody else has just read it
	}
	began := time.Now()
	charges, err := pages[entry](h, h.ledger()+"/charges?limit=10000")
	if err != nil {
		return p, err
	}
	refunds, err := pages[entry](h, h.ledger()+"/refunds?limit=10000")
	if err != nil {
		return p, err
	}
	p = page{map[string][]entry{}, map[string][]entry{}}
	for _, c := range charges {
		p.charges[c.OrderID] = append(p.charges[c.OrderID], c)
	}
	for _, r := range refunds {
		p.refunds[r.ChargeKey] = append(p.refunds[r.ChargeKey], r)
	}
	h.audit.read, h.audit.page = began, p
	return p, nil
}

// money is what the gateway took for an order and gave back.
func (p page) money(order string) (taken, back int64) {
	for _, c := range p.charges[order] {
		if c.Status == "charged" {
			taken += c.Amount
		}
		for _, r := range p.refunds[c.Key] {
			if r.Status == "refunded" {
				back += r.Amount
			}
		}
	}
	return taken, back
}

func (v *visit) shown() (s shown, err error) {
	found, err := v.house.get(v.house.api()+"/orders/"+v.order, &s)
	if err == nil && !found {
		err = fmt.Errorf("there is no view of order %s", v.order)
	}
	return s, err
}

// untilStatus waits until the order has a status.
func (v *visit) untilStatus(want string) {
	v.Helper()
	v.until(func(s shown) bool { return s.Status == want }, "is "+want)
}

// untilPayment waits until the order has a payment status.
func (v *visit) untilPayment(want string) {
	v.Helper()
	v.until(func(s shown) bool { return s.PaymentStatus == want }, "has its payment "+want)
}

func (v *visit) until(condition func(shown) bool, what string) {
	v.Helper()
	v.house.await(v.T, "wait until order "+v.order+" "+what, func() error {
		s, err := v.shown()
		if err == nil && !condition(s) {
			err = fmt.Errorf("it is %s and its payment %s", s.Status, s.PaymentStatus)
		}
		return err
	})
}

// untilTicket waits until the ticket has a status.
func (v *visit) untilTicket(want string) {
	v.Helper()
	v.house.await(v.T, "wait for the ticket of order "+v.order, func() error {
		status, err := v.ticket()
		if err == nil && status != want {
			err = fmt.Errorf("it is %q, want %q", status, want)
		}
		return err
	})
}

// ticket is the status of the ticket, "" if there is none.
func (v *visit) ticket() (string, error) {
	var t struct{ Status string }
	_, err := v.house.get(v.house.api()+"/tickets/"+v.order, &t)
	return t.Status, err
}

// ended says what is not as it should be when the order has ended in one of some ways,
// with the money where it belongs and nobody waiting for anything.
func (v *visit) ended(ends []string, ledger page) error {
	s, err := v.shown()
	if err != nil {
		return err
	}
	if !slices.Contains(ends, s.Status) {
		return fmt.Errorf("the order is %s, want it %s", s.Status, strings.Join(ends, " or "))
	}
	taken, back := ledger.money(v.order)
	kept := int64(0)
	if s.Status == "completed" {
		kept = v.total
	}
	if taken != back+kept {
		return fmt.Errorf("the order is %s, and the gateway took %d and gave back %d, want it to keep %d", s.Status, taken, back, kept)
	}
	if err := v.agrees(ledger); err != nil {
		return err
	}
	return v.told(s, taken)
}

// agrees holds what the API says of payments and ticket against the ledger.
func (v *visit) agrees(ledger page) error {
	list, err := all[payment](v.house, v.house.api()+"/orders/"+v.order+"/payments")
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, payment.calledOff) // for which there is to be no charge
	charges := ledger.charges[v.order]
	if len(list) != len(charges) {
		return fmt.Errorf("the API shows %d payments that the gateway was asked for, and the ledger %d charges", len(list), len(charges))
	}
	want := map[string]string{"charged": "debited", "declined": "declined", "refunded": "refunded", "refused": "refused"}
	for _, p := range list {
		i := slices.IndexFunc(charges, func(c entry) bool { return c.Key == p.ID })
		if i < 0 || p.Status != want[charges[i].Status] || p.Amount.Amount != charges[i].Amount {
			return fmt.Errorf("the API shows payment %+v, and the ledger has %+v", p, charges)
		}
		refunds := ledger.refunds[p.ID]
		for _, r := range p.Refunds {
			j := slices.IndexFunc(refunds, func(e entry) bool { return e.Key == r.ID })
			if j < 0 || r.Status != want[refunds[j].Status] || r.Amount.Amount != refunds[j].Amount {
				return fmt.Errorf("the API shows refund %+v, and the ledger has %+v", r, refunds)
			}
		}
		if len(refunds) != len(p.Refunds) {
			return fmt.Errorf("the API shows %d refunds of payment %s, and the ledger has %d", len(p.Refunds), p.ID, len(refunds))
		}
	}
	return nil
}

// told holds what the order and the ticket say in the end against what happened.
func (v *visit) told(s shown, taken int64) error {
	slip, err := v.ticket()
	if err != nil {
		return err
	}
	paid, tickets := []string{"paid"}, []string{"accepted"}
	switch s.Status {
	case "rejected":
		paid, tickets = []string{"refunded"}, []string{"rejected", "withdrawn"}
	case "canceled":
		// A payment that came too late has failed, though it was taken and given back.
		paid, tickets = []string{"unpaid", "failed", "refunded"}, []string{"", "rejected", "withdrawn"}
		if taken == 0 {
			paid = []string{"unpaid", "failed"}
		}
	}
	if !slices.Contains(paid, s.PaymentStatus) || !slices.Contains(tickets, slip) {
		return fmt.Errorf("the order is %s, its payment %s and its ticket %q", s.Status, s.PaymentStatus, slip)
	}
	return v.onlyOnce()
}

// wantEnd fails the test unless the order ends in one of some ways.
func (v *visit) wantEnd(ends ...string) {
	v.Helper()
	err := fleet.Eventually(patience, func() error {
		ledger, err := v.house.readLedger()
		if err == nil {
			err = v.ended(ends, ledger)
		}
		return err
	})
	if err != nil {
		v.Errorf("order %s: %v", v.order, err)
	}
}

// api is where an address of the API begins.
func (h *house) api() string { return h.fleet.API(0) + "/v1" }
