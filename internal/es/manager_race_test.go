package es_test

import (
	"context"
	"testing"

	"github.com/millrace/millrace/internal/es"
)

// overtaken is a drawer in which somebody else is at work after the first look at what
// was seen, and done before anything is loaded.
type overtaken struct {
	*drawer
	somebodyElse func()
}

// Seen implements es.Processes.
func (o *overtaken) Seen(ctx context.Context, streams []es.Stream) (map[es.Stream]es.Version, error) {
	seen, err := o.drawer.Seen(ctx, streams)
	if then := o.somebodyElse; then != nil {
		o.somebodyElse = nil
		then()
	}
	return seen, err
}

func TestManagerShowsNothingTwiceThatSomebodyElseShowedMeanwhile(t *testing.T) {
	t.Parallel()
	s := newStage(t, at(0, "order-7", 1, 1), at(1, "order-7", 2, 2))
	other := *s.Manager
	s.Manager.Processes = &overtaken{s.kept, func() {
		if err := other.CatchUp(t.Context(), "order-7"); err != nil {
			t.Error(err)
		}
	}}
	if err := s.CatchUp(t.Context(), "order-7"); err != nil {
		t.Fatal(err)
	}
	s.wantSaw(t, "7", "+1", "+2")
	s.wantTold(t, "+1", "+2")
}
