package messages

import (
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// The id of a letter is stored, and is that of the message which shows it.
func TestLetterHasOneIDPerHandlerAndMessage(t *testing.T) {
	t.Parallel()
	id := func(handler, uuid string) string {
		return Letter{Handler: handler, Message: message.NewMessage(uuid, nil)}.ID()
	}
	const want = "cd7c578a-4608-5076-b55b-8b10849d4ad2"
	if got := id("millrace.events.order-views", "e-1"); got != want {
		t.Errorf("the id is %s, want %s as ever", got, want)
	}
	for _, other := range []string{id("millrace.events.checkout", "e-1"), id("millrace.events.order-views", "e-2")} {
		if other == want {
			t.Errorf("another letter has the id %s, too", want)
		}
	}
	of := Letter{Handler: "h", Topic: "t", Message: message.NewMessage("m", []byte("1")), Err: errBroken, Attempts: 1}
	again := Letter{Handler: "h", Topic: "t", Message: message.NewMessage("m", []byte("1")), Err: errors.New("other"), Attempts: 9}
	if of.ID() != again.ID() {
		t.Errorf("a message that was given up twice has the ids %s and %s, want one", of.ID(), again.ID())
	}
}

func TestDeadLettersAreShownByHandler(t *testing.T) {
	t.Parallel()
	for handler, want := range map[string]string{
		"millrace.events.order-views":      "millrace.dead-letters.order-views",
		"millrace.commands.order.create":   "millrace.dead-letters.order.create",
		"millrace.events":                  "millrace.dead-letters.millrace.events",
		"millrace.eventsourcing":           "millrace.dead-letters.millrace.eventsourcing",
		"mine":                             "millrace.dead-letters.mine",
		"millrace.events.millrace.events.": "millrace.dead-letters.millrace.events.",
	} {
		if got := DeadLettersTopic(handler); got != want {
			t.Errorf("the dead letters of %s are shown in %s, want %s", handler, got, want)
		}
	}
}

func TestLetterIsShownWithItsMessageAndWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	original := event(t, "e-1", "o-1")
	l := Letter{Handler: "millrace.events.views", Topic: EventsTopic, Message: original, Err: errBroken, Attempts: 9}
	kept := maps.Clone(original.Metadata)
	shown := l.Shown(time.Date(2025, 3, 1, 13, 0, 0, 0, time.FixedZone("", 3600)))
	if shown.UUID != l.ID() || string(shown.Payload) != string(original.Payload) {
		t.Errorf("shown as %s with %s, want %s with %s", shown.UUID, shown.Payload, l.ID(), original.Payload)
	}
	want := maps.Clone(kept)
	maps.Copy(want, message.Metadata{
		"dead_letter_handler":  "millrace.events.views",
		"dead_letter_error":    "broken",
		"dead_letter_attempts": "9",
		"dead_letter_at":       "2025-03-01T12:00:00Z",
	})
	if !maps.Equal(shown.Metadata, want) {
		t.Errorf("shown with %v, want %v", shown.Metadata, want)
	}
	if !maps.Equal(original.Metadata, kept) {
		t.Errorf("the message itself now has %v, want %v", original.Metadata, kept)
	}
}
