package es

import "context"

// report logs that a saved move has brought a process into trouble, or out of it. A
// trouble that goes on is no news, even if it is told in other words.
func (m *Manager[S]) report(ctx context.Context, move Move[S]) {
	was, is := move.was.Trouble, move.Standing.Trouble
	switch {
	case was == "" && is != "":
		m.Log.WarnContext(ctx, "a process is in trouble", "process", m.Process.Name, "id", move.ID,
			"trouble", is, "correlation_id", move.CorrelationID)
	case was != "" && is == "":
		m.Log.InfoContext(ctx, "a process is out of trouble", "process", m.Process.Name, "id", move.ID,
			"correlation_id", move.CorrelationID)
	}
}
