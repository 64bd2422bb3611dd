package main

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/millrace/millrace/adapters/broker"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/messages"
)

// A command may have been carried out although its handler could not tell: then
// its sender is not to hear that it failed.
func TestUndertakerTellsWhatReallyBecameOfACommand(t *testing.T) {
	t.Parallel()
	for _, decided := range []bool{true, false} {
		store, _, err := openStore(t.Context(), config{Store: "sqlite:" + filepath.Join(t.TempDir(), "store.db")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() }) // the test has said what there is to say
		c := es.Envelope{ID: "c-1", Type: "order.create", Target: "o-1", AcceptedAt: time.Now(), Payload: []byte(`{}`)}
		if _, _, err := store.Accept(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		want := es.StatusFailed
		if decided {
			want = es.StatusSucceeded
			o := es.Outcome{CommandID: c.ID, CommandType: c.Type, Target: c.Target, Status: want, Version: 1}
			if err := store.Finish(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
		outcomes := &es.Notices[es.Outcome]{}
		news, stop := outcomes.Watch(c.ID)
		defer stop()
		letter := messages.Letter{Handler: "h", Topic: "t", Message: message.NewMessage(c.ID, message.Payload(c.Payload)), Command: &c, Err: errors.New("broken"), Attempts: 9}
		if err := (undertaker{store, broker.NewMemory(broker.Config{}), nil, outcomes, slog.New(slog.DiscardHandler)}).bury(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
		if o := <-news; o.Status != want {
			t.Errorf("told %s, want %s", o.Status, want)
		}
		if o, err := store.Outcome(t.Context(), c.ID); err != nil || o.Status != want {
			t.Errorf("the journal says %s, %v, want %s", o.Status, err, want)
		}
		if letters, err := store.DeadLetters(t.Context(), 10); err != nil || len(letters) != 1 || letters[0].Attempts != 9 {
			t.Errorf("kept %v, %v, want the letter", letters, err)
		}
	}
}

// Whoever sent a command from another store waits there.
func TestUndertakerTellsTheStoreThatSentACommand(t *testing.T) {
	t.Parallel()
	store, _, err := openStore(t.Context(), config{Store: "sqlite:" + filepath.Join(t.TempDir(), "store.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // the test has said what there is to say
	memory := broker.NewMemory(broker.Config{})
	t.Cleanup(func() { _ = memory.Close() })
	topic := messages.OutcomesTopic("another")
	told, err := memory.Queue(broker.QueueConfig{Group: topic}).Subscribe(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	bus, err := messages.NewBus(messages.BusConfig{Store: "this one", Commands: memory, Events: memory, Log: watermill.NopLogger{}})
	if err != nil {
		t.Fatal(err)
	}
	c := es.Envelope{ID: "c-1", Type: "order.create", Target: "o-1", Origin: "another"}
	letter := messages.Letter{Handler: "h", Topic: "t", Message: message.NewMessage(c.ID, nil), Command: &c, Err: errors.New("broken"), Attempts: 9}
	if err := (undertaker{store, memory, bus, &es.Notices[es.Outcome]{}, slog.New(slog.DiscardHandler)}).bury(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-told:
		if payload := string(m.Payload); !strings.Contains(payload, `"command_id":"c-1"`) || !strings.Contains(payload, `"status":"failed"`) {
			t.Errorf("told %s, want that c-1 has failed", payload)
		}
	case <-time.After(patience):
		t.Error("nobody was told")
	}
}
