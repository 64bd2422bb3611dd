package sagatest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/fleet"
)

// abreast is how many paths are walked at the same time in one house. What is killed
// because of one of them, the others do without for a moment, too.
const abreast = 8

func TestEveryPathEndsWithTheMoneyWhereItBelongs(t *testing.T) {
	for _, b := range builders {
		t.Run(b.name, func(t *testing.T) {
			for house, settings := range settings {
				t.Run(house, func(t *testing.T) {
					t.Parallel()
					began := time.Now()
					h := b.build(t, settings)
					if h.apart() {
						h.echo = newEcho(t, h.broker)
					}
					visits := walkAll(t, h, house)
					h.settle(t, visits)
					t.Logf("%d paths and %d kills in %v", len(visits), h.kills.Load(), time.Since(began).Round(time.Second))
				})
			}
		})
	}
}

// outing is a visit and how it is to end.
type outing struct {
	*visit
	ends []string
}

// walkAll walks all paths of a house.
func walkAll(t *testing.T, h *house, name string) (walked []outing) {
	var (
		mu      sync.Mutex
		workers sync.WaitGroup
		next    = make(chan path)
	)
	for range abreast {
		workers.Go(func() {
			for p := range next {
				t.Run(p.name(), func(t *testing.T) {
					v := &visit{T: t, house: h, name: strings.ReplaceAll(p.name(), " ", "_")}
					p.play(v)
					if p.ends[0] == needsHelp {
						v.wantHelp()
					} else {
						v.wantEnd(p.ends...)
					}
					mu.Lock()
					defer mu.Unlock()
					walked = append(walked, outing{v, p.ends})
				})
			}
		})
	}
	for _, p := range paths() {
		if p.house == name && (h.apart() || !p.apart) {
			next <- p
		}
	}
	close(next)
	workers.Wait()
	return walked
}

// notEnded says of which visits the order has not ended as it was to end, when everything
// has had some time to show.
func (h *house) notEnded(visits []outing) (wrong []string) {
	look := func() error {
		ledger, err := h.readLedger()
		if err != nil {
			return err
		}
		wrong = nil
		for _, v := range visits {
			if v.ends[0] == needsHelp {
				continue
			}
			if err := v.ended(v.ends, ledger); err != nil {
				wrong = append(wrong, fmt.Sprintf("%s: order %s: %v", v.name, v.order, err))
			}
		}
		if len(wrong) > 0 {
			return errors.New(wrong[0])
		}
		return nil
	}
	if err := fleet.Eventually(fleet.Patience, look); err != nil && len(wrong) == 0 {
		wrong = []string{err.Error()}
	}
	return wrong
}

// settle waits until a house is at rest, lets everything come again that ever came, and
// looks whether all is as it was, and in order.
func (h *house) settle(t *testing.T, visits []outing) {
	t.Helper()
	if err := fleet.Eventually(patience, h.atRest); err != nil {
		t.Errorf("the service has not come to rest: %v", err)
	}
	if h.echo != nil {
		n := h.echo.everything()
		t.Logf("%d messages come again", n)
		if err := fleet.Eventually(patience, h.atRest); err != nil {
			t.Errorf("the service has not come to rest again: %v", err)
		}
	}
	for _, what := range slices.Concat(h.notEnded(visits), h.disorder()) {
		t.Error(what)
	}
	if err := h.fleet.Running(); err != nil {
		t.Error(err)
	}
	h.fleet.Stop()
}

// wantHelp fails the test unless the order has ended and the checkout asks for help with
// its refund, again after somebody has let it try once more.
func (v *visit) wantHelp() {
	v.Helper()
	v.house.mu.Lock()
	v.house.helpless = append(v.house.helpless, v.order)
	v.house.mu.Unlock()
	v.house.await(v.T, "wait until the checkout asks for help", func() error { return v.helpless(1) })
	v.retry(checkout)
	v.house.await(v.T, "wait until the checkout asks for help again", func() error { return v.helpless(2) })
}

// helpless says what is not as it should be when the gateway has refused so many refunds
// of an order that was rejected.
func (v *visit) helpless(refusals int) error {
	s, err := v.shown()
	if err != nil {
		return err
	}
	ledger, err := v.house.readLedger()
	if err != nil {
		return err
	}
	taken, back := ledger.money(v.order)
	if s.Status != "rejected" || s.PaymentStatus != "paid" || taken != v.total || back != 0 {
		return fmt.Errorf("the order is %+v, and the gateway took %d and gave back %d", s, taken, back)
	}
	if refused := ledger.refunds[ledger.charges[v.order][0].Key]; len(refused) != refusals {
		return fmt.Errorf("the gateway was asked for %d refunds, want %d: %+v", len(refused), refusals, refused)
	}
	if err := v.agrees(ledger); err != nil {
		return err
	}
	open, err := v.house.open()
	if err == nil && !slices.ContainsFunc(open, func(p process) bool { return p.ID == v.order && p.Trouble != "" && len(p.Stuck) > 0 }) {
		err = fmt.Errorf("the checkout does not ask for help: %+v", open)
	}
	return err
}

// retry lets a process of the order try again, as an operator does.
func (v *visit) retry(job string) {
	v.Helper()
	v.house.await(v.T, "retry the "+job, func() error {
		r, err := http.NewRequestWithContext(v.Context(), http.MethodPost,
			v.house.fleet.All()[v.house.slots[job]].Admin()+"/admin/processes/"+v.order+"/retry", nil)
		if err != nil {
			return err
		}
		status, body, err := v.house.do(r)
		if err == nil && status != http.StatusAccepted {
			err = fmt.Errorf("it is answered %d: %s", status, body)
		}
		return err
	})
}
