package es_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/millrace/millrace/internal/es"
)

func TestGathererPutsWhatWaitsIntoOneBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var batches [][]string
		release := make(chan struct{})
		g := &es.Gatherer{Run: func(_ context.Context, ids []string) error {
			slices.Sort(ids)
			batches = append(batches, ids)
			<-release
			return nil
		}}
		var calls sync.WaitGroup
		do := func(id string) {
			calls.Go(func() {
				if err := g.Do(t.Context(), id); err != nil {
					t.Errorf("%s: %v", id, err)
				}
			})
		}
		do("a")
		synctest.Wait() // the first batch is at work
		for _, id := range []string{"b", "c", "b", "a", "c"} {
			do(id)
		}
		synctest.Wait()
		close(release)
		calls.Wait()
		want := [][]string{{"a"}, {"a", "b", "c"}}
		if !slices.EqualFunc(batches, want, slices.Equal) {
			t.Errorf("ran %v, want %v", batches, want)
		}
	})
}

func TestGathererFailsOnlyWhatFailsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		g := &es.Gatherer{Run: func(_ context.Context, ids []string) error {
			<-release
			if slices.Contains(ids, "bad") {
				return errBroken
			}
			if slices.Contains(ids, "worse") {
				panic(errBroken)
			}
			return nil
		}}
		errs := map[string]error{}
		var mu sync.Mutex
		var calls sync.WaitGroup
		for _, id := range []string{"first", "good", "bad", "worse", "fine"} {
			calls.Go(func() {
				err := g.Do(t.Context(), id)
				mu.Lock()
				defer mu.Unlock()
				errs[id] = err
			})
			synctest.Wait()
		}
		close(release)
		calls.Wait()
		for id, err := range errs {
			if want := id == "bad"; errors.Is(err, errBroken) != want || (err == nil) != (id != "bad" && id != "worse") {
				t.Errorf("%s got %v", id, err)
			}
		}
	})
}
