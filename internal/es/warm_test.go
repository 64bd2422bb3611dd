package es_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// warmDesk is a desk with a warm executor, which counts how often it is read.
func warmDesk(t *testing.T, size int) (*es.Executor[tally, added], *desk, *int) {
	d := &desk{}
	reads := 0
	d.append = func(a es.Append) error {
		if int(a.Expected) != len(d.records) {
			return fmt.Errorf("append: %w", es.ErrConflict)
		}
		d.records = append(d.records, a.Records...)
		return nil
	}
	d.finish = func(es.Outcome) error { return nil }
	x := newExecutor(t, d)
	c := x.ExecutorConfig
	c.Warm, c.Store = size, &countingStore{d, &reads}
	return es.NewExecutor[tally](c), d, &reads
}

func addOne(tally, time.Time) ([]added, error) { return []added{{1}}, nil }

func TestWarmExecutorReadsAStreamOnce(t *testing.T) {
	t.Parallel()
	x, d, reads := warmDesk(t, 10)
	for want := es.Version(1); want <= 5; want++ {
		o, err := x.Execute(t.Context(), add, addOne)
		if err != nil || o.Version != want {
			t.Fatalf("got %+v, %v, want version %d", o, err, want)
		}
	}
	if *reads != 1 || len(d.records) != 5 {
		t.Errorf("read %d times and appended %d records, want 1 and 5", *reads, len(d.records))
	}
}

func TestWarmExecutorReadsAgainWhenSomebodyElseWrote(t *testing.T) {
	t.Parallel()
	x, d, reads := warmDesk(t, 10)
	if _, err := x.Execute(t.Context(), add, addOne); err != nil {
		t.Fatal(err)
	}
	d.records = history(1, 40)
	o, err := x.Execute(t.Context(), add, func(n tally, _ time.Time) ([]added, error) { return []added{{int(n)}}, nil })
	if err != nil || o.Version != 3 || string(d.records[2].Data) != `{"n":41}` {
		t.Errorf("got %+v, %v, appended %s, want version 3 and 41", o, err, d.records[2].Data)
	}
	if *reads != 2 {
		t.Errorf("read %d times, want 2", *reads)
	}
}

func TestWarmExecutorSaysNoOnFreshStateOnly(t *testing.T) {
	t.Parallel()
	x, d, _ := warmDesk(t, 10)
	if _, err := x.Execute(t.Context(), add, addOne); err != nil {
		t.Fatal(err)
	}
	d.records = history(1, 40) // by somebody else
	o, err := x.Execute(t.Context(), add, func(n tally, _ time.Time) ([]added, error) {
		if n < 41 {
			return nil, tooMuch{}
		}
		return []added{{1}}, nil
	})
	if err != nil || o.Status != es.StatusSucceeded || o.Version != 3 {
		t.Errorf("got %+v, %v, want success at version 3", o, err)
	}
	meant := add
	meant.Expected = []es.Version{4}
	d.records = history(1, 40, 1, 5)
	if o, err := x.Execute(t.Context(), meant, addOne); err != nil || o.Status != es.StatusSucceeded {
		t.Errorf("a command for version 4 got %+v, %v, want success", o, err)
	}
}

func TestWarmExecutorForgetsWhatWasNotUsedOfLate(t *testing.T) {
	t.Parallel()
	x, _, reads := warmDesk(t, 4)
	to := func(target string) {
		c := add
		c.Target = target
		if _, err := x.Execute(t.Context(), c, func(tally, time.Time) ([]added, error) { return nil, nil }); err != nil {
			t.Fatal(err)
		}
	}
	for _, target := range []string{"1", "2", "1", "3", "1", "4", "1", "5", "1"} {
		to(target)
	}
	if *reads != 5 {
		t.Errorf("read %d times, want 5: what is used again and again stays", *reads)
	}
	if to("2"); *reads != 6 {
		t.Errorf("read %d times, want 6: 2 was not used of late", *reads)
	}
}

func TestExecutorReadsNothingForAnAggregateThatBegins(t *testing.T) {
	t.Parallel()
	x, d, reads := warmDesk(t, 10)
	c := x.ExecutorConfig
	c.Warm, c.Begins = 0, func(commandType string) bool { return commandType == "add" }
	x = es.NewExecutor[tally](c)
	if o, err := x.Execute(t.Context(), add, addOne); err != nil || o.Version != 1 || *reads != 0 {
		t.Errorf("got %+v, %v after %d reads, want version 1 and no read", o, err, *reads)
	}
	// It exists by now: the append says so, and the decision is made again.
	if o, err := x.Execute(t.Context(), add, addOne); err != nil || o.Version != 2 || *reads != 1 || len(d.records) != 2 {
		t.Errorf("got %+v, %v after %d reads, want version 2 and one read", o, err, *reads)
	}
}
