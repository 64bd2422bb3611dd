package main

import (
	"context"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// sending are the roles that send commands.
var sending = []string{"api", "processes", "payments", "restaurant", "relay"}

// participating are the roles that relay what they write themselves: there may be nobody
// else on their store.
var participating = []string{"processes", "payments", "restaurant"}

// does tells whether this process does what a role is for.
func (c *config) does(role string) bool {
	return c.has(role) || role == "relay" && slices.ContainsFunc(participating, c.has)
}

// mayMeetOthers tells whether the broker may lead to other stores. One inside of the
// process or of the store does not.
func (c *config) mayMeetOthers() bool { return c.Broker != "memory:" && c.Broker != inStore }

// letterTimeout is how long the broker may take to take a question or an answer.
const letterTimeout = 5 * time.Second

// makeImporter makes what brings events of other stores into this one.
func (a *assembly) makeImporter() {
	a.imported = &es.Notices[es.Version]{}
	a.importer = es.NewImporter(es.ImporterConfig{
		Store: a.store, News: a.imported, Imported: a.wakeRelay, Patience: 5 * time.Second, Log: a.log,
		Ask: func(ctx context.Context, store string, tails []es.Tail) error {
			return a.ask(ctx, es.Question{From: a.id, To: store, Tails: tails})
		},
	})
	a.mirror = &es.Mirror{ID: a.id, Store: a.store, Importer: a.importer, Ask: a.ask, Every: compareEvery, Log: a.log}
}

func (a *assembly) wakeRelay() {
	select {
	case a.appended <- struct{}{}:
	default: // the relay has been told
	}
}

func (a *assembly) ask(ctx context.Context, q es.Question) error {
	ctx, cancel := context.WithTimeout(ctx, letterTimeout)
	defer cancel()
	return a.bus.Ask(ctx, q)
}

// addLetters lets this process talk with those of other stores, as far as its roles
// want something of them or have something to tell.
func (a *assembly) addLetters() {
	if !a.config.mayMeetOthers() {
		return
	}
	if slices.ContainsFunc(sending, a.config.has) {
		a.router.HandleOutcomes(a.config.Concurrency, a.hearOutcome)
	}
	if a.config.does("relay") {
		informant := &es.Informant{ID: a.id, Store: a.store, Feed: a.store, Reply: a.bus.Answer, Calm: time.Second}
		a.router.HandleQuestions(a.config.Concurrency, informant.Answer)
	}
	if len(a.mirror.Wishes) > 0 {
		a.router.HandleAnswers(a.config.Concurrency, a.mirror.Hear)
		lookout := &es.Lookout[es.Version]{News: a.imported, Ask: a.versions, Every: faraway, Log: a.log}
		a.handlers = append(a.handlers, a.afterStart(a.mirror.Run), lookout.Run)
	}
}

// hearOutcome takes in what became of a command in another store. Whoever waits is told
// what is true by now, even if an outcome comes that is older.
func (a *assembly) hearOutcome(ctx context.Context, o es.Outcome) error {
	o, err := a.store.Learn(ctx, o)
	if err == nil {
		a.outcomes.Post(o.CommandID, o)
	}
	return err
}

// versions tells how far streams go in the store, by their names.
func (a *assembly) versions(ctx context.Context, names []string) (map[string]es.Version, error) {
	streams := make([]es.Stream, len(names))
	for i, name := range names {
		streams[i] = es.Stream(name)
	}
	found, err := a.store.Versions(ctx, streams)
	versions := make(map[string]es.Version, len(found))
	for stream, v := range found {
		versions[string(stream)] = v
	}
	return versions, err
}

// want has events for a handler brought here from other stores.
func (a *assembly) want(handler string, types []string) {
	if a.config.mayMeetOthers() {
		wish := es.Wish{Handler: handler, Types: types, Leader: a.leader("mirror " + handler)}
		a.mirror.Wishes = append(a.mirror.Wishes, wish)
	}
}
