package es

import (
	"context"
	"errors"
	"iter"
	"time"
)

// What a store can say no to.
var (
	// ErrConflict says that a stream, or the fold of one, moved on since it was
	// read.
	ErrConflict = errors.New("the stream has moved on")

	// ErrDecided says that the command already has an outcome.
	ErrDecided = errors.New("the command has already been decided")

	// ErrUnknownCommand says that no command was accepted under an id.
	ErrUnknownCommand = errors.New("no such command")

	// ErrIDReused says that a command id stands for another request.
	ErrIDReused = errors.New("the command id was used for another request")

	// ErrForeign says that a stream is another store's to write.
	ErrForeign = errors.New("the stream was made in another store")

	// ErrForked says that two stores have written to a stream.
	ErrForked = errors.New("the stream was written by two stores")

	// ErrFenced says that a lease has passed to somebody else.
	ErrFenced = errors.New("the lease is held by somebody else")
)

// Append is what one command adds to the store: records of one stream and the
// command's outcome.
type Append struct {
	Stream   Stream
	Expected Version
	Records  []Record
	Outcome  Outcome
}

// Store keeps streams. Every implementation passes estest.TestStore.
type Store interface {
	// Append adds records to a stream and to the outbox, and gives their command
	// its outcome, all together or not at all. It returns ErrConflict unless the
	// stream is at version Expected, and ErrDecided if the command already has
	// an outcome. Any other error may mean that the append was made after all:
	// appending again tells, by ErrDecided.
	Append(context.Context, Append) error

	// Read yields the records of a stream after the given version, oldest
	// first. It stops at the first error. Whoever reads may take its time, and
	// may read something else meanwhile: nothing is held up by it.
	Read(ctx context.Context, s Stream, after Version) iter.Seq2[Record, error]

	// ReadTails yields the ends of several streams, those of one stream oldest
	// first. It stops at the first error.
	ReadTails(ctx context.Context, tails []Tail) iter.Seq2[Record, error]
}

// Tail is what a stream holds after a version.
type Tail struct {
	Stream Stream  `json:"stream"`
	After  Version `json:"after"`
}

// Journal keeps commands and their outcomes, so that an accepted command is not
// lost, whatever dies.
type Journal interface {
	// Accept records a command as pending. A command that is already there under
	// this id stays as it is, and its outcome is returned with known set; if its
	// fingerprint differs, that is ErrIDReused.
	Accept(context.Context, Envelope) (o Outcome, known bool, err error)

	// Finish gives a command an outcome that comes without records. It returns
	// ErrDecided if the command already has one.
	Finish(context.Context, Outcome) error

	// Outcome returns what became of a command, or ErrUnknownCommand.
	Outcome(ctx context.Context, id string) (Outcome, error)

	// Unfinished returns commands accepted before a time that have no outcome,
	// in the order of their acceptance, starting after the command given.
	Unfinished(ctx context.Context, before time.Time, after Envelope, limit int) ([]Envelope, error)
}

// Pending is a run of records of one append that waits in the outbox.
type Pending struct {
	Seq     int64 // its place in the outbox
	Records []Record
}

// Outbox holds what has been appended but not yet published.
type Outbox interface {
	// Pending returns the oldest entries, whole appends each, until they hold
	// limit records or more.
	Pending(ctx context.Context, limit int) ([]Pending, error)

	// Forward moves published entries from the outbox to the end of the feed. It
	// returns ErrFenced, and changes nothing, if the lease has passed on.
	Forward(context.Context, Lease, []Pending) error
}

// FeedRecord is a record with its place in the feed.
type FeedRecord struct {
	Position Position
	Record
}

// Feed is the one order of all events, without gaps.
type Feed interface {
	// Feed returns records after a position, oldest first.
	Feed(ctx context.Context, after Position, limit int) ([]FeedRecord, error)

	// Head returns the last position, 0 if there is none.
	Head(context.Context) (Position, error)
}

// Lease is the right to do a job that one process at a time may do. The epoch
// grows whenever the job changes hands, so that a holder who slept through its
// lease is told apart.
type Lease struct {
	Name   string
	Holder string
	Epoch  int64
}

// Leases hands out leases.
type Leases interface {
	// Acquire takes or extends a lease for a time. It returns ErrFenced while
	// somebody else holds it.
	Acquire(ctx context.Context, name, holder string, ttl time.Duration) (Lease, error)
}
