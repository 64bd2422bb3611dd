package crashtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

// findings are the broken promises that were found.
type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// brokenPromises holds a book against what is true at any moment, also when the
// service has just been killed.
func (b *book) brokenPromises() (f findings) {
	if b.integrity != "ok" {
		f.add("the database file is damaged: %s", b.integrity)
	}
	if b.letters != 0 {
		f.add("%d messages became dead letters", b.letters)
	}
	b.checkStreams(&f)
	b.checkJournal(&f)
	b.checkCommands(&f)
	b.checkFeed(&f)
	b.checkReactions(&f)
	for stream, records := range b.streams {
		events, err := decode(records)
		if err != nil {
			f.add("%v", err)
			continue
		}
		b.checkMoney(&f, stream, events)
		b.checkView(&f, stream.ID(), records, events)
		checkProcess(b, &f, "checkout", stream.ID(), events, process.Checkout{})
		checkProcess(b, &f, "payments", stream.ID(), events, process.Payments{})
	}
	b.checkFoldsOfNothing(&f)
	return f
}

// answered are the types of the events that each process answers. It need not
// have seen others.
var answered = map[string][]string{"checkout": process.CheckoutEvents(), "payments": process.PaymentsEvents()}

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
			f.add("command %s (%s of order %s) has no outcome", id, c.kind, c.target)
		}
	}
	if n := len(b.unfinished); n > 0 {
		f.add("%d commands are unfinished", n)
	}
	if n := len(b.outbox); n > 0 {
		f.add("%d appends are in the outbox", n)
	}
	for stream, records := range b.streams {
		head, id := es.Version(len(records)), stream.ID()
		if v := b.views[id]; v.version != head {
			f.add("the view of %s is at version %d of %d", stream, v.version, head)
		}
		for name, types := range answered {
			due := lastOf(records, types)
			if p := b.processes[processKey{name, id}]; p.version < due {
				f.add("the process %s of %s is at version %d and has not seen %d", name, stream, p.version, due)
			}
		}
		if events, err := decode(records); err == nil { // if not, that was found before
			checkEnd(&f, stream, events)
		}
	}
	return f
}

func (b *book) checkStreams(f *findings) {
	ids := map[string]bool{}
	for stream, records := range b.streams {
		for i, r := range records {
			if want := es.Version(i + 1); r.Version != want {
				f.add("%s has version %d where %d should be", stream, r.Version, want)
			}
			if ids[r.ID] {
				f.add("%s version %d has an id that another event has: %s", stream, r.Version, r.ID)
			}
			ids[r.ID] = true
			if i > 0 && r.OccurredAt.Before(records[i-1].OccurredAt) {
				f.add("%s version %d occurred before the one before it", stream, r.Version)
			}
		}
	}
}

// checkJournal looks for commands that are neither finished nor known not to be.
func (b *book) checkJournal(f *findings) {
	for id := range b.commands {
		_, decided := b.outcomes[id]
		if decided == b.unfinished[id] {
			f.add("command %s has an outcome: %t, and is unfinished: %t", id, decided, b.unfinished[id])
		}
	}
	for id := range b.outcomes {
		if _, known := b.commands[id]; !known {
			f.add("the outcome of %s is of a command that was never journaled", id)
		}
	}
	for id := range b.unfinished {
		if _, known := b.commands[id]; !known {
			f.add("%s is unfinished and was never journaled", id)
		}
	}
}

// effects are the events of commands that succeed.
var effects = map[string][]string{
	"order.create":          {"order.created"},
	"order.update_cart":     {"order.cart_updated"},
	"order.pay":             {"order.payment_requested"},
	"order.submit":          {"order.submitted"}, // and order.payment_requested, if it says how to pay
	"order.confirm_payment": {"order.paid"},
	"order.decline_payment": {"order.payment_failed"},
	"order.approve":         {"order.approved"},
	"order.cancel":          {"order.canceled"},
	"order.refund":          {"order.refunded"},
}

// checkCommands holds outcomes against events: a command that succeeded has its
// events, once and next to each other, and no other command has any.
func (b *book) checkCommands(f *findings) {
	caused := map[string][]es.Record{}
	for _, records := range b.streams {
		for _, r := range records {
			caused[r.Metadata.CommandID] = append(caused[r.Metadata.CommandID], r)
		}
	}
	for id, records := range caused {
		if o, ok := b.outcomes[id]; !ok || o.status != "succeeded" {
			f.add("%s of %s follows from command %s, which has the outcome %q", records[0].Type, records[0].Stream, id, o.status)
		}
	}
	for id, o := range b.outcomes {
		if o.status != "succeeded" {
			if o.status != "rejected" {
				f.add("command %s (%s) is %s: %s", id, o.kind, o.status, o.code)
			}
			continue
		}
		want := effects[o.kind]
		if o.kind == "order.submit" && strings.Contains(b.commands[id].payload, `"payment_method"`) {
			want = []string{"order.submitted", "order.payment_requested"}
		}
		var got []string
		for i, r := range caused[id] {
			got = append(got, r.Type)
			if at := o.version - int64(len(want)) + int64(i) + 1; r.Stream != es.StreamOf("order", o.target) || int64(r.Version) != at {
				f.add("command %s (%s of order %s, version %d) has %s as version %d of %s", id, o.kind, o.target, o.version, r.Type, r.Version, r.Stream)
			}
		}
		if !slices.Equal(got, want) {
			f.add("command %s (%s) led to %v, want %v", id, o.kind, got, want)
		}
	}
}

// checkFeed looks for gaps, for events that are in the feed twice or out of
// order, and for those that are neither in it nor in the outbox.
func (b *book) checkFeed(f *findings) {
	inFeed := map[es.Stream]es.Version{}
	for i, p := range b.feed {
		if want := es.Position(i + 1); p.position != want {
			f.add("the feed has position %d where %d should be", p.position, want)
		}
		if want := inFeed[p.stream] + 1; p.version != want {
			f.add("position %d of the feed is %s version %d, want version %d", p.position, p.stream, p.version, want)
		}
		inFeed[p.stream] = p.version
		if int(p.version) > len(b.streams[p.stream]) {
			f.add("position %d of the feed is %s version %d, which does not exist", p.position, p.stream, p.version)
		}
	}
	for _, r := range b.outbox {
		if want := inFeed[r.stream] + 1; r.first != want {
			f.add("the outbox has %s versions %d to %d, want them from %d", r.stream, r.first, r.last, want)
		}
		inFeed[r.stream] = r.last
	}
	for stream, records := range b.streams {
		if n := inFeed[stream]; n != es.Version(len(records)) {
			f.add("feed and outbox have %d of %d events of %s", n, len(records), stream)
		}
	}
}

// checkReactions looks for events that the payments process has seen without
// having sent its answer, which goes into the journal in the same transaction.
func (b *book) checkReactions(f *findings) {
	answers := map[string]int{}
	for _, c := range b.commands {
		if c.metadata.Actor == "process:payments" {
			answers[c.metadata.CausationID]++
		}
	}
	for stream, records := range b.streams {
		seen := b.processes[processKey{"payments", stream.ID()}].version
		for _, r := range records {
			if r.Type != (order.PaymentRequested{}).EventType() {
				continue
			}
			want := 0
			if r.Version <= seen {
				want = 1
			}
			if n := answers[r.ID]; n != want {
				f.add("payments has seen %s to version %d and has answered version %d, which requests a payment, %d times",
					stream, seen, r.Version, n)
			}
		}
	}
}

// checkMoney looks for orders that were charged, approved or refunded more often
// than once, or for no reason.
func (b *book) checkMoney(f *findings, stream es.Stream, events []order.Event) {
	count, asked := map[string]int{}, map[string]int{}
	for _, e := range events {
		count[e.EventType()]++
		switch e := e.(type) {
		case order.PaymentRequested:
			if asked[e.PaymentID] != 0 {
				f.add("%s asks for payment %s twice", stream, e.PaymentID)
			}
			asked[e.PaymentID] = 1
		case order.Paid:
			asked[e.PaymentID]--
		case order.PaymentFailed:
			asked[e.PaymentID]--
		}
	}
	for payment, open := range asked {
		if open < 0 {
			f.add("%s has payment %s answered more often than asked for", stream, payment)
		}
	}
	for _, once := range []order.Event{order.Created{}, order.Submitted{}, order.Paid{}, order.Approved{}, order.Canceled{}, order.Refunded{}} {
		if n := count[once.EventType()]; n > 1 {
			f.add("%s has %d times %s", stream, n, once.EventType())
		}
	}
}

// checkEnd looks for orders that something should still have happened to.
func checkEnd(f *findings, stream es.Stream, events []order.Event) {
	count := map[string]int{}
	for _, e := range events {
		count[e.EventType()]++
	}
	var (
		v         = es.Fold(query.Order{}, events...)
		submitted = count["order.submitted"] > 0
		paid      = count["order.paid"] > 0
		approved  = count["order.approved"] > 0
		canceled  = count["order.canceled"] > 0
		refunded  = count["order.refunded"] > 0
	)
	if v.PaymentStatus == order.PaymentPending {
		f.add("%s waits for its payment for ever", stream)
	}
	if submitted && paid && !canceled && !approved {
		f.add("%s is submitted and paid, and nobody approved it", stream)
	}
	if refunded != (paid && canceled) {
		f.add("%s is paid: %t, canceled: %t, refunded: %t", stream, paid, canceled, refunded)
	}
}

// checkView holds the view of an order against a fresh fold of its stream.
func (b *book) checkView(f *findings, id string, records []es.Record, events []order.Event) {
	v, known := b.views[id]
	if !known {
		return
	}
	if int(v.version) > len(events) || v.version < 1 {
		f.add("the view of %s is at version %d of %d", id, v.version, len(events))
		return
	}
	fold := es.Fold(query.Order{}, events[:v.version]...)
	if want, err := json.Marshal(fold); err != nil || v.document != string(want) {
		f.add("the view of %s at version %d is\n%s\nand not the fold\n%s (%v)", id, v.version, v.document, want, err)
	}
	if v.status != string(fold.Status) || v.customerID != fold.CustomerID || v.createdAt != fold.CreatedAt.UnixMicro() {
		f.add("the view of %s has columns that are not those of its fold: %+v", id, v)
	}
	key, err := keyOf(records)
	if err != nil {
		f.add("%v", err)
		return
	}
	for _, word := range []string{wordBefore, wordAfter} {
		var want []int64
		if title := key + " " + word; fold.Items[0].Title == title {
			want = []int64{v.seq}
		}
		if got := b.found[key+" "+word]; !slices.Equal(got, want) {
			f.add("a search for %q finds rows %v, want %v", key+" "+word, got, want)
		}
	}
}

// checkProcess holds the state of a process against a fresh fold.
func checkProcess[S es.Folded[S, order.Event]](b *book, f *findings, name, id string, events []order.Event, zero S) {
	p, known := b.processes[processKey{name, id}]
	if !known {
		return
	}
	if int(p.version) > len(events) || p.version < 1 {
		f.add("the process %s of %s is at version %d of %d", name, id, p.version, len(events))
		return
	}
	want, err := json.Marshal(es.Fold(zero, events[:p.version]...))
	if err != nil || !bytes.Equal([]byte(p.state), want) {
		f.add("the process %s of %s at version %d is %s and not the fold %s (%v)", name, id, p.version, p.state, want, err)
	}
}

// checkFoldsOfNothing looks for views and processes of orders that do not exist.
func (b *book) checkFoldsOfNothing(f *findings) {
	for id := range b.views {
		if len(b.streams[es.StreamOf("order", id)]) == 0 {
			f.add("there is a view of %s and no such order", id)
		}
	}
	for k := range b.processes {
		if len(b.streams[es.StreamOf("order", k.id)]) == 0 {
			f.add("there is a process %s of %s and no such order", k.name, k.id)
		}
	}
}

// codec decodes the events of orders.
var codec, errCodec = es.NewCodec(order.Catalogue(), order.Event.EventType)

func decode(records []es.Record) ([]order.Event, error) {
	if errCodec != nil {
		return nil, errCodec
	}
	events := make([]order.Event, len(records))
	for i, r := range records {
		e, err := es.DecodeRecord(codec, r)
		if err != nil {
			return nil, err
		}
		events[i] = e
	}
	return events, nil
}

// keyOf returns the key that an order was created with, which its title holds.
func keyOf(records []es.Record) (string, error) {
	events, err := decode(records[:1])
	if err != nil {
		return "", err
	}
	created, ok := events[0].(order.Created)
	if !ok || len(created.Cart) == 0 {
		return "", fmt.Errorf("%s begins with %T", records[0].Stream, events[0])
	}
	key, _, _ := strings.Cut(created.Cart[0].Title, " ")
	return key, nil
}
