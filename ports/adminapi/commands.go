package adminapi

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/millrace/millrace/ports/httpkit"
)

// commandsPath is where the outcomes of commands are; their ids come after it.
const commandsPath = "/admin/commands/"

// showOutcome answers what became of a command, in the words of the public contract.
func (c Config) showOutcome(w http.ResponseWriter, r *http.Request) error {
	id, err := httpkit.ReadID("id", chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	found, err := c.Outcomes.Find(r.Context(), id)
	if err != nil {
		return err
	}
	return found.Send(w)
}
