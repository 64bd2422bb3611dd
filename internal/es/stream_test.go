package es_test

import (
	"testing"

	"github.com/millrace/millrace/internal/es"
)

func TestStreamKeepsTheWholeIDOfItsAggregate(t *testing.T) {
	t.Parallel()
	const id = "019564f0-5f00-7000-8000-000000000001"
	stream := es.StreamOf("order", id)
	if stream != "order-"+id || stream.ID() != id {
		t.Errorf("the stream %s is of %s, want %s", stream, stream.ID(), id)
	}
}

func TestFoldAppliesEventsInOrderToAnyState(t *testing.T) {
	t.Parallel()
	if got := es.Fold(tally(5), added{1}, added{2}); got != 8 {
		t.Errorf("got %d, want 8", got)
	}
	if got := es.Fold[tally, added](tally(5)); got != 5 {
		t.Errorf("no events leave %d, want 5", got)
	}
}
