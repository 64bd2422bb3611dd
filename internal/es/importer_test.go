package es_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// customs is an importer between two depots, and what it has asked.
type customs struct {
	*testing.T
	here, there *depot
	importer    *es.Importer
	log         fmt.Stringer
	refuse      error         // what asking returns
	slow        time.Duration // how long asking takes

	mu    sync.Mutex
	asked [][]es.Tail
	woken int
}

// openCustoms returns an importer that waits for 5 seconds. The store there has streams
// of three events each.
func openCustoms(t *testing.T, streams ...es.Stream) *customs {
	t.Helper()
	c := &customs{T: t, here: newDepot("here"), there: newDepot("there")}
	for _, s := range streams {
		c.there.add(s, "added", 3)
	}
	log, written := logged()
	c.log = written
	c.importer = es.NewImporter(es.ImporterConfig{
		Store: c.here, News: &es.Notices[es.Version]{}, Imported: c.wake, Patience: 5 * time.Second, Log: log,
		Ask: func(_ context.Context, store string, tails []es.Tail) error {
			time.Sleep(c.slow) // of the bubble's time
			c.mu.Lock()
			defer c.mu.Unlock()
			if store != "there" {
				t.Errorf("asked %q, want there", store)
			}
			c.asked = append(c.asked, tails)
			return c.refuse
		},
	})
	return c
}

func (c *customs) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.woken++
}

// event returns an event of the store there, as a message brings it.
func (c *customs) event(stream es.Stream, v es.Version) es.Record {
	r := c.there.streams[stream][v-1]
	r.Metadata.Origin = "there"
	return r
}

// answer answers with the first events of a stream.
func (c *customs) answer(stream es.Stream, n int) error {
	return c.importer.Take(c.Context(), "there", slices.Clone(c.there.streams[stream][:n]))
}

// want imports an event and wants it to be here then, or not, after a time.
func (c *customs) want(stream es.Stream, v es.Version, here bool, after time.Duration) {
	c.Helper()
	began := time.Now()
	got, err := c.importer.Import(c.Context(), c.event(stream, v))
	if took := time.Since(began); err != nil || got != here || took != after {
		c.Errorf("importing version %d of %s says %t, %v after %v, want %t after %v", v, stream, got, err, took, here, after)
	}
}

func (c *customs) wantAsked(want ...[]es.Tail) {
	c.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !reflect.DeepEqual(c.asked, want) {
		c.Errorf("asked for %v, want %v", c.asked, want)
	}
}

func TestImporterAsksNobodyForWhatGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := openCustoms(t, "tally-1")
		for v := es.Version(1); v <= 3; v++ {
			c.want("tally-1", v, true, 0)
		}
		c.wantAsked()
		if c.here.has("tally-1") != 3 || c.woken != 3 {
			t.Errorf("version %d is here, and the relay was woken %d times, want 3 and 3", c.here.has("tally-1"), c.woken)
		}
		if got := c.here.feed[1].Metadata.Origin; got != "there" {
			t.Errorf("an imported event is from %q", got)
		}
	})
}

func TestImporterKnowsWhatItHasImported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := openCustoms(t, "tally-1")
		for range 4 { // for as many handlers
			c.want("tally-1", 1, true, 0)
		}
		if c.here.imports != 1 {
			t.Errorf("the store was asked to import %d times, want once", c.here.imports)
		}
	})
}

func TestImporterWaitsForWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(*customs) error{
		"and an answer brings it all":      func(c *customs) error { return c.answer("tally-1", 3) },
		"and an answer brings the rest":    func(c *customs) error { return c.answer("tally-1", 2) },
		"and another process has taken it": func(c *customs) error { return c.byAnotherProcess() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := openCustoms(t, "tally-1")
				answered := make(chan error, 1)
				go func() {
					time.Sleep(time.Second)
					answered <- answer(c)
				}()
				c.want("tally-1", 3, true, time.Second)
				if err := <-answered; err != nil {
					t.Error(err)
				}
				c.wantAsked([]es.Tail{{Stream: "tally-1", After: 0}})
			})
		})
	}
}

// byAnotherProcess has somebody else import, of which a look into the store tells.
func (c *customs) byAnotherProcess() error {
	_, err := c.here.Import(c.Context(), []es.Record{c.event("tally-1", 1), c.event("tally-1", 2), c.event("tally-1", 3)})
	c.importer.News.Post("tally-1", 3)
	return err
}

// Whoever does not answer holds up nobody for long, and others not at all.
func TestImporterDoesNotWaitForAStoreThatKeepsSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := openCustoms(t, "tally-1", "tally-2", "tally-3")
		c.want("tally-1", 3, false, 5*time.Second)
		c.want("tally-2", 3, false, 0)
		c.want("tally-2", 1, true, 0)
		if err := c.answer("tally-1", 3); err != nil {
			t.Fatal(err)
		}
		c.want("tally-3", 3, false, 5*time.Second)
		time.Sleep(5 * time.Second)
		c.want("tally-3", 2, false, 5*time.Second)
	})
}

func TestImporterGoesOnWithoutABrokerOrAContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := openCustoms(t, "tally-1")
		c.refuse = errBroken
		c.want("tally-1", 3, false, 0)
		if !strings.Contains(c.log.String(), "broken") {
			t.Errorf("the log says %q, want it to tell", c.log)
		}
		c.refuse = nil
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if here, err := c.importer.Import(ctx, c.event("tally-1", 3)); here || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("importing says %t, %v, want the context's error", here, err)
		}
		c.here.broken = errBroken
		if here, err := c.importer.Import(t.Context(), c.event("tally-1", 3)); here || !errors.Is(err, errBroken) {
			t.Errorf("importing says %t, %v, want the store's error", here, err)
		}
	})
}

func TestImporterAsksForManyStreamsInOneQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var streams []es.Stream
		for i := range 40 {
			streams = append(streams, es.StreamOf("tally", fmt.Sprint(i)))
		}
		c := openCustoms(t, streams...)
		c.slow = time.Second
		var all sync.WaitGroup
		for _, s := range streams {
			all.Go(func() { c.want(s, 2, true, 3*time.Second) })
		}
		time.Sleep(3 * time.Second)
		for _, s := range streams {
			if err := c.answer(s, 3); err != nil {
				t.Error(err)
			}
		}
		all.Wait()
		if n := len(c.asked); n > 2 {
			t.Errorf("asked %d questions, want 2: the first, and one for those that gathered meanwhile", n)
		}
		if all := slices.Concat(c.asked...); len(all) != len(streams) {
			t.Errorf("asked for %d streams, want %d", len(all), len(streams))
		}
	})
}

func TestImporterLeavesAloneWhatTwoStoresHaveWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := openCustoms(t, "tally-1", "tally-2")
		c.here.add("tally-1", "added", 1)
		if here, err := c.importer.Import(t.Context(), c.event("tally-1", 2)); here || !errors.Is(err, es.ErrForked) {
			t.Errorf("importing says %t, %v, want %v", here, err, es.ErrForked)
		}
		both := slices.Concat(c.there.streams["tally-1"], c.there.streams["tally-2"])
		if err := c.importer.Take(t.Context(), "there", both); err != nil {
			t.Error(err)
		}
		if c.here.has("tally-1") != 1 || c.here.has("tally-2") != 3 {
			t.Errorf("versions %d and %d are here, want 1 and 3", c.here.has("tally-1"), c.here.has("tally-2"))
		}
		if !strings.Contains(c.log.String(), "tally-1") {
			t.Errorf("the log says %q, want it to name the stream", c.log)
		}
		missing, err := c.importer.Missing(t.Context(), map[es.Stream]es.Version{"tally-1": 3, "tally-2": 3, "tally-3": 1})
		if want := []es.Tail{{Stream: "tally-3"}}; err != nil || !reflect.DeepEqual(missing, want) {
			t.Errorf("what is missing is %v, %v, want %v", missing, err, want)
		}
	})
}
