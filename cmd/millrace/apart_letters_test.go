package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/servertest"
)

// lettersApart are two services with stores of their own, of which one gives up what
// the other one has asked it for, because of an event in a stream that nobody can read.
type lettersApart struct {
	apart
	t      *testing.T
	client client
	order  string // its path
	line   *cable // from the command line to the broker
	broker string // its address at the end of the line
}

func (a apartment) openLetters(t *testing.T) lettersApart {
	t.Helper()
	broker := servertest.VirtualHost(t, "rabbitmq")
	l := lettersApart{apart: a.start(t, broker), t: t}
	l.line, l.broker = lay(t, broker)
	l.client = l.orders.client(t)
	l.order = l.takeOrders(t, 1)[0]
	eventually(t, "the view has the ticket of "+l.order, func() bool {
		a, err := l.client.try(http.MethodGet, ticketOf(l.order), nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.status == http.StatusOK
	})
	l.client.awaitStatus(l.order, "submitted", "paid")
	return l
}

func (l lettersApart) id() string { return l.order[strings.LastIndex(l.order, "/")+1:] }

// spoil adds an event to a stream of a service that nobody can read. It returns what
// takes the event away.
func (l lettersApart) spoil(s *service, stream string) (mend func()) {
	l.t.Helper()
	db := openPlace(l.t, s.config.Store)
	execute := func(statement string, args ...any) {
		l.t.Helper()
		if _, err := db.ExecContext(l.t.Context(), statement, args...); err != nil {
			l.t.Fatal(err)
		}
	}
	execute(`INSERT INTO events SELECT stream, version + 1, 'spoilt', type, 1, ?, metadata, occurred_at FROM events
		WHERE stream = ? ORDER BY version DESC LIMIT 1`, []byte("garbled"), stream)
	return func() { execute("DELETE FROM events WHERE stream = ? AND id = 'spoilt'", stream) }
}

// awaitLetter waits for the one letter of a service.
func (l lettersApart) awaitLetter(s *service, topic string) sqlstore.DeadLetter {
	l.t.Helper()
	var all []sqlstore.DeadLetter
	eventually(l.t, topic+" has a dead letter", func() bool {
		all = deadLettersOf(l.t, s.config.Store)
		return len(all) > 0
	})
	if len(all) > 1 || all[0].Topic != topic {
		l.t.Fatalf("the dead letters are %+v, want one of %s", all, topic)
	}
	return all[0]
}

// requeue requeues a letter of a service, after an attempt while the broker is away.
func (l lettersApart) requeue(s *service, letter string) {
	l.t.Helper()
	environment := []string{"MILLRACE_STORE=" + s.config.Store, "MILLRACE_BROKER=" + l.broker}
	l.line.pull()
	stdout, stderr, exit := run(l.t, environment, "dead-letters", "requeue", letter)
	wantComplaint(l.t, stdout, stderr, exit, "requeue "+letter+": it is still a dead letter, since the broker did not take it")
	if left := deadLettersOf(l.t, s.config.Store); len(left) != 1 || left[0].ID != letter {
		l.t.Fatalf("the dead letters are %+v, want %s to be left", left, letter)
	}
	l.line.plug()
	if stdout, stderr, exit = run(l.t, environment, "dead-letters", "requeue", letter); exit != 0 || stdout != "requeued "+letter+"\n" {
		l.t.Fatalf("requeue said %q and %q, exit %d", stdout, stderr, exit)
	}
	if left := deadLettersOf(l.t, s.config.Store); len(left) > 0 {
		l.t.Errorf("the dead letters are %+v, want none", left)
	}
}

// stuck lists the processes of a service that are stuck.
func (l lettersApart) stuck(s *service) string {
	l.t.Helper()
	stdout, stderr, exit := run(l.t, []string{"MILLRACE_STORE=" + s.config.Store}, "processes", "list", "--stuck")
	if exit != 0 {
		l.t.Fatalf("processes list said %q, exit %d", stderr, exit)
	}
	return stdout
}

var lettersBetween = map[string]apartment{
	"two files":     apartments["two files"],
	"two databases": apartments["two databases"],
}

func TestCheckoutGoesOnWhenItsCommandIsRequeuedInAnotherStore(t *testing.T) {
	t.Parallel()
	for name, apartment := range lettersBetween {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := apartment.openLetters(t)
			checkouts := l.participants[0]
			mend := l.spoil(l.orders, streamOf(l.order))
			l.client.post(ticketOf(l.order)+"/accept", nil).want(http.StatusOK)
			letter := l.awaitLetter(l.orders, "millrace.commands.order.approve")
			failed := "command order.approve " + letter.MessageID + " failed"
			checkouts.awaitStuck(t, "checkout", failed)
			if out := l.stuck(checkouts); !strings.Contains(out, failed) {
				t.Errorf("it does not list the checkout as stuck: %s\n%s", failed, out)
			}

			mend()
			l.requeue(l.orders, letter.ID)
			l.client.awaitStatus(l.order, "approved", "paid")
			wantHistory(t, l.client, l.order, "order.created", "order.cart_updated", "order.submitted",
				"order.payment_requested", "order.paid", "order.approved")
			store := openApart(t, checkouts)
			eventually(t, "the checkout's store knows that the command succeeded", func() bool {
				o, err := store.Outcome(t.Context(), letter.MessageID)
				if err != nil {
					t.Fatal(err)
				}
				return o.Status == "succeeded"
			})
			if out := l.stuck(checkouts); strings.Contains(out, l.id()) {
				t.Errorf("it still lists the checkout as stuck:\n%s", out)
			}
		})
	}
}

func TestCommandIsFoundToHaveSucceededWhenItIsRequeuedInAnotherStore(t *testing.T) {
	t.Parallel()
	for name, apartment := range lettersBetween {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := apartment.openLetters(t)
			restaurant := l.participants[0]
			mend := l.spoil(restaurant, "ticket-"+l.id())
			command := l.client.post(ticketOf(l.order)+"/accept", nil, "Prefer: respond-async").want(http.StatusAccepted).header.Get("Location")
			letter := l.awaitLetter(restaurant, "millrace.commands.ticket.accept")
			if o := awaitOutcome(l.client, command); o.Status != "failed" {
				t.Fatalf("the command is %s, want failed", o.Status)
			}

			mend()
			l.requeue(restaurant, letter.ID)
			eventually(t, "the command has succeeded", func() bool {
				return l.client.get(command).want(http.StatusOK).outcome().Status == "succeeded"
			})
			l.client.awaitStatus(l.order, "approved", "paid")
			l.wantRest(t)
		})
	}
}
