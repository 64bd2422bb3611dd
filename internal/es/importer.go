package es

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// ImporterConfig is what an Importer needs.
type ImporterConfig struct {
	Store Imports

	// Ask asks a store for what comes after some versions. The answer goes to Take,
	// in this process or in another one that shares the store.
	Ask func(ctx context.Context, store string, tails []Tail) error

	// News is told how far streams go, by their names: by the importer, and by whoever
	// looks what other processes have imported.
	News *Notices[Version]

	Imported func()        // is called when something may have been added to the outbox
	Patience time.Duration // how long to wait for what is missing
	Log      *slog.Logger
}

// Importer brings what happened in other stores into this one, so that handlers find
// it where they look. It is safe for concurrent use.
type Importer struct {
	ImporterConfig
	known warm[Version] // how far streams go at least

	mu     sync.Mutex
	asking map[string]*Gatherer // by store; of streams
	silent map[string]time.Time // until when not to wait for a store that did not answer
	forked map[Stream]bool
}

// importerMemory is how many streams an importer remembers, about.
const importerMemory = 20_000

// NewImporter returns an importer that has asked nobody yet.
func NewImporter(c ImporterConfig) *Importer {
	return &Importer{
		ImporterConfig: c, known: warm[Version]{half: importerMemory / 2},
		asking: map[string]*Gatherer{}, silent: map[string]time.Time{}, forked: map[Stream]bool{},
	}
}

// Import takes over a record of another store. If there are some before it that are
// not here, it asks that store for them and waits, but not for long: it returns false
// if the record is not here then. The mirror brings it one day.
func (m *Importer) Import(ctx context.Context, r Record) (bool, error) {
	if v, ok := m.known.get(r.Stream); ok && v >= r.Version {
		return true, nil
	}
	news, stop := m.News.Watch(string(r.Stream))
	defer stop()
	if v, err := m.add(ctx, r); err != nil || v >= r.Version {
		return err == nil, err
	}
	store := r.Metadata.Origin
	if m.isSilent(store) {
		return false, nil
	}
	if err := m.gatherer(store).Do(ctx, string(r.Stream)); err != nil {
		m.Log.WarnContext(ctx, "ask another store, which is asked again", "store", store, "err", err)
		return false, nil
	}
	enough := time.NewTimer(m.Patience)
	defer enough.Stop()
	for {
		select {
		case v := <-news:
			if v == r.Version-1 {
				var err error
				if v, err = m.add(ctx, r); err != nil {
					return false, err
				}
			}
			if v >= r.Version {
				return true, nil
			}
		case <-enough.C:
			m.keepsSilent(store)
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// add imports a record and returns how far its stream goes then.
func (m *Importer) add(ctx context.Context, r Record) (Version, error) {
	reached, err := m.Store.Import(ctx, []Record{r})
	if err != nil {
		return 0, err
	}
	m.tell(reached)
	return reached[r.Stream], nil
}

// tell tells whoever waits how far streams go now.
func (m *Importer) tell(reached map[Stream]Version) {
	for stream, v := range reached {
		if v > 0 {
			m.known.keep(stream, v)
		}
		m.News.Post(string(stream), v)
	}
	m.Imported()
}

// Take takes over records that a store has answered with.
func (m *Importer) Take(ctx context.Context, store string, records []Record) error {
	m.mu.Lock()
	delete(m.silent, store)
	m.mu.Unlock()
	streams := map[Stream][]Record{}
	for i := range records {
		records[i].Metadata.Origin = store
		streams[records[i].Stream] = append(streams[records[i].Stream], records[i])
	}
	reached, err := m.Store.Import(ctx, records)
	if errors.Is(err, ErrForked) {
		reached, err = m.takeEach(ctx, store, streams)
	}
	if err != nil {
		return fmt.Errorf("import %d records of %s: %w", len(records), store, err)
	}
	m.tell(reached)
	return nil
}

// takeEach takes over each stream by itself, and leaves out those that cannot be.
func (m *Importer) takeEach(ctx context.Context, store string, streams map[Stream][]Record) (map[Stream]Version, error) {
	all := map[Stream]Version{}
	for stream, records := range streams {
		reached, err := m.Store.Import(ctx, records)
		if errors.Is(err, ErrForked) {
			m.Log.ErrorContext(ctx, "leave a stream alone that was written by two stores", "stream", stream, "other", store)
			m.mu.Lock()
			m.forked[stream] = true
			m.mu.Unlock()
			continue
		}
		if err != nil {
			return nil, err
		}
		all[stream] = reached[stream]
	}
	return all, nil
}

// Missing returns the ends of streams that are not here, of those that go on at least
// so far elsewhere.
func (m *Importer) Missing(ctx context.Context, streams map[Stream]Version) ([]Tail, error) {
	var unknown []Stream
	for stream, v := range streams {
		if here, _ := m.known.get(stream); here < v && !m.isForked(stream) {
			unknown = append(unknown, stream)
		}
	}
	if len(unknown) == 0 {
		return nil, nil
	}
	versions, err := m.Store.Versions(ctx, unknown)
	if err != nil {
		return nil, err
	}
	var missing []Tail
	for _, stream := range unknown {
		if here := versions[stream]; here < streams[stream] {
			missing = append(missing, Tail{stream, here})
		}
	}
	return missing, nil
}

// gatherer asks a store for the ends of streams. Those that are asked for while a
// question is on its way share the next one.
func (m *Importer) gatherer(store string) *Gatherer {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asking[store] == nil {
		m.asking[store] = &Gatherer{Run: func(ctx context.Context, ids []string) error {
			streams := make([]Stream, len(ids))
			for i, id := range ids {
				streams[i] = Stream(id)
			}
			versions, err := m.Store.Versions(ctx, streams)
			if err != nil {
				return err
			}
			tails := make([]Tail, len(ids))
			for i, stream := range streams {
				tails[i] = Tail{stream, versions[stream]}
			}
			return m.Ask(ctx, store, tails)
		}}
	}
	return m.asking[store]
}

func (m *Importer) isForked(s Stream) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.forked[s]
}

func (m *Importer) isSilent(store string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Before(m.silent[store])
}

// keepsSilent remembers that a store has not answered, so that others who want
// something of it do not wait as long as that, too.
func (m *Importer) keepsSilent(store string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.silent[store] = time.Now().Add(m.Patience)
}
