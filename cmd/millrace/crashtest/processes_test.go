package crashtest

import (
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/internal/es"
)

type processKey struct{ name, id string }

// processRow is a process as it is kept.
type processRow struct {
	version  es.Version
	state    []byte
	steps    []es.ProcessStep
	timers   []es.Timer
	standing es.Standing
}

func (b *book) readProcesses(tx *sql.Tx) error {
	return errors.Join(
		each(tx, func(scan func(...any) error) error {
			var (
				k             processKey
				p             processRow
				steps, timers []byte
			)
			err := scan(&k.name, &k.id, &p.version, &p.state, &steps, &timers, &p.standing.Done, &p.standing.Waits, &p.standing.Trouble)
			if err == nil {
				err = errors.Join(json.Unmarshal(steps, &p.steps), json.Unmarshal(timers, &p.timers))
			}
			b.processes[k] = p
			return err
		}, "SELECT name, id, version, state, steps, timers, done, waits, trouble FROM processes"),
		each(tx, func(scan func(...any) error) error {
			var k processKey
			var stream es.Stream
			var v es.Version
			err := scan(&k.name, &stream, &v, &k.id)
			if b.seen[k] == nil {
				b.seen[k] = map[es.Stream]es.Version{}
			}
			b.seen[k][stream] = v
			return err
		}, "SELECT name, stream, version, id FROM process_streams"),
	)
}

// patienceOfOrders is how long orders of the service under test wait. Nobody here
// waits as long as that.
var patienceOfOrders = process.Patience{Payment: 10 * time.Minute, Restaurant: 15 * time.Minute, Customer: 30 * time.Minute}

// soldOut is the product that the restaurant is out of.
const soldOut = "p-out"

// The processes of the service under test. This cashier cannot ask anything.
var (
	checkout = process.NewCheckout(patienceOfOrders)
	cashier  = process.NewCashier(process.Till{})
	kitchen  = process.NewKitchen(process.HouseRule{SoldOut: []string{soldOut}})
)

// answered are the types of the events that each process answers. It need not have
// seen others.
var answered = map[string][]string{
	checkout.Name: checkout.Events, cashier.Name: cashier.Events, kitchen.Name: kitchen.Events,
}

// checkProcesses runs every process again over what it says that it has seen, and
// holds what comes out of that against what it is and what it has sent.
func (b *book) checkProcesses(f *findings) {
	sent := map[string]processKey{} // by the ids of commands
	for k, row := range b.processes {
		switch k.name {
		case checkout.Name:
			replay(b, f, k, row, checkout, anyStep, everything[process.Checkout])
		case cashier.Name:
			h := &hindsight{book: b}
			replay(b, f, k, row, process.NewCashier(h.till()), h.begin, withoutFailures)
		case kitchen.Name:
			replay(b, f, k, row, kitchen, anyStep, everything[process.Kitchen])
		default:
			f.add("there is a process of %s, which nobody runs", k.name)
		}
		for _, step := range row.steps {
			for i, c := range step.Sent {
				b.checkSent(f, k, step, i)
				sent[c.ID] = k
			}
		}
	}
	for id, c := range b.commands {
		name, ours := strings.CutPrefix(c.metadata.Actor, "process:")
		if by, known := sent[id]; ours && (!known || by.name != name) {
			f.add("command %s (%s of %s) is from %s, which has not sent it", id, c.kind, c.target, name)
		}
	}
	for k, streams := range b.seen {
		if _, known := b.processes[k]; !known {
			f.add("%s %s has seen %v and does not exist", k.name, k.id, streams)
		}
	}
}

// checkSent looks for a command that a process has sent and that is not in the journal,
// or is another one there.
func (b *book) checkSent(f *findings, k processKey, step es.ProcessStep, i int) {
	sent := step.Sent[i]
	if want := es.DeriveID(k.name, k.id, step.EventID, sent.Type, strconv.Itoa(i)); sent.ID != want {
		f.add("%s %s has sent %s as %s, want %s", k.name, k.id, sent.Type, sent.ID, want)
	}
	c, known := b.commands[sent.ID]
	if !known {
		f.add("%s %s has sent %s %s at %s, and it is not in the journal", k.name, k.id, sent.Type, sent.ID, step.Event)
		return
	}
	if c.kind != sent.Type || c.target != sent.Target || c.metadata.CausationID != step.EventID || c.metadata.Actor != "process:"+k.name {
		f.add("%s %s has sent %+v at %s %s, and in the journal that is %+v", k.name, k.id, sent, step.Event, step.EventID, c)
	}
}

func anyStep(es.ProcessStep) {}

func everything[S any](state S) S { return state }
