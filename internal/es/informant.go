package es

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Informant answers the questions of other stores about its own. It tells of the
// records that were made here, and of no others: their store can be asked itself.
type Informant struct {
	ID    string // of the store
	Store Store
	Feed  Mirrors
	Reply func(ctx context.Context, to string, a Answer) error

	// Calm is for how long a question to everybody is not answered again. Those that
	// gathered while nobody was here to answer are all the same.
	Calm time.Duration

	mu   sync.Mutex
	told map[string]telling // by the store and the handler that asked
}

// telling is when a question was answered, and which.
type telling struct {
	after Position
	at    time.Time
}

const (
	// stretchStreams is about how many streams an answer names at most.
	stretchStreams = 1000

	// answerRecords and answerBytes bound the records in one answer, but for a single
	// one that is larger. Some brokers take no more than a megabyte.
	answerRecords = 500
	answerBytes   = 256 << 10
)

// Answer answers a question, if it is for this store. An error means that whoever
// asked has to ask again.
func (i *Informant) Answer(ctx context.Context, q Question) error {
	if q.From == i.ID || q.To != "" && q.To != i.ID {
		return nil
	}
	for _, l := range q.Looks {
		if err := i.look(ctx, q, l); err != nil {
			return err
		}
	}
	return i.tails(ctx, q)
}

// look tells what is in the feed. It says nothing where there is nothing new.
func (i *Informant) look(ctx context.Context, q Question, l Look) error {
	after := l.After[i.ID]
	if q.To == "" && i.isTold(q.From, l, after) {
		return nil
	}
	found, err := i.Feed.Stretch(ctx, l.Types, after, stretchStreams)
	if err != nil {
		return err
	}
	if found.Head == after {
		return nil
	}
	l.After = map[string]Position{i.ID: after}
	if err := i.Reply(ctx, q.From, Answer{From: i.ID, Look: &l, Stretch: found}); err != nil {
		return fmt.Errorf("tell %s what there is after %d: %w", q.From, after, err)
	}
	return nil
}

func (i *Informant) isTold(from string, l Look, after Position) bool {
	key, now := from+" "+l.Handler, time.Now()
	i.mu.Lock()
	defer i.mu.Unlock()
	last, known := i.told[key]
	if known && last.after == after && now.Sub(last.at) < i.Calm {
		return true
	}
	if i.told == nil {
		i.told = map[string]telling{}
	}
	i.told[key] = telling{after, now}
	return false
}

// tails hands out what was asked for, in as many answers as it takes.
func (i *Informant) tails(ctx context.Context, q Question) error {
	var (
		page []Record
		size int
	)
	tell := func(then *Look) error {
		if err := i.Reply(ctx, q.From, Answer{From: i.ID, Records: page, Then: then}); err != nil {
			return fmt.Errorf("tell %s of %d records: %w", q.From, len(page), err)
		}
		page, size = nil, 0
		return nil
	}
	for r, err := range i.Store.ReadTails(ctx, q.Tails) {
		if err != nil {
			return fmt.Errorf("read %d streams: %w", len(q.Tails), err)
		}
		if r.Metadata.Origin != "" {
			continue
		}
		if n := len(page); n > 0 && (n == answerRecords || size+len(r.Data) > answerBytes) {
			if err := tell(nil); err != nil {
				return err
			}
		}
		page, size = append(page, r), size+len(r.Data)
	}
	if len(page) == 0 {
		return nil // nor is there anything to ask next: it would be the same
	}
	return tell(q.Then)
}
