package adminapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/httpkit"
)

// processes shows processes and lets them try again.
func (c Config) processes(r chi.Router) {
	r.Get("/admin/processes", c.answered(c.listProcesses, "name", "done", "stuck", "limit", "cursor"))
	r.Get("/admin/processes/{id}", c.answered(c.showProcess))
	r.Post("/admin/processes/{id}/retry", c.answered(c.retryProcess))
}

const (
	defaultProcesses = 50
	maxProcesses     = 200
)

// listProcesses answers with a page of processes, newest first.
func (c Config) listProcesses(w http.ResponseWriter, r *http.Request) error {
	q, stuck, err := c.asked(r.URL.Query())
	if err != nil {
		return err
	}
	now := c.Now()
	find := c.Processes.ListProcesses
	if stuck {
		find = func(ctx context.Context, q query.ListProcesses) ([]query.ProcessRow, error) {
			return query.StuckProcesses(ctx, c.Processes, q, now)
		}
	}
	rows, err := find(r.Context(), q)
	if err != nil {
		return err
	}
	body := struct {
		Data       []Process `json:"data"`
		NextCursor *string   `json:"next_cursor"`
	}{Data: make([]Process, len(rows))}
	for i, p := range rows {
		body.Data[i] = ShowProcess(p, now)
	}
	if len(rows) == q.Limit {
		body.NextCursor = new(sealCursor(rows[q.Limit-1].Place()))
	}
	return httpkit.SendJSON(w, http.StatusOK, body)
}

// asked reads which processes are asked for.
func (c Config) asked(values url.Values) (q query.ListProcesses, stuck bool, err error) {
	q = query.ListProcesses{Name: values.Get("name"), Limit: defaultProcesses}
	if values.Has("name") {
		if err := CheckManager(c.Managers, q.Name); err != nil {
			return q, false, httpkit.BadParameter("/query/name", err.Error())
		}
	}
	if q.After, err = openCursor(values.Get("cursor")); err != nil {
		return q, false, err
	}
	if values.Has("limit") {
		if q.Limit, err = strconv.Atoi(values.Get("limit")); err != nil || q.Limit < 1 || q.Limit > maxProcesses {
			return q, false, httpkit.BadParameter("/query/limit", "must be a number from 1 to 200")
		}
	}
	if q.Done, err = truth(values, "done"); err != nil {
		return q, false, err
	}
	if values.Has("stuck") && values.Get("stuck") == "" {
		return q, true, nil // the name alone says it
	}
	only, err := truth(values, "stuck")
	return q, only != nil && *only, err
}

// truth reads a parameter that is true or false, if it is there.
func truth(values url.Values, name string) (*bool, error) {
	switch value := values.Get(name); {
	case !values.Has(name):
		return nil, nil
	case value == "true":
		return new(true), nil
	case value == "false":
		return new(false), nil
	}
	return nil, httpkit.BadParameter("/query/"+name, "must be true or false")
}

// A cursor is opaque to those who carry it around.
func sealCursor(p query.ProcessPlace) string {
	text, _ := json.Marshal([]string{strconv.FormatInt(p.StartedAt.UnixMicro(), 10), p.ID, p.Name}) // strings always can
	return base64.RawURLEncoding.EncodeToString(text)
}

func openCursor(cursor string) (query.ProcessPlace, error) {
	if cursor == "" {
		return query.ProcessPlace{}, nil
	}
	var parts [3]string
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(text, &parts)
	}
	at, bad := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || bad != nil {
		return query.ProcessPlace{}, httpkit.BadParameter("/query/cursor", "was not made by this list")
	}
	return query.ProcessPlace{StartedAt: time.UnixMicro(at).UTC(), ID: parts[1], Name: parts[2]}, nil
}

// showProcess answers with one process.
func (c Config) showProcess(w http.ResponseWriter, r *http.Request) error {
	return c.withProcess(r, func(row query.ProcessRow) error {
		return httpkit.SendJSON(w, http.StatusOK, ShowProcess(row, c.Now()))
	})
}

// retryProcess asks a process to try again, which it does when the service next looks
// for timers.
func (c Config) retryProcess(w http.ResponseWriter, r *http.Request) error {
	if err := httpkit.CheckNoBody(w, r); err != nil {
		return err
	}
	return c.withProcess(r, func(row query.ProcessRow) error {
		if err := c.Retry(r.Context(), row.Name, row.ID); err != nil {
			return err
		}
		return httpkit.SendJSON(w, http.StatusAccepted, map[string]string{"name": row.Name, "id": row.ID})
	})
}

// withProcess does something with the process that a path names.
func (c Config) withProcess(r *http.Request, do func(query.ProcessRow) error) error {
	named := chi.URLParam(r, "id")
	if r.URL.RawPath != "" { // which is what was matched then
		plain, err := url.PathUnescape(named)
		if err != nil {
			return c.noProcess(named)
		}
		named = plain
	}
	row, err := query.FindProcess(r.Context(), c.Processes, named)
	if err == nil {
		err = do(row)
	}
	if errors.Is(err, es.ErrNoProcess) {
		return c.noProcess(named)
	}
	return err
}
