package adminapi

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/millrace/millrace/ports/httpkit"
)

// commandsPath is where the outcomes of commands are; their ids come after it.
const commandsPath = "/admin/commands/"

// showOutcome answers what became of a command, in the words of the public contract.
func (c Config) showOutcome(w http.ResponseWriter, r *http.Request) {
	id, err := httpkit.ReadID("id", chi.URLParam(r, "id"))
	var found httpkit.Found
	if err == nil {
		found, err = c.Outcomes.Find(r.Context(), id)
	}
	if err == nil {
		err = found.Send(w)
	}
	if err != nil {
		httpkit.Fail(c.Log, w, r, err)
	}
}
