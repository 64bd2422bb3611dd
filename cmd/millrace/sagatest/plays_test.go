package sagatest

import (
	"fmt"

	"github.com/millrace/millrace/internal/fleet"
)

// What stands in the words of a trap for what is known only when it is set.
const (
	theOrder   = "ORDER"
	thePayment = "PAYMENT"
)

// killed goes a way on which the process that does a job dies at a crash point, and is
// started again at once.
func killed(w way, job, point string, words ...string) func(*visit) {
	return func(v *visit) {
		v.begin(w)
		done := v.setTrap(job, point, words, func() {})
		w.walk(v)
		<-done
	}
}

// canceledDuring goes a way until the one who does a step dies before it is done. Then
// the customer cancels: while it is dead, if that leaves somebody to ask.
func canceledDuring(s step) func(*visit) {
	return func(v *visit) {
		v.begin(s.way)
		point, words := "append.before", []string{" " + s.command + " ", theOrder}
		if s.calls == "charge" {
			point, words = "gateway.after", []string{s.calls, theOrder}
		}
		meanwhile, afterwards := func() { v.cancel() }, func() {}
		if s.doer == orders || !v.house.apart() {
			meanwhile, afterwards = afterwards, meanwhile
		}
		done := v.setTrap(s.doer, point, words, meanwhile)
		s.way.alone(v)
		<-done
		afterwards()
	}
}

// away goes a way until the one who does a step dies before it is done, and stays dead
// until the order shows that others have stopped waiting.
func away(job, command string, w way, given func(shown) bool) func(*visit) {
	return func(v *visit) {
		v.begin(w)
		done := v.setTrap(job, "append.before", []string{" " + command + " ", theOrder}, func() {
			err := fleet.Eventually(patience, func() error {
				s, err := v.shown()
				if err == nil && !given(s) {
					err = fmt.Errorf("the order is %s, its payment %s", s.Status, s.PaymentStatus)
				}
				return err
			})
			if err != nil {
				v.Error(err)
			}
		})
		v.submit("tok_ok")
		<-done
		if w.end == "canceled" {
			v.cancel()
		}
	}
}

// twice goes a way on which the command and the event of a step come twice. A broker
// that others can reach says both again. One that is within the process makes the relay
// publish the event again, which died when it had.
func twice(s step) func(*visit) {
	return func(v *visit) {
		if !v.house.apart() {
			killed(s.way, s.doer, "relay.publish.after", " "+s.event+" ", theOrder)(v)
			return
		}
		v.begin(s.way)
		counts := v.house.echo.twice(v.order, s.command, s.event)
		s.way.walk(v)
		v.house.await(v.T, "wait for the echo", func() error {
			if n := counts(); n[s.command] == 0 || n[s.event] == 0 {
				return fmt.Errorf("the echo has said %v, want %s and %s", n, s.command, s.event)
			}
			return nil
		})
	}
}

// begin creates the order of a way.
func (v *visit) begin(w way) {
	v.Helper()
	v.create(w.product)
	if w.prepare != nil {
		w.prepare(v)
	}
}

// setTrap has a process die that does a job, and starts it again when what is to be done
// meanwhile is done.
func (v *visit) setTrap(job, point string, words []string, meanwhile func()) (done <-chan struct{}) {
	v.Helper()
	known := make([]string, len(words))
	for i, word := range words {
		switch word {
		case theOrder:
			word = v.order
		case thePayment:
			word = v.payment()
		}
		known[i] = word
	}
	t, err := v.house.arm(job, point, known...)
	if err != nil {
		v.Fatal(err)
	}
	v.trap = t
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer t.release()
		if err := t.spring(); err != nil {
			v.Error(err)
			return
		}
		meanwhile()
	}()
	return over
}

// payment returns the id of the order's payment.
func (v *visit) payment() (id string) {
	v.Helper()
	v.house.await(v.T, "wait for the payment of order "+v.order, func() error {
		list, err := all[payment](v.house, v.house.api()+"/orders/"+v.order+"/payments")
		if err == nil && len(list) != 1 {
			err = fmt.Errorf("there are %d payments", len(list))
		}
		if err == nil {
			id = list[0].ID
		}
		return err
	})
	return id
}

// payTooSlowly submits the order and pays it in a way that takes longer than the order
// waits. Payments are not to die meanwhile, since they would find the charge, which is
// made at once, when they are back.
func (v *visit) payTooSlowly() {
	v.Helper()
	defer v.undisturbed(payments)()
	v.submit("tok_slow")
	// When everything dies before it is written down that the time is up, the checkout
	// may hear of the charge before it looks at the time again.
	either := !v.house.apart() && v.trap != nil && v.trap.point == "process.before"
	v.until(func(s shown) bool {
		return s.PaymentStatus == "failed" || either && s.PaymentStatus == "paid"
	}, "waits no more for its payment")
}

// payInTime pays the order where the gateway has little time, again if that was too
// little.
func (v *visit) payInTime() {
	v.Helper()
	for last := ""; last != "order.paid"; {
		v.pay("tok_ok")
		v.house.await(v.T, "wait for the payment of order "+v.order, func() (err error) {
			last, err = v.lastOf("order.payment_requested", "order.paid", "order.payment_failed")
			if err == nil && last == "order.payment_requested" {
				err = fmt.Errorf("it is under way")
			}
			return err
		})
	}
}

// acceptTicket says that the restaurant makes the order, once it is asked.
func (v *visit) acceptTicket() {
	v.Helper()
	v.untilTicket("open")
	v.wantDone("accept", v.answerTicket("accept"))
}
