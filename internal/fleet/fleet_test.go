package fleet_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/fleet"
)

// service says that it is ready as the binary does, logs its settings, and stops when
// it is asked to.
func service(name string) fleet.Run {
	return fleet.Run{Binary: "/bin/sh", Name: name, Settings: []string{"MILLRACE_LEASE=2s"}, Args: []string{"-c", `
		trap 'exit 0' TERM
		env | grep -e MILLRACE_LEASE -e MILLRACE_STORE>&2
		echo '  API      http://127.0.0.1:1/v1/orders'
		echo '  admin    http://127.0.0.1:2/readyz  http://127.0.0.1:2/metrics'
		while true; do sleep 0.05; done`}}
}

func TestAFleetIsStartedKilledAndStartedAgain(t *testing.T) {
	t.Setenv("MILLRACE_STORE", "not for the service")
	f := fleet.New(t)
	log := &fleet.Log{}
	run := service("first")
	run.Log = log
	f.Start(run, service("second"))
	f.AwaitReady()
	if got := f.API(1); got != "http://127.0.0.1:1" || f.All()[0].Admin() != "http://127.0.0.1:2" {
		t.Errorf("the addresses are %q and %q", got, f.All()[0].Admin())
	}
	first := f.All()[f.Named("first")[0]]
	first.Kill()
	if !first.Killed() || first.IsUp() || first.Err() == nil || f.Running() == nil {
		t.Errorf("killed: %t, up: %t, its end: %v, the fleet: %v", first.Killed(), first.IsUp(), first.Err(), f.Running())
	}
	f.Again(0).AwaitReady(t)
	if err := f.Running(); err != nil {
		t.Error(err)
	}
	f.Stop()
	if got, want := log.String(), "MILLRACE_LEASE=2s\nMILLRACE_LEASE=2s\n"; got != want {
		t.Errorf("the settings were %q, want %q", got, want)
	}
	if p := f.All()[0]; p.Killed() || p.Err() != nil {
		t.Errorf("a process that was asked to stop ended with %v", p.Err())
	}
}

func TestEventuallySaysWhatWasMissing(t *testing.T) {
	t.Parallel()
	missing, left := errors.New("two more"), 3
	if err := fleet.Eventually(time.Millisecond, func() error { return missing }); !errors.Is(err, missing) {
		t.Errorf("got %v, want %v", err, missing)
	}
	err := fleet.Eventually(fleet.Patience, func() error {
		if left--; left > 0 {
			return missing
		}
		return nil
	})
	if err != nil || left != 0 {
		t.Errorf("got %v with %d left", err, left)
	}
}

func TestEventuallyPausesBetweenLooks(t *testing.T) {
	t.Parallel()
	missing := errors.New("two more")
	for name, c := range map[string]struct {
		takes time.Duration // a look
		want  []time.Duration
	}{
		"quick": {0, []time.Duration{0, 20, 60, 140, 300, 500, 700, 900, 1000}},
		"slow":  {180, []time.Duration{0, 360, 720, 1000}}, // it ends in the middle of a pause
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var looks []time.Duration
				err := fleet.Eventually(time.Second, func() error {
					looks = append(looks, time.Since(began)/time.Millisecond)
					<-time.After(c.takes * time.Millisecond)
					return missing
				})
				if !errors.Is(err, missing) || !slices.Equal(looks, c.want) {
					t.Errorf("looked after %d ms and got %v, want looks after %d ms", looks, err, c.want)
				}
			})
		})
	}
}
