package crash

import (
	"encoding/json"

	"github.com/millrace/millrace/internal/es"
)

// Append describes what is appended.
func Append(a es.Append) []string {
	about := " " + a.Outcome.CommandType + " " + string(a.Stream)
	for _, record := range Records(a.Records) {
		about += record
	}
	return []string{about}
}

// Records describes records, one by one.
func Records(records []es.Record) []string {
	about := make([]string, len(records))
	for i, r := range records {
		about[i] = " " + r.Type + " " + string(r.Stream) + " " + string(r.Data)
	}
	return about
}

// Moves describes what processes do, one by one: what they send and what they are then.
func Moves[S any](name string, moves []es.Move[S]) []string {
	about := make([]string, len(moves))
	for i, m := range moves {
		about[i] = " " + name + " " + m.ID + " "
		for _, c := range m.Send {
			about[i] += c.Type + " "
		}
		state, _ := json.Marshal(m.State) // if that fails, saving it says so
		about[i] += string(state)
	}
	return about
}
