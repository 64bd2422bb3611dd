package adminapi

import (
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
)

// processes shows processes and lets them try again.
func (c Config) processes(r chi.Router) {
	r.Get("/admin/processes", answered(c.listProcesses))
	r.Get("/admin/processes/{id}", answered(c.showProcess))
	r.Post("/admin/processes/{id}/retry", answered(c.retryProcess))
}

const (
	defaultProcesses = 50
	maxProcesses     = 200
)

// listProcesses answers with a page of processes, newest first.
func (c Config) listProcesses(r *http.Request) (int, any, error) {
	asked := r.URL.Query()
	q := query.ListProcesses{Name: asked.Get("name"), Limit: defaultProcesses}
	var err error
	if q.After, err = openCursor(asked.Get("cursor")); err != nil {
		return 0, nil, err
	}
	if limit := asked.Get("limit"); limit != "" {
		if q.Limit, err = strconv.Atoi(limit); err != nil || q.Limit < 1 || q.Limit > maxProcesses {
			return 0, nil, wrong("limit", "is not a number from 1 to 200")
		}
	}
	if q.Done, err = truth(asked, "done"); err != nil {
		return 0, nil, err
	}
	stuck, err := truth(asked, "stuck")
	if err != nil {
		return 0, nil, err
	}
	now := c.Now()
	if stuck != nil && *stuck {
		rows, err := query.StuckProcesses(r.Context(), c.Processes, q, now)
		return page(rows, q.Limit, now, err)
	}
	rows, err := c.Processes.ListProcesses(r.Context(), q)
	return page(rows, q.Limit, now, err)
}

func page(rows []query.ProcessRow, limit int, now time.Time, err error) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	body := struct {
		Data       []Process `json:"data"`
		NextCursor *string   `json:"next_cursor"`
	}{Data: make([]Process, len(rows))}
	for i, p := range rows {
		body.Data[i] = ShowProcess(p, now)
	}
	if len(rows) == limit {
		body.NextCursor = new(sealCursor(rows[limit-1].Place()))
	}
	return http.StatusOK, body, nil
}

// truth reads a parameter that is true or false, if it is there.
func truth(asked url.Values, name string) (*bool, error) {
	switch asked.Get(name) {
	case "":
		return nil, nil
	case "true":
		return new(true), nil
	case "false":
		return new(false), nil
	}
	return nil, wrong(name, "is neither true nor false")
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
		return query.ProcessPlace{}, wrong("cursor", "was not made by this list")
	}
	return query.ProcessPlace{StartedAt: time.UnixMicro(at).UTC(), ID: parts[1], Name: parts[2]}, nil
}

// showProcess answers with one process.
func (c Config) showProcess(r *http.Request) (int, any, error) {
	row, err := c.findProcess(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, ShowProcess(row, c.Now()), nil
}

// retryProcess asks a process to try again, which it does when the service next looks
// for timers.
func (c Config) retryProcess(r *http.Request) (int, any, error) {
	row, err := c.findProcess(r)
	if err == nil {
		err = c.Retry(r.Context(), row.Name, row.ID)
	}
	if err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, map[string]string{"name": row.Name, "id": row.ID}, nil
}

func (c Config) findProcess(r *http.Request) (query.ProcessRow, error) {
	named := chi.URLParam(r, "id")
	if r.URL.RawPath != "" { // which is what was matched then
		plain, err := url.PathUnescape(named)
		if err != nil {
			return query.ProcessRow{}, es.ErrNoProcess
		}
		named = plain
	}
	return query.FindProcess(r.Context(), c.Processes, named)
}

// answered answers a request with JSON, or with a problem.
func answered(handle func(*http.Request) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, body, err := handle(r)
		if err != nil {
			p := problemOf(err)
			send(w, "application/problem+json", p.Status, p)
			return
		}
		send(w, "application/json", status, body)
	}
}

func send(w http.ResponseWriter, kind string, status int, body any) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body) // or whoever asked has gone
}

// problem is an answer that says no, as RFC 9457 has it.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
}

func (p problem) Error() string { return p.Code + ": " + p.Detail }

func newProblem(status int, code, title, detail string) problem {
	return problem{Type: "urn:millrace:problem:" + code, Title: title, Status: status, Detail: detail, Code: code}
}

func wrong(parameter, what string) problem {
	return newProblem(http.StatusBadRequest, "invalid_parameter", "Invalid parameter", parameter+" "+what)
}

func problemOf(err error) problem {
	if p, ok := errors.AsType[problem](err); ok {
		return p
	}
	if errors.Is(err, es.ErrNoProcess) {
		return newProblem(http.StatusNotFound, "process_not_found", "Process not found", "there is no such process")
	}
	return newProblem(http.StatusInternalServerError, "internal_error", "Internal error", err.Error())
}
