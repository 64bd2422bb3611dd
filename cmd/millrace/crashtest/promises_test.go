package crashtest

import (
	"fmt"
	"slices"
	"strings"

	app "github.com/millrace/millrace/app/command"
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
	b.checkViews(&f)
	b.checkProcesses(&f)
	b.checkMoney(&f)
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
	"order.create":                  {"order.created"},
	"order.update_cart":             {"order.cart_updated"},
	"order.change_delivery_address": {"order.delivery_address_changed"},
	"order.pay":                     {"order.payment_requested"},
	"order.submit":                  {"order.submitted"}, // and order.payment_requested, if it says how to pay
	"order.confirm_payment":         {"order.paid"},
	"order.decline_payment":         {"order.payment_failed"},
	"order.approve":                 {"order.approved"},
	"order.reject":                  {"order.rejected"},
	"order.ship":                    {"order.shipped"},
	"order.complete":                {"order.completed"},
	"order.cancel":                  {"order.canceled"},
	"order.refund":                  {"order.refunded"},
	"payment.debit":                 {"payment.debit_requested"},
	"payment.call_off":              {"payment.called_off"},
	"payment.confirm_debit":         {"payment.debited"},
	"payment.decline_debit":         {"payment.declined"},
	"payment.refund":                {"payment.refund_requested"},
	"payment.confirm_refund":        {"payment.refunded"},
	"payment.refuse_refund":         {"payment.refund_refused"},
	"payment.settle_refund":         {"payment.refunded"},
	"ticket.open":                   {"ticket.opened"},
	"ticket.accept":                 {"ticket.accepted"},
	"ticket.reject":                 {"ticket.rejected"},
	"ticket.withdraw":               {"ticket.withdrawn"},
}

// mayRepeat tells whether commands of a type succeed without an event if another one
// has had the effect before.
func mayRepeat(kind string) bool {
	return strings.HasPrefix(kind, "payment.") || kind == "ticket.open" || kind == "ticket.withdraw"
}

// hadEffect tells whether a stream has a command's effect at the version of its outcome.
// To call off a payment that was asked for has none.
func (b *book) hadEffect(o outcome) bool {
	records := b.streams[app.Stream(o.kind, o.target)]
	return int(o.version) <= len(records) && slices.ContainsFunc(records[:o.version], func(r es.Record) bool {
		return slices.Contains(effects[o.kind], r.Type) || o.kind == "payment.call_off" && r.Type == "payment.debit_requested"
	})
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
		if mayRepeat(o.kind) && len(caused[id]) == 0 && b.hadEffect(o) {
			continue
		}
		want := effects[o.kind]
		if o.kind == "order.submit" && strings.Contains(b.commands[id].payload, `"payment_method"`) {
			want = []string{"order.submitted", "order.payment_requested"}
		}
		var got []string
		for i, r := range caused[id] {
			got = append(got, r.Type)
			if at := o.version - int64(len(want)) + int64(i) + 1; r.Stream != app.Stream(o.kind, o.target) || int64(r.Version) != at {
				f.add("command %s (%s of %s, version %d) has %s as version %d of %s", id, o.kind, o.target, o.version, r.Type, r.Version, r.Stream)
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
