package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/httpapi/contract"
	"github.com/millrace/millrace/ports/httpkit"
)

// FeedNews is the key under which Config.FeedMoved tells that the feed has grown.
const FeedNews = "feed"

// writeTimeout is how long a client may take to read what it is sent.
const writeTimeout = 10 * time.Second

// eventStream sends events as they happen, until the client leaves or the
// service shuts down.
type eventStream struct {
	*server
	ctx       context.Context // of the request, which the generated interface does not hand on
	after     es.Position
	order     es.Stream // empty for all
	eventType string
}

// StreamEvents implements contract.StrictServerInterface.
func (s *server) StreamEvents(ctx context.Context, r contract.StreamEventsRequestObject) (contract.StreamEventsResponseObject, error) {
	stream := eventStream{server: s, ctx: ctx, eventType: r.Params.Type}
	if r.Params.Order != "" {
		stream.order = es.StreamOf(command.Category, string(orderID(r.Params.Order)))
	}
	head, err := s.Feed.Head(ctx)
	if err != nil {
		return nil, err
	}
	stream.after = head
	if last := r.Params.LastEventID; last != "" {
		after, err := strconv.ParseInt(last, 10, 64)
		if err != nil {
			return nil, httpkit.BadParameter("/header/Last-Event-ID", "must be the id of an event of this stream")
		}
		stream.after = min(es.Position(after), head)
	}
	return stream, nil
}

// VisitStreamEventsResponse implements contract.StreamEventsResponseObject.
func (e eventStream) VisitStreamEventsResponse(w http.ResponseWriter) error {
	const page = 500
	news, stop := e.FeedMoved.Watch(FeedNews)
	defer stop()
	out := http.NewResponseController(w)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	if e.ctx.Value(headKey{}) != nil {
		return nil
	}
	if _, err := fmt.Fprint(w, "retry: 1000\n\n"); err != nil || out.Flush() != nil {
		return nil
	}

	look := time.NewTicker(time.Second) // the feed may be written by another process
	defer look.Stop()
	beat := time.NewTicker(e.Heartbeat)
	defer beat.Stop()
	for {
		_ = out.SetWriteDeadline(time.Now().Add(writeTimeout)) // a writer without deadlines is a test's
		records, err := e.Feed.Feed(e.ctx, e.after, page)
		if err != nil {
			e.Log.WarnContext(e.ctx, "read the feed for an event stream", "err", err)
			return nil // the client comes back with Last-Event-ID
		}
		if err := e.send(w, out, records); err != nil {
			return nil
		}
		if len(records) == page {
			continue
		}
		select {
		case <-e.ctx.Done():
			return nil
		case <-e.Done:
			return nil
		case <-news:
		case <-look.C:
		case <-beat.C:
			_ = out.SetWriteDeadline(time.Now().Add(writeTimeout))
			if _, err := fmt.Fprint(w, ": heartbeat\n\n"); err != nil || out.Flush() != nil {
				return nil
			}
		}
	}
}

func (e *eventStream) send(w http.ResponseWriter, out *http.ResponseController, records []es.FeedRecord) error {
	for _, r := range records {
		e.after = r.Position
		if (e.order != "" && r.Stream != e.order) || (e.eventType != "" && r.Type != e.eventType) {
			continue
		}
		data, err := json.Marshal(eventBody(r.Record))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", r.Position, r.Type, data); err != nil {
			return err
		}
	}
	if len(records) == 0 {
		return nil
	}
	return out.Flush()
}
