package es

import "context"

// Imports takes records over from other stores, in which they were made.
type Imports interface {
	// Import adds records with an Origin to their streams and to the outbox, as they
	// are. Those that are there already are passed over, and so are those that come
	// after a gap. It returns how far each of the streams goes then. The error is
	// ErrForked if what is there was made in another store than the records, or
	// holds another record of a version.
	Import(context.Context, []Record) (map[Stream]Version, error)

	// Versions returns how far streams go. Those without records are left out.
	Versions(context.Context, []Stream) (map[Stream]Version, error)
}

// Hearsay takes in what other stores tell of commands that were sent to them.
type Hearsay interface {
	// Learn gives a command the outcome that another store tells, and returns the one
	// that the command has then. What failed there may be carried out later, so that
	// any other outcome takes the place of StatusFailed. All others are final: what
	// comes after them, such as an old failure that was held up, changes nothing.
	Learn(context.Context, Outcome) (Outcome, error)
}

// Stretch is what a part of a feed holds.
type Stretch struct {
	UpTo    Position           `json:"up_to"`             // where it ends
	Head    Position           `json:"head"`              // where the feed ends
	Streams map[Stream]Version `json:"streams,omitempty"` // those that go on in it, at least so far
}

// Mirrors knows how much of the feeds of other stores has been taken over, and what
// they may take over of this one.
type Mirrors interface {
	// Mirrored returns the positions, by store, up to which everything that a handler
	// wants was taken over. Stores of which nothing was are left out.
	Mirrored(ctx context.Context, handler string) (map[string]Position, error)

	// MoveMirror moves such a position. It returns ErrConflict unless it was at from.
	MoveMirror(ctx context.Context, handler, store string, from, to Position) error

	// Stretch looks at the feed after a position for events of some types, or of all
	// if none are named, at most limit of them. Streams that were made in another
	// store are left out.
	Stretch(ctx context.Context, types []string, after Position, limit int) (Stretch, error)
}
