package crashtest

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// forTheCustomer is what a process waits for that nobody else can do.
const forTheCustomer = "the customer"

// quiet says what a service on a database file is still to do, or nil.
func quiet(db *sql.DB) error {
	types, err := json.Marshal(answered)
	if err != nil {
		return err
	}
	var unfinished, outbox, feed, views, behind, busy int
	// What is compared are sets, for SQLite would walk all views for each stream.
	err = db.QueryRow(`WITH answers AS (SELECT p.key AS name, t.value AS type FROM json_each(?) p, json_each(p.value) t),
		due AS (SELECT a.name, e.stream, MAX(e.version) AS version
			FROM events e JOIN answers a ON a.type = e.type GROUP BY a.name, e.stream)
		SELECT (SELECT COUNT(*) FROM unfinished_commands), (SELECT COUNT(*) FROM outbox),
			(SELECT COUNT(*) FROM events) - (SELECT COUNT(*) FROM feed),
			(SELECT COUNT(*) FROM (SELECT stream, MAX(version) FROM events GROUP BY stream EXCEPT
				SELECT stream, version FROM (SELECT 'order-' || id AS stream, version FROM order_views
					UNION ALL SELECT 'payment-' || id, version FROM payment_views
					UNION ALL SELECT 'ticket-' || id, version FROM ticket_views))),
			(SELECT COUNT(*) FROM due LEFT JOIN process_streams s ON s.name = due.name AND s.stream = due.stream
				WHERE COALESCE(s.version, 0) < due.version),
			(SELECT COUNT(*) FROM processes WHERE NOT done AND waits <> ?)`, string(types), forTheCustomer).
		Scan(&unfinished, &outbox, &feed, &views, &behind, &busy)
	if err != nil {
		return fmt.Errorf("ask what is left to do: %w", err)
	}
	if unfinished+outbox+views+behind+busy > 0 || feed != 0 {
		return fmt.Errorf("%d commands without an outcome, %d appends in the outbox, %d events not in the feed, %d views and %d processes behind, %d processes at work",
			unfinished, outbox, feed, views, behind, busy)
	}
	return nil
}

// lastOf returns the version of the last event of some types, 0 if there is none.
func lastOf(records []es.Record, types []string) es.Version {
	for _, r := range slices.Backward(records) {
		if slices.Contains(types, r.Type) {
			return r.Version
		}
	}
	return 0
}

// brokenAtRest holds a book against what is true as well once nothing is left to
// do.
func (b *book) brokenAtRest() (f findings) {
	for id, c := range b.commands {
		if _, ok := b.outcomes[id]; !ok {
			f.add("command %s (%s of %s) has no outcome", id, c.kind, c.target)
		}
	}
	if n := len(b.unfinished); n > 0 {
		f.add("%d commands are unfinished", n)
	}
	if n := len(b.outbox); n > 0 {
		f.add("%d appends are in the outbox", n)
	}
	seen := map[string]map[es.Stream]es.Version{} // by process manager
	for k, streams := range b.seen {
		if seen[k.name] == nil {
			seen[k.name] = map[es.Stream]es.Version{}
		}
		for stream, v := range streams {
			seen[k.name][stream] = v
		}
	}
	for stream, records := range b.streams {
		if v, head := b.views[stream], es.Version(len(records)); v.version != head {
			f.add("the view of %s is at version %d of %d", stream, v.version, head)
		}
		for name, types := range answered {
			if due := lastOf(records, types); seen[name][stream] < due {
				f.add("%s has seen %s to version %d, and not %d", name, stream, seen[name][stream], due)
			}
		}
	}
	for k, row := range b.processes {
		if !row.standing.Done && row.standing.Waits != forTheCustomer || row.standing.Trouble != "" {
			f.add("%s %s does not rest: %+v", k.name, k.id, row.standing)
		}
	}
	for stream := range b.streamsOf("order") {
		b.checkEnd(&f, stream.ID())
	}
	return f
}

// checkEnd looks for an order that something should still have happened to.
func (b *book) checkEnd(f *findings, id string) {
	var (
		v         = b.order(id)
		slip      = b.ticket(id).Status
		submitted = !v.SubmittedAt.IsZero()
		calledOff = v.Status == order.StatusCanceled || v.Status == order.StatusRejected
		paid      = v.PaymentStatus == order.PaymentTaken
		wasPaid   = paid || v.PaymentStatus == order.PaymentReturned
		out       = v.Items[0].ProductID == soldOut
		made      = submitted && wasPaid && !calledOff && !out
	)
	if v.PaymentStatus == order.PaymentPending {
		f.add("order %s waits for its payment for ever", id)
	}
	if made != (v.Status == order.StatusApproved) || made != (slip == ticket.StatusAccepted) || slip == ticket.StatusOpen {
		f.add("order %s is %s, submitted: %t, paid: %t, and its ticket is %q", id, v.Status, submitted, wasPaid, slip)
	}
	if calledOff && paid || !calledOff && wasPaid != paid {
		f.add("order %s is %s and its payment %s", id, v.Status, v.PaymentStatus)
	}
	if v.Status == order.StatusRejected && (slip != ticket.StatusRejected || !out) {
		f.add("order %s is rejected, its ticket is %q, and what it is about is sold out: %t", id, slip, out)
	}
	want := int64(0)
	if paid && !calledOff {
		want = v.Total.Amount
	}
	if taken, kept := b.money(id); kept != want {
		f.add("order %s is %s and its payment %s, and the gateway has kept %d of %d, want %d", id, v.Status, v.PaymentStatus, kept, taken, want)
	}
	for asked := range b.requested(id) {
		p := b.payment(asked)
		unanswered := p.Status == payment.StatusRequested || p.Status == ""
		for _, r := range p.Refunds {
			unanswered = unanswered || r.Status == query.RefundRequested
		}
		if _, charged := b.charges[asked]; unanswered || charged == b.wasCalledOff(asked) {
			f.add("payment %s of order %s has no answer: %+v, and the gateway was asked for it: %t", asked, id, p, charged)
		}
	}
}
