package faulttest

import (
	"time"

	"github.com/millrace/millrace/internal/fleet"
)

// patience is how long a process may take to be ready, or to stop.
const patience = fleet.Patience

// everythingElse is what happens without anybody waiting for it.
const everythingElse = "events,processes,payments,restaurant"

// leaseTime is how long a lease lasts that nobody extends.
const leaseTime = 2 * time.Second

// split is what processes the scenarios run: two of each role.
var split = []string{
	"api", "api", "commands", "commands",
	everythingElse, everythingElse, "relay", "relay",
}

// runs are processes with some roles each, which share a store, a broker and a payment
// gateway. Their orders wait for longer than anything is broken.
func (s *stage) runs(roles ...string) []fleet.Run {
	runs := make([]fleet.Run, len(roles))
	for i, r := range roles {
		runs[i] = fleet.Run{Binary: binary, Name: r, Settings: []string{
			"MILLRACE_STORE=" + s.store.Address, "MILLRACE_BROKER=" + s.broker.Address(), "MILLRACE_ROLES=" + r,
			"MILLRACE_LEASE=" + leaseTime.String(), "MILLRACE_RESEND_AFTER=3s",
			"MILLRACE_GATEWAY=simulator:" + s.ledger, "MILLRACE_SOLD_OUT=" + soldOut, "MILLRACE_PAYMENT_TIMEOUT=15m",
		}}
	}
	return runs
}
