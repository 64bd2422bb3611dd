package faulttest

import "github.com/millrace/millrace/internal/fleet"

// patience is how long a process may take to be ready, or to stop.
const patience = fleet.Patience

// split is what processes the scenarios run: two of each role.
var split = []string{
	"api", "api", "commands", "commands",
	"events,processes,payments", "events,processes,payments", "relay", "relay",
}

// runs are processes with some roles each, which share a store and a broker.
func (s *stage) runs(roles ...string) []fleet.Run {
	runs := make([]fleet.Run, len(roles))
	for i, r := range roles {
		runs[i] = fleet.Run{Binary: binary, Name: r, Settings: []string{
			"MILLRACE_STORE=" + s.store.Address, "MILLRACE_BROKER=" + s.broker.Address(), "MILLRACE_ROLES=" + r,
			"MILLRACE_LEASE=2s", "MILLRACE_RESEND_AFTER=3s",
		}}
	}
	return runs
}
