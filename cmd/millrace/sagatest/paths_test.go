package sagatest

import (
	"slices"
	"strings"
)

// path is something that can happen to a checkout, and how the order ends.
type path struct {
	step  string
	fault string
	how   string // tells it from others of the same step and fault
	ends  []string
	house string // see settings
	apart bool   // it can happen only to processes with stores of their own
	play  func(*visit)
}

func (p path) name() string { return p.step + ": " + p.fault + strings.TrimSuffix(", "+p.how, ", ") }

// settings are what the checkouts of a house have in common.
var settings = map[string][]string{
	// Everybody has time.
	"calm": {"MILLRACE_SLOW_PAYMENT=300ms"},
	// The gateway has little, and people answer for the restaurant. A slow answer comes
	// so late that who is killed when the time is up is back before it.
	"hurried": {"MILLRACE_PAYMENT_TIMEOUT=5s", "MILLRACE_SLOW_PAYMENT=15s", "MILLRACE_GATEWAY_TIMEOUT=20s", "MILLRACE_RESTAURANT=by-hand"},
	// The customer and the restaurant have little.
	"impatient": {"MILLRACE_CUSTOMER_TIMEOUT=1500ms", "MILLRACE_RESTAURANT_TIMEOUT=1500ms", "MILLRACE_RESTAURANT=by-hand"},
}

// The faults that every step meets, if it can.
const (
	fails   = "fails"
	overdue = "times out"
	before  = "killed before"
	after   = "killed after"
	doubled = "comes twice"
	late    = "comes late"
	unloved = "canceled meanwhile"
)

var faults = []string{fails, overdue, before, after, doubled, late, unloved}

// way is what a customer does with an order that was created.
type way struct {
	house   string
	product string
	prepare func(*visit) // before anything is to break
	walk    func(*visit)
	alone   func(*visit) // as much of it as comes before the customer cancels
	end     string
}

var (
	made = way{
		house: "calm", product: "p-1", end: "completed", alone: func(v *visit) { v.submit("tok_ok") },
		walk: func(v *visit) { v.submit("tok_ok"); v.deliver() },
	}
	declined = way{
		house: "calm", product: "p-1", end: "canceled", alone: func(v *visit) { v.submit("tok_declined") },
		walk: func(v *visit) { v.submit("tok_declined"); v.untilPayment("failed"); v.cancel() },
	}
	turnedDown = way{
		house: "calm", product: soldOut, end: "rejected", alone: func(v *visit) { v.submit("tok_ok") },
		walk: func(v *visit) { v.submit("tok_ok"); v.untilStatus("rejected") },
	}
	paidFirst = way{
		house: "calm", product: soldOut, end: "rejected", alone: func(v *visit) { v.submit("") },
		prepare: func(v *visit) { v.pay("tok_ok"); v.untilPayment("paid") },
		walk:    func(v *visit) { v.submit(""); v.untilStatus("rejected") },
	}
	calledOff = way{
		house: "calm", product: "p-1", end: "canceled",
		walk: func(v *visit) { v.submit("tok_ok"); v.untilStatus("approved"); v.cancel() },
	}
	abandoned = way{
		house: "impatient", product: "p-1", end: "canceled",
		walk: func(v *visit) { v.submit(""); v.untilStatus("canceled") },
	}
	tooSlow = way{
		house: "hurried", product: "p-1", end: "canceled",
		walk: func(v *visit) { v.payTooSlowly(); v.cancel() },
	}
	unanswered = way{
		house: "impatient", product: "p-1", end: "rejected",
		walk: func(v *visit) { v.submit("tok_ok"); v.untilStatus("rejected") },
	}
)

// step is one of a checkout: a command that somebody asks somebody for, and the event
// that follows.
type step struct {
	name           string
	command, event string
	asker, doer    string // jobs; a customer is none
	way            way
	calls          string   // what it asks the gateway for, if anything
	canceled       []string // how the order ends that is canceled meanwhile; nil if it is too late for that
}

const customer = "customer"

var steps = []step{
	{"payment debit", "payment.debit", "payment.debit_requested", checkout, payments, made, "", []string{"canceled"}},
	{"gateway charge", "payment.confirm_debit", "payment.debited", payments, payments, made, "charge", []string{"canceled"}},
	{"gateway declines", "payment.decline_debit", "payment.declined", payments, payments, declined, "", []string{"canceled"}},
	{"payment recorded", "order.confirm_payment", "order.paid", checkout, orders, made, "", []string{"canceled"}},
	{"decline recorded", "order.decline_payment", "order.payment_failed", checkout, orders, declined, "", []string{"canceled"}},
	{"payment's time is up", "order.decline_payment", "order.payment_failed", checkout, orders, tooSlow, "", nil},
	{"ticket opened", "ticket.open", "ticket.opened", checkout, restaurant, made, "", []string{"canceled"}},
	{"restaurant accepts", "ticket.accept", "ticket.accepted", restaurant, restaurant, made, "", []string{"canceled"}},
	{"restaurant rejects", "ticket.reject", "ticket.rejected", restaurant, restaurant, turnedDown, "", []string{"canceled", "rejected"}},
	{"restaurant's time is up", "order.reject", "order.rejected", checkout, orders, unanswered, "", nil},
	{"approval", "order.approve", "order.approved", checkout, orders, made, "", []string{"canceled"}},
	{"rejection", "order.reject", "order.rejected", checkout, orders, turnedDown, "", []string{"canceled", "rejected"}},
	{"refund asked for", "payment.refund", "payment.refund_requested", checkout, payments, turnedDown, "", []string{"rejected"}},
	{"gateway refund", "payment.confirm_refund", "payment.refunded", payments, payments, paidFirst, "refund", []string{"rejected"}},
	{"refund recorded", "order.refund", "order.refunded", checkout, orders, turnedDown, "", []string{"rejected"}},
	{"customer cancels", "order.cancel", "order.canceled", customer, orders, calledOff, "", nil},
	{"customer's time is up", "order.cancel", "order.canceled", checkout, orders, abandoned, "", nil},
	{"ticket withdrawn", "ticket.withdraw", "ticket.withdrawn", checkout, restaurant, calledOff, "", nil},
}

// paths are all that can happen, one by one.
func paths() (all []path) {
	for _, s := range steps {
		for _, p := range failures {
			if p.step == s.name {
				all = append(all, p)
			}
		}
		all = append(all, s.paths()...)
	}
	return all
}

// leading are the events of other stores that the checkout answers.
var leading = []string{
	"payment.debited", "payment.declined", "payment.refunded", "order.paid", "order.rejected", "order.canceled",
	"ticket.accepted", "ticket.rejected",
}

// paths are what can happen to any step.
func (s step) paths() (all []path) {
	add := func(fault, how string, ends []string, play func(*visit)) {
		all = append(all, path{step: s.name, fault: fault, how: how, ends: ends, house: s.way.house, play: play})
	}
	end, named, heard := []string{s.way.end}, " "+s.command+" ", " "+s.event+" "
	for _, when := range []string{before, after} {
		at := strings.TrimPrefix(when, "killed ")
		if s.asker != customer {
			add(when, "who asks", end, killed(s.way, s.asker, "process."+at, named, theOrder))
		}
		add(when, "who does it", end, killed(s.way, s.doer, "append."+at, named, theOrder))
		if s.calls != "" {
			about := map[string]string{"charge": theOrder, "refund": thePayment}[s.calls]
			add(when, "who calls", end, killed(s.way, s.doer, "gateway."+at, s.calls, about))
			add(when, "the gateway", end, killed(s.way, gateway, "ledger."+at, s.calls, about))
		}
		if slices.Contains(leading, s.event) {
			add(when, "who hears of it", end, killed(s.way, checkout, "import."+at, heard, theOrder))
			all[len(all)-1].apart = true
		}
	}
	add(doubled, "", end, twice(s))
	add(late, "", end, killed(s.way, s.doer, "relay.publish.before", heard, theOrder))
	if s.canceled != nil {
		add(unloved, "", s.canceled, canceledDuring(s))
	}
	return all
}

// failures are what can go wrong with certain steps only.
var failures = []path{
	{"payment debit", overdue, "the payments are away", []string{"canceled"}, "hurried", true,
		away(payments, "payment.debit", tooSlow, func(s shown) bool { return s.PaymentStatus == "failed" })},
	{"gateway charge", fails, "error", []string{"completed"}, "calm", false,
		simple(func(v *visit) { v.submit("tok_error"); v.deliver() })},
	{"gateway charge", fails, "declined, paid again", []string{"completed"}, "calm", false, simple(func(v *visit) {
		v.submit("tok_declined")
		v.untilPayment("failed")
		v.pay("tok_ok")
		v.deliver()
	})},
	{"gateway charge", fails, "declined, canceled", []string{"canceled"}, "calm", false, simple(declined.walk)},
	{"gateway charge", overdue, "no answer", []string{"completed"}, "calm", false,
		simple(func(v *visit) { v.submit("tok_unknown"); v.deliver() })},
	{"gateway charge", overdue, "slow", []string{"completed"}, "calm", false,
		simple(func(v *visit) { v.submit("tok_slow"); v.deliver() })},
	{"gateway charge", overdue, "too slow, paid again", []string{"completed"}, "hurried", false, simple(func(v *visit) {
		v.payTooSlowly()
		v.payInTime()
		v.acceptTicket()
		v.deliver()
	})},
	{"gateway charge", overdue, "too slow, canceled", []string{"canceled"}, "hurried", false, simple(tooSlow.walk)},
	{"ticket opened", overdue, "the restaurant is away", []string{"rejected"}, "impatient", true,
		away(restaurant, "ticket.open", unanswered, func(s shown) bool { return s.Status == "rejected" })},
	{"restaurant accepts", fails, "rejects by its rule", []string{"rejected"}, "calm", false,
		func(v *visit) { v.create(soldOut); turnedDown.walk(v) }},
	{"restaurant accepts", fails, "rejects by hand", []string{"rejected"}, "hurried", false, simple(func(v *visit) {
		v.submit("")
		v.payInTime()
		v.untilTicket("open")
		v.wantDone("reject", v.answerTicket("reject"))
	})},
	{"restaurant accepts", overdue, "no answer", []string{"rejected"}, "impatient", false, simple(unanswered.walk)},
	{"restaurant accepts", overdue, "answers too late", []string{"rejected"}, "impatient", false, simple(func(v *visit) {
		unanswered.walk(v)
		v.untilTicket("withdrawn")
		if a := v.answerTicket("accept"); a.Code != "ticket_withdrawn" {
			v.Errorf("an answer that comes too late is answered %d: %s", a.http, a.body)
		}
	})},
	{"gateway refund", fails, "refused", []string{needsHelp}, "calm", false, func(v *visit) {
		v.create(soldOut)
		v.submit("tok_refund_refused")
		v.untilStatus("rejected")
	}},
	{"customer cancels", fails, "it is shipped", []string{"completed"}, "calm", false, simple(func(v *visit) {
		v.submit("tok_ok")
		v.untilStatus("approved")
		v.wantDone("ship", v.act("ship", ""))
		if v.cancel() {
			v.Error("an order that was shipped can be canceled")
		}
		v.wantDone("complete", v.act("complete", ""))
	})},
	{"customer cancels", overdue, "while the gateway thinks", []string{"canceled"}, "calm", false,
		simple(func(v *visit) { v.submit("tok_slow"); v.cancel() })},
	{"customer cancels", overdue, "while the ticket is open", []string{"canceled"}, "hurried", false,
		simple(func(v *visit) {
			v.submit("")
			v.payInTime()
			v.untilTicket("open")
			v.cancel()
		})},
	{"customer's time is up", overdue, "never paid", []string{"canceled"}, "impatient", false, simple(abandoned.walk)},
	{"customer's time is up", overdue, "declined, never paid again", []string{"canceled"}, "impatient", false,
		simple(func(v *visit) { v.submit("tok_declined") })},
	{"customer's time is up", overdue, "paid, never submitted", []string{"canceled"}, "impatient", false,
		simple(func(v *visit) { v.pay("tok_ok") })},
}

// needsHelp is how an order ends that somebody has to look after: it is rejected, the
// gateway does not give the money back, and the checkout says so.
const needsHelp = "rejected, and the checkout asks for help"

// simple creates an order and goes on.
func simple(walk func(*visit)) func(*visit) {
	return func(v *visit) {
		v.create("p-1")
		walk(v)
	}
}
