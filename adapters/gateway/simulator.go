// Package gateway takes money. There is a simulator so far, which takes none.
package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/order"
)

// The payment methods that the simulator knows. Every other one is declined.
const (
	TokenOK       = "tok_ok"       // is charged
	TokenDeclined = "tok_declined" // is declined
	TokenSlow     = "tok_slow"     // is charged after SlowAnswer
	TokenError    = "tok_error"    // fails the first time, and is charged when asked again
)

// errBroken is what tok_error runs into.
var errBroken = errors.New("the gateway gave no answer")

// Simulator is a process.Till that decides by the payment method. The zero
// Simulator is ready for use.
type Simulator struct {
	SlowAnswer time.Duration // how long tok_slow takes

	mu     sync.Mutex
	failed map[string]bool // the payments that have had their error
}

// Charge implements process.Till.
func (s *Simulator) Charge(ctx context.Context, payment, method string, _ order.Money) error {
	switch method {
	case TokenOK:
		return nil
	case TokenDeclined:
		return process.Refused{Reason: "card_declined"}
	case TokenSlow:
		select {
		case <-time.After(s.SlowAnswer):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	case TokenError:
		return s.failOnce(payment)
	}
	return process.Refused{Reason: "unknown_payment_method"}
}

// Refund implements process.Till.
func (s *Simulator) Refund(context.Context, string, order.Money) error { return nil }

func (s *Simulator) failOnce(payment string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed[payment] {
		return nil
	}
	if s.failed == nil {
		s.failed = map[string]bool{}
	}
	s.failed[payment] = true
	return errBroken
}
