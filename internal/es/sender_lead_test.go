package es_test

import (
	"context"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/es"
)

func TestSenderSendsAgainWhileItLeads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		o := &office{opened: began}
		log, said := logged()
		sent := map[string][]time.Duration{}
		var mu sync.Mutex
		run := func(who string) (stop func()) {
			s := &es.Sender{
				Journal: &book{open: []es.Envelope{{ID: "a", AcceptedAt: began.Add(-time.Hour)}}},
				Log:     log, Now: time.Now, Patience: time.Minute, Leader: o.leader(who),
				Publish: func(context.Context, es.Envelope) error {
					mu.Lock()
					defer mu.Unlock()
					sent[who] = append(sent[who], time.Since(began))
					return nil
				},
			}
			return start(t, s.Run)
		}
		stopFirst := run("first")
		synctest.Wait()
		time.Sleep(time.Second)
		stopSecond := run("second") // which looks at 1, 31 and 61 seconds
		time.Sleep(40 * time.Second)
		stopFirst()
		time.Sleep(30 * time.Second)
		stopSecond()
		mu.Lock()
		defer mu.Unlock()
		want := map[string][]time.Duration{"first": {0, 30 * time.Second}, "second": {61 * time.Second}}
		if !reflect.DeepEqual(sent, want) || said.Len() > 0 {
			t.Errorf("sent at %v and logged %q, want %v and nothing", sent, said, want)
		}
		o.wantDiary(t, "0 first for 30s", "1 second for 30s", "30 first for 30s", "31 second for 30s",
			"41 first for 0s", "61 second for 30s", "71 second for 0s")
	})
}
