package main

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/adminapi"
	"github.com/millrace/millrace/ports/messages"
)

// ledger is what the processes of these tests keep.
type ledger struct {
	Paid bool `json:"paid"`
}

// registry is a store with processes, and the command line for them beside it.
type registry struct {
	*testing.T
	address string
	store   *sqlstore.Store
}

// openRegistry makes a store with four processes, of which two are stuck.
func openRegistry(t *testing.T) registry {
	t.Helper()
	address := "sqlite:" + filepath.Join(t.TempDir(), "millrace.db")
	store, _, err := openStore(t.Context(), config{Store: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	r := registry{t, address, store}
	began := time.Now().UTC().Truncate(time.Second).Add(-time.Hour - 30*time.Second)
	r.put("checkout", "order-1", began, func(m *es.Move[ledger]) {
		m.State.Paid, m.CorrelationID = true, "r-1"
		m.Standing.Waits = "the restaurant"
		m.Timers = []es.Timer{{Name: "give_up", At: began.Add(24 * time.Hour)}}
		m.Seen = map[es.Stream]es.Version{"order-order-1": 3, "payment-p-1": 2}
		m.Steps = []es.ProcessStep{
			{At: began, Event: "order.submitted", EventID: "e-1", Stream: "order-order-1", Version: 3, Sent: []es.SentCommand{{ID: "c-1", Type: "payment.debit", Target: "p-1"}}},
			{At: began.Add(time.Minute), Event: "process.timer_elapsed", EventID: "e-2", Timer: "remind", Sent: []es.SentCommand{{ID: "c-2", Type: "ticket.open", Target: "order-1"}}},
		}
	})
	r.put("kitchen", "order-1", began.Add(time.Second), func(m *es.Move[ledger]) { m.Standing.Trouble = "the oven is cold" })
	r.put("checkout", "order-2", began.Add(2*time.Second), func(m *es.Move[ledger]) { m.Standing.Done = true })
	r.put("checkout", "order-3", began.Add(3*time.Second), func(m *es.Move[ledger]) { m.Standing.Waits = "the customer" })
	rejected := es.Outcome{CommandID: "c-1", Status: es.StatusRejected, Problem: &es.Problem{Code: "not_due", Detail: "not yet"}}
	if err := store.Finish(t.Context(), rejected); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r registry) put(name, id string, began time.Time, fill func(*es.Move[ledger])) {
	r.Helper()
	m := es.Move[ledger]{ID: id}
	m.Version, m.StartedAt = 1, began
	fill(&m)
	if err := errors.Join(sqlstore.Processes[ledger]{Store: r.store, Name: name}.Save(r.Context(), []es.Move[ledger]{m})...); err != nil {
		r.Fatal(err)
	}
}

// line runs a command for processes.
func (r registry) line(args ...string) (stdout, stderr string, exit int) {
	r.Helper()
	return run(r.T, []string{"MILLRACE_STORE=" + r.address}, append([]string{"processes"}, args...)...)
}

// says runs such a command and wants it to go well.
func (r registry) says(args ...string) string {
	r.Helper()
	stdout, stderr, exit := r.line(args...)
	if exit != 0 || stderr != "" {
		r.Fatalf("processes %s: exit code %d and %q", strings.Join(args, " "), exit, stderr)
	}
	return stdout
}

// retries returns the processes that are asked to retry.
func (r registry) retries() []string {
	r.Helper()
	var all []string
	for _, name := range []string{"checkout", "kitchen"} {
		due, err := sqlstore.Processes[ledger]{Store: r.store, Name: name}.Due(r.Context(), time.Now().Add(time.Second), es.DueProcess{}, 100)
		if err != nil {
			r.Fatal(err)
		}
		for _, p := range due {
			all = append(all, name+" "+p.ID)
		}
	}
	return all
}

// What comes late may be money, which somebody has to give back.
func TestProcessThatIsDoneIsStuckWhenItCannotTakeAnEvent(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	bury := func(id, handler, payload string) {
		t.Helper()
		late := message.NewMessage("e-7", []byte(payload))
		late.Metadata = message.Metadata{
			"ce_type": "payment.debited", "ce_stream": "payment-p-2", "ce_streamversion": "2", "ce_schemaversion": "1", "ce_time": "2025-03-01T12:00:00Z",
		}
		err := r.store.Bury(t.Context(), sqlstore.DeadLetter{
			ID: id, Handler: handler, Topic: messages.EventsTopic, MessageID: late.UUID, Payload: late.Payload, Metadata: late.Metadata, Error: "no disk", DiedAt: time.Now(),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const debited = `{"payment_id":"p-2","order_id":"order-2","amount":{"amount":100,"currency":"EUR"},"reference":"r","at":"2025-03-01T12:00:00Z"}`
	bury("l-0", "millrace.events.order-views", debited)
	bury("l-1", "millrace.events.checkout", "{") // which tells nobody whose it is
	if out := r.says("list", "--stuck"); strings.Contains(out, "order-2") {
		t.Errorf("it lists\n%s\nthough no letter is about the checkout of order-2", out)
	}
	bury("l-2", "millrace.events.checkout", debited)
	if out := lines(r.says("list", "--stuck")); len(out) != 4 || !strings.HasPrefix(out[1], "checkout  order-2 ") ||
		!strings.Contains(out[1], "stuck: payment.debited, version 2 of payment-p-2, is dead letter l-2: no disk") {
		t.Errorf("it lists %q, want the checkout of order-2 and why it is stuck", out)
	}
}

func TestProcessesAreListed(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	for _, test := range []struct {
		args []string
		want [][]string // the words that each line begins with, and ends with
	}{
		{nil, [][]string{
			{"checkout", "order-3", "waiting for the customer"}, {"checkout", "order-2", "done"},
			{"kitchen", "order-1", "stuck: the oven is cold"}, {"checkout", "order-1", ""},
		}},
		{[]string{"--stuck"}, [][]string{{"kitchen", "order-1", "stuck: the oven is cold"}, {"checkout", "order-1", ""}}},
		{[]string{"--name", "kitchen"}, [][]string{{"kitchen", "order-1", "cold"}}},
		{[]string{"--name=checkout", "--limit=1"}, [][]string{{"checkout", "order-3", "customer"}}},
		{[]string{"--stuck", "--limit=1"}, [][]string{{"kitchen", "order-1", "cold"}}},
		{[]string{"--name=cashier"}, nil},
	} {
		out := lines(r.says(append([]string{"list"}, test.args...)...))
		if len(out) != len(test.want)+1 || !strings.HasPrefix(out[0], "NAME ") {
			t.Errorf("%v lists %q, want a heading and %d lines", test.args, out, len(test.want))
			continue
		}
		for i, want := range test.want {
			if words := strings.Fields(out[i+1]); !slices.Equal(words[:2], want[:2]) || !strings.HasSuffix(out[i+1], want[2]) {
				t.Errorf("%v lists %q, want %q", test.args, out[i+1], want)
			}
		}
	}
	if out := lines(r.says("list", "--stuck")); !strings.Contains(out[2], "stuck: command ticket.open c-2 has no outcome since ") {
		t.Errorf("it lists %q, want why it is stuck", out[2])
	}
	var ids []string
	for _, line := range lines(r.says("list", "--json", "--name=checkout")) {
		var p adminapi.Process
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		ids = append(ids, p.ID)
	}
	if want := []string{"order-3", "order-2", "order-1"}; !slices.Equal(ids, want) {
		t.Errorf("as JSON it lists %v, want %v", ids, want)
	}
}

func TestProcessIsShown(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	out := r.says("show", "checkout-order-1")
	for _, want := range []string{
		"checkout order-1\n", "  is stuck\n    command ticket.open c-2 has no outcome since ", ", correlation id r-1\n", "  state {\"paid\":true}\n",
		"  timer give_up at ", ", in 22h59m", "  has seen order-order-1 up to version 3\n  has seen payment-p-1 up to version 2\n",
		"  order.submitted (order-order-1, version 3)\n    sent payment.debit to p-1: rejected (not_due: not yet)  c-1\n",
		"  process.timer_elapsed (remind)\n    sent ticket.open to order-1: pending  c-2\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it says\n%s\nwithout %q", out, want)
		}
	}
	for named, want := range map[string]string{
		"order-1": "checkout order-1\n", "kitchen-order-1": "kitchen order-1\n  is stuck\n    the oven is cold\n",
		"order-3": "checkout order-3\n  is waiting for the customer\n", "order-2": "checkout order-2\n  is done\n",
	} {
		if out := r.says("show", named); !strings.HasPrefix(out, want) {
			t.Errorf("%s is shown as\n%s\nwant it to begin with\n%s", named, out, want)
		}
	}
	var p adminapi.Process
	if err := json.Unmarshal([]byte(r.says("show", "order-1", "--json")), &p); err != nil {
		t.Fatal(err)
	}
	if p.Name != "checkout" || p.ID != "order-1" || len(p.Steps) != 2 || len(p.PendingCommands) != 1 || p.Steps[0].Sent[0].Problem.Code != "not_due" {
		t.Errorf("as JSON it is %+v", p)
	}
}

func TestProcessesAreRetried(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	if out := r.says("retry", "checkout-order-3", "order-3"); out != "will retry checkout order-3\n" {
		t.Errorf("it says %q, want that it retries one, once", out)
	}
	if got, want := r.retries(), []string{"checkout order-3"}; !slices.Equal(got, want) {
		t.Errorf("retrying are %v, want %v", got, want)
	}
	if out := r.says("retry", "--stuck"); out != "will retry kitchen order-1\nwill retry checkout order-1\n" {
		t.Errorf("it says %q, want that it retries those that are stuck", out)
	}
	if got, want := r.retries(), []string{"checkout order-1", "checkout order-3", "kitchen order-1"}; !slices.Equal(got, want) {
		t.Errorf("retrying are %v, want %v", got, want)
	}
	if out := r.says("retry", "order-1"); out != "will retry checkout order-1\n" {
		t.Errorf("it says %q, want that it retries again what is asked for", out)
	}
	if out := r.says("show", "checkout-order-3"); !strings.Contains(out, "\n  will retry\n") || !strings.Contains(out, "  is waiting for the customer\n") {
		t.Errorf("it is shown as\n%s\nwant that it waits and will retry", out)
	}
}

func TestProcessesThatCannotBeFound(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"shown":                    {[]string{"show", "nobody"}, "nobody: no such process"},
		"shown of another manager": {[]string{"show", "kitchen-order-2"}, "kitchen-order-2: no such process"},
		"shown without a choice":   {[]string{"show"}, "accepts 1 arg"},
		"retried":                  {[]string{"retry", "order-3", "nobody"}, "nobody: no such process"},
		"retried without a choice": {[]string{"retry"}, "want the ids of processes, or --stuck"},
		"retried with two choices": {[]string{"retry", "--stuck", "order-3"}, "want the ids of processes or --stuck, not both"},
		"listed with one":          {[]string{"list", "order-3"}, "unknown command"},
		"listed without any":       {[]string{"list", "--limit=0"}, "--limit=0"},
		"listed of no manager":     {[]string{"list", "--name", "chekout"}, `--name="chekout": must be checkout, cashier or kitchen`},
		"listed without a manager": {[]string{"list", "--name="}, "must be checkout, cashier or kitchen"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, exit := r.line(test.args...)
			wantComplaint(t, stdout, stderr, exit, test.want)
		})
	}
	if got := r.retries(); len(got) > 0 {
		t.Errorf("retrying are %v, want none: all or nothing", got)
	}
}

func TestNothingIsStuckIsSaidToPeople(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	if _, err := openPlace(t, r.address).ExecContext(t.Context(), "DELETE FROM processes WHERE id = 'order-1'"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"list", "--stuck"}, "nothing is stuck\n"}, {[]string{"list", "--stuck", "--json"}, ""},
		{[]string{"list", "--name=kitchen", "--json"}, ""}, {[]string{"retry", "--stuck"}, "nothing to retry\n"},
	} {
		if stdout, stderr, exit := r.line(test.args...); stdout != "" || stderr != test.want || exit != 0 {
			t.Errorf("%v: exit code %d, %q and on standard error %q, want %q there", test.args, exit, stdout, stderr, test.want)
		}
	}
}

func TestProcessesSaysWhatItCanDo(t *testing.T) {
	t.Parallel()
	stdout, stderr, exit := run(t, nil, "processes")
	if exit != 0 || stderr != "" {
		t.Fatalf("exit code %d and %q", exit, stderr)
	}
	for _, command := range []string{"list", "show", "retry"} {
		if !strings.Contains(stdout, "\n  "+command+" ") {
			t.Errorf("the help does not mention %s:\n%s", command, stdout)
		}
	}
	stdout, _, _ = run(t, nil, "processes", "list", "--help")
	for _, m := range (&config{}).managers() {
		if !strings.Contains(stdout, m.Name) {
			t.Errorf("the help of list does not mention %s:\n%s", m.Name, stdout)
		}
	}
}
