package adminapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/adminapi"
)

var (
	now     = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	errAway = errors.New("the store is away")
)

// ward keeps processes, newest first, and writes down which are to retry.
type ward struct {
	rows      []query.ProcessRow
	err       error
	retried   []string
	here      []string // the managers that run beside it
	gatewayAt string
}

func (w *ward) managers() []adminapi.Manager {
	all := []adminapi.Manager{{Name: "checkout", Role: "processes"}, {Name: "cashier", Role: "payments"}, {Name: "kitchen", Role: "restaurant"}}
	for i, m := range all {
		all[i].Here = slices.Contains(w.here, m.Name)
	}
	return all
}

// Process implements query.Processes.
func (w *ward) Process(_ context.Context, name, id string) (query.ProcessRow, error) {
	for _, p := range w.rows {
		if p.Name == name && p.ID == id {
			return p, w.err
		}
	}
	return query.ProcessRow{}, es.ErrNoProcess
}

// ProcessesWith implements query.Processes.
func (w *ward) ProcessesWith(_ context.Context, id string) ([]query.ProcessRow, error) {
	var all []query.ProcessRow
	for _, p := range w.rows {
		if p.ID == id {
			all = append(all, p)
		}
	}
	return all, w.err
}

// ListProcesses implements query.Processes.
func (w *ward) ListProcesses(_ context.Context, q query.ListProcesses) ([]query.ProcessRow, error) {
	var all []query.ProcessRow
	from := slices.IndexFunc(w.rows, func(p query.ProcessRow) bool { return p.Place() == q.After })
	for _, p := range w.rows[from+1:] {
		if (q.Name == "" || q.Name == p.Name) && (q.Done == nil || *q.Done == p.Instance.Standing.Done) && len(all) < q.Limit {
			all = append(all, p)
		}
	}
	return all, w.err
}

// ProcessesWithLetters implements query.Processes.
func (w *ward) ProcessesWithLetters(_ context.Context, name string) ([]query.ProcessRow, error) {
	var all []query.ProcessRow
	for _, p := range w.rows {
		if (name == "" || name == p.Name) && len(p.Letters) > 0 {
			all = append(all, p)
		}
	}
	return all, w.err
}

// ask sends a request to the port, and returns its status, kind and body.
func (w *ward) ask(t *testing.T, method, path string) (int, string, []byte) {
	t.Helper()
	handler := adminapi.New(adminapi.Config{
		Metrics: prometheus.NewRegistry(), Processes: w, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
		Managers: w.managers(), Roles: "api,payments", GatewayAt: w.gatewayAt,
		Retry: func(_ context.Context, name, id string) error {
			if id == "gone" {
				return fmt.Errorf("retry: %w", es.ErrNoProcess)
			}
			w.retried = append(w.retried, name+" "+id)
			return w.err
		},
	})
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Code, answer.Header().Get("Content-Type"), body
}

// wantProblem wants a request to be refused. It returns what the problem says.
func (w *ward) wantProblem(t *testing.T, method, path string, status int, code string) string {
	t.Helper()
	got, kind, body := w.ask(t, method, path)
	var p struct {
		Type, Title, Detail, Code string
		Status                    int
	}
	err := json.Unmarshal(body, &p)
	if err != nil || got != status || kind != "application/problem+json" || p.Status != status || p.Code != code ||
		p.Type != "urn:millrace:problem:"+code || p.Title == "" || p.Detail == "" {
		t.Errorf("%s %s answers %d %s %s, want %d and a problem %s", method, path, got, kind, body, status, code)
	}
	return p.Detail
}

// checkout returns a process that waits.
func checkout(id string, began time.Duration) query.ProcessRow {
	return query.ProcessRow{Name: "checkout", ID: id, Instance: es.Instance[json.RawMessage]{
		State: json.RawMessage(`{}`), StartedAt: now.Add(-began),
	}}
}

func TestProcessIsShownWithAllThatIsKnown(t *testing.T) {
	t.Parallel()
	row := checkout("1", time.Hour)
	row.UpdatedAt, row.Streams = now.Add(-time.Minute), map[es.Stream]es.Version{"order-1": 2}
	i := &row.Instance
	i.State, i.Version, i.CorrelationID = json.RawMessage(`{"paid":true}`), 2, "r-1"
	i.Standing = es.Standing{Waits: "the restaurant & its <cook>", Trouble: "nobody is there"}
	i.Timers = []es.Timer{{Name: "give_up", At: now.Add(time.Hour)}, {Name: "process.retry", At: time.UnixMicro(2)}}
	i.Steps = []es.ProcessStep{
		{At: now.Add(-time.Hour), Event: "order.submitted", EventID: "e-1", Stream: "order-1", Version: 2, Sent: []es.SentCommand{
			{ID: "c-1", Type: "payment.debit", Target: "p-1"}, {ID: "c-2", Type: "ticket.open", Target: "1"},
		}},
		{At: now, Event: "process.timer_elapsed", EventID: "e-2", Timer: "remind", Sent: []es.SentCommand{{ID: "c-3", Type: "ticket.open", Target: "1"}}},
	}
	row.Outcomes = map[string]es.Outcome{
		"c-1": {Status: es.StatusRejected, Problem: &es.Problem{Code: "not_due", Detail: "not yet"}}, "c-2": {Status: es.StatusSucceeded},
	}
	const want = `{"name":"checkout","id":"1","version":2,"state":{"paid":true},"done":false,
		"waits":"the restaurant & its <cook>","trouble":"nobody is there","stuck":["nobody is there"],
		"timers":[{"name":"give_up","at":"2025-03-01T13:00:00Z"},{"name":"process.retry","at":"2025-03-01T11:59:00Z"}],
		"steps":[
			{"at":"2025-03-01T11:00:00Z","event":"order.submitted","event_id":"e-1","stream":"order-1","version":2,"sent":[
				{"id":"c-1","type":"payment.debit","target":"p-1","sent_at":"2025-03-01T11:00:00Z","status":"rejected","problem":{"code":"not_due","detail":"not yet"}},
				{"id":"c-2","type":"ticket.open","target":"1","sent_at":"2025-03-01T11:00:00Z","status":"succeeded"}]},
			{"at":"2025-03-01T12:00:00Z","event":"process.timer_elapsed","event_id":"e-2","timer":"remind","sent":[
				{"id":"c-3","type":"ticket.open","target":"1","sent_at":"2025-03-01T12:00:00Z","status":"pending"}]}],
		"pending_commands":[{"id":"c-3","type":"ticket.open","target":"1","sent_at":"2025-03-01T12:00:00Z","status":"pending"}],
		"streams":{"order-1":2},"started_at":"2025-03-01T11:00:00Z","updated_at":"2025-03-01T11:59:00Z","correlation_id":"r-1"}`
	wantJSON(t, &ward{rows: []query.ProcessRow{row}}, "/admin/processes/1", want)

	bare := checkout("2", time.Hour)
	bare.UpdatedAt, bare.Instance.Standing.Done = now, true
	wantJSON(t, &ward{rows: []query.ProcessRow{bare}}, "/admin/processes/2", `{"name":"checkout","id":"2","version":0,"state":{},"done":true,
		"waits":"","trouble":"","stuck":[],"timers":[],"steps":[],"pending_commands":[],"streams":{},
		"started_at":"2025-03-01T11:00:00Z","updated_at":"2025-03-01T12:00:00Z","correlation_id":""}`)
}

func wantJSON(t *testing.T, w *ward, path, want string) {
	t.Helper()
	status, kind, body := w.ask(t, "GET", path)
	var got, wanted any
	if err := errors.Join(json.Unmarshal(body, &got), json.Unmarshal([]byte(want), &wanted)); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if status != http.StatusOK || kind != "application/json" || !reflect.DeepEqual(got, wanted) {
		t.Errorf("%s answers %d %s\n%s\nwant\n%s", path, status, kind, body, want)
	}
}

func TestProcessIsFoundByItsNames(t *testing.T) {
	t.Parallel()
	w := &ward{rows: []query.ProcessRow{checkout("1", 0), {Name: "kitchen", ID: "1"}, {Name: "cashier", ID: "p/1 %"}}}
	for path, want := range map[string]string{
		"1": "checkout 1", "checkout-1": "checkout 1", "kitchen-1": "kitchen 1", "p%2F1%20%25": "cashier p/1 %", "cashier-p%2F1%20%25": "cashier p/1 %",
	} {
		status, _, body := w.ask(t, "GET", "/admin/processes/"+path)
		var p adminapi.Process
		if err := json.Unmarshal(body, &p); err != nil || status != http.StatusOK || p.Name+" "+p.ID != want {
			t.Errorf("%s answers %d %s, want %s; error %v", path, status, body, want, err)
		}
	}
	for _, path := range []string{"2", "cashier-1", "-"} {
		w.wantProblem(t, "GET", "/admin/processes/"+path, http.StatusNotFound, "process_not_found")
		w.wantProblem(t, "POST", "/admin/processes/"+path+"/retry", http.StatusNotFound, "process_not_found")
	}
	w.err = errAway
	w.wantProblem(t, "GET", "/admin/processes/1", http.StatusServiceUnavailable, "store_unavailable")
	w.wantProblem(t, "GET", "/admin/processes", http.StatusServiceUnavailable, "store_unavailable")
	w.wantProblem(t, "GET", "/admin/processes?stuck=true", http.StatusServiceUnavailable, "store_unavailable")
}

func TestProcessIsAskedToRetry(t *testing.T) {
	t.Parallel()
	w := &ward{rows: []query.ProcessRow{checkout("1", 0), {Name: "kitchen", ID: "1"}, checkout("gone", 0)}}
	for path, want := range map[string]string{"1": `{"id":"1","name":"checkout"}`, "kitchen-1": `{"id":"1","name":"kitchen"}`} {
		if status, _, body := w.ask(t, "POST", "/admin/processes/"+path+"/retry"); status != http.StatusAccepted || string(body) != want+"\n" {
			t.Errorf("%s answers %d %s, want 202 %s", path, status, body, want)
		}
	}
	slices.Sort(w.retried)
	if want := []string{"checkout 1", "kitchen 1"}; !slices.Equal(w.retried, want) {
		t.Errorf("retried %q, want %q", w.retried, want)
	}
	w.wantProblem(t, "POST", "/admin/processes/gone/retry", http.StatusNotFound, "process_not_found")
	if status, _, _ := w.ask(t, "GET", "/admin/processes/1/retry"); status != http.StatusMethodNotAllowed {
		t.Errorf("to GET it answers %d, want 405", status)
	}
}

func TestProcessesAreListedPageByPage(t *testing.T) {
	t.Parallel()
	w := &ward{}
	var all, open, done, stuck, kitchen []string
	for i := range 130 {
		row := checkout(fmt.Sprintf("%03d:é", i), time.Duration(i/3)*time.Microsecond)
		if i%4 == 1 {
			row.Name = "kitchen"
		}
		if row.Instance.Standing.Done = i%3 == 0; i%5 == 0 {
			row.Instance.Standing.Trouble = "help"
		}
		w.rows = append(w.rows, row)
		key := row.Name + " " + row.ID
		all = append(all, key)
		if !row.Instance.Standing.Done {
			if open = append(open, key); i%5 == 0 {
				stuck = append(stuck, key)
			}
		} else {
			done = append(done, key)
		}
		if row.Name == "kitchen" {
			kitchen = append(kitchen, key)
		}
	}
	for asked, want := range map[string][]string{
		"": all, "limit=1": all, "limit=7": all, "limit=200": all, "done=false&limit=7": open, "stuck=true&limit=4": stuck, "stuck=true": stuck,
		"stuck": stuck, "stuck=&limit=4": stuck, "done=true&stuck=false&limit=200": done,
		"stuck=false&limit=100": all, "name=kitchen&limit=5": kitchen, "name=cashier": nil, "done=true&stuck=true": nil,
	} {
		if got := pages(t, w, asked); !slices.Equal(got, want) {
			t.Errorf("?%s lists\n%v, want\n%v", asked, got, want)
		}
	}
	if _, _, body := w.ask(t, "GET", "/admin/processes?name=cashier"); string(body) != `{"data":[],"next_cursor":null}`+"\n" {
		t.Errorf("nothing is listed as %s", body)
	}
}

// pages follows the cursors of a list to its end.
func pages(t *testing.T, w *ward, asked string) []string {
	t.Helper()
	values, err := url.ParseQuery(asked)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for {
		status, _, body := w.ask(t, "GET", "/admin/processes?"+values.Encode())
		var page struct {
			Data       []adminapi.Process `json:"data"`
			NextCursor *string            `json:"next_cursor"`
		}
		if err := json.Unmarshal(body, &page); err != nil || status != http.StatusOK {
			t.Fatalf("?%s answers %d %s; error %v", values.Encode(), status, body, err)
		}
		for _, p := range page.Data {
			all = append(all, p.Name+" "+p.ID)
		}
		if page.NextCursor == nil {
			return all
		}
		values.Set("cursor", *page.NextCursor)
	}
}

func TestWrongQuestionsAboutProcessesAreRefused(t *testing.T) {
	t.Parallel()
	w := &ward{}
	for _, asked := range []string{
		"limit=0", "limit=201", "limit=-1", "limit=many", "limit=1.5", "limit=", "done=yes", "done", "done=", "stuck=1", "cursor=nonsense", "cursor=W10", "cursor=WyJ4IiwiIiwiIl0",
		"name=chekout", "name=", "name=Checkout", "nane=checkout", "stuck&sutck", "name=cashier&name=kitchen", "stuck&stuck=false", "stuck=%zz", "stuck;done",
	} {
		w.wantProblem(t, "GET", "/admin/processes?"+asked, http.StatusBadRequest, "invalid_parameter")
	}
}
