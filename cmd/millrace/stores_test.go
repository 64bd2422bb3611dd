package main

import (
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/internal/es"
)

// What failed in another store may be carried out there later, and the message that it
// failed may be held up on its way until then.
func TestWhoWaitsHearsWhatBecameOfACommandInTheEnd(t *testing.T) {
	t.Parallel()
	store, _, err := openStore(t.Context(), config{Store: "sqlite:" + filepath.Join(t.TempDir(), "store.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // the test has said what there is to say
	a := &assembly{millrace: &millrace{store: store}, outcomes: &es.Notices[es.Outcome]{}}
	news, stop := a.outcomes.Watch("c-1")
	defer stop()
	for i, test := range []struct{ told, want es.Status }{
		{es.StatusFailed, es.StatusFailed},
		{es.StatusSucceeded, es.StatusSucceeded},
		{es.StatusFailed, es.StatusSucceeded},
		{es.StatusRejected, es.StatusSucceeded},
	} {
		if err := a.hearOutcome(t.Context(), es.Outcome{CommandID: "c-1", CommandType: "order.create", Target: "o-1", Status: test.told}); err != nil {
			t.Fatal(err)
		}
		if o := <-news; o.Status != test.want {
			t.Errorf("told %s as message %d, whoever waits hears %s, want %s", test.told, i+1, o.Status, test.want)
		}
		if o, err := store.Outcome(t.Context(), "c-1"); err != nil || o.Status != test.want {
			t.Errorf("told %s as message %d, the journal says %s, %v, want %s", test.told, i+1, o.Status, err, test.want)
		}
	}
}
