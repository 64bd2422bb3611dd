package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// graveyard is a service with orders whose commands cannot be carried out, because
// of an event in their streams that nobody can read.
type graveyard struct {
	*testing.T
	service *service
	client  client
}

func openGraveyard(t *testing.T) graveyard {
	t.Helper()
	s := start(t, func(c *config) {
		c.Retries, c.Backoff, c.ResendAfter = 1, time.Millisecond, 200*time.Millisecond
	})
	return graveyard{t, s, s.client(t)}
}

// line runs a command for dead letters beside the service.
func (g graveyard) line(args ...string) (stdout, stderr string, exit int) {
	g.Helper()
	return run(g.T, []string{"MILLRACE_STORE=" + g.service.config.Store}, append([]string{"dead-letters"}, args...)...)
}

// says runs such a command and wants it to go well.
func (g graveyard) says(args ...string) string {
	g.Helper()
	stdout, stderr, exit := g.line(args...)
	if exit != 0 || stderr != "" {
		g.Fatalf("dead-letters %s: exit code %d and %q", strings.Join(args, " "), exit, stderr)
	}
	return stdout
}

// bury lets a command fail, and returns its order, the command's id and the
// letter's.
func (g graveyard) bury() (order, command, letter string) {
	g.Helper()
	order = g.client.create()
	g.client.awaitStatus(order, "draft", "unpaid") // so that no view meets the event
	g.execute("INSERT INTO events SELECT stream, 2, id, 'order.canceled', 1, ?, metadata, occurred_at FROM events WHERE stream = ?",
		[]byte("garbled"), streamOf(order))
	a := g.client.post(order+"/cancel", fields{"reason": "changed my mind"}, "Prefer: respond-async").want(http.StatusAccepted)
	o := awaitOutcome(g.client, a.header.Get("Location"))
	if o.Status != "failed" || o.Problem == nil || o.Problem.Code != "command_failed" {
		g.Fatalf("the command is %+v, want it failed", o)
	}
	for _, l := range deadLettersOf(g.T, g.service.config.Store) {
		if l.MessageID == o.CommandID {
			return order, o.CommandID, l.ID
		}
	}
	g.Fatalf("there is no dead letter of %s", o.CommandID)
	return "", "", ""
}

// mend takes the event away that nobody can read.
func (g graveyard) mend(order string) {
	g.Helper()
	g.execute("DELETE FROM events WHERE stream = ? AND version = 2", streamOf(order))
}

func (g graveyard) execute(statement string, args ...any) {
	g.Helper()
	if _, err := openPlace(g.T, g.service.config.Store).ExecContext(g.Context(), statement, args...); err != nil {
		g.Fatal(err)
	}
}

func streamOf(order string) string { return "order-" + order[strings.LastIndex(order, "/")+1:] }

// wantLetters wants these to be the letters that are left.
func (g graveyard) wantLetters(want ...string) {
	g.Helper()
	var got []string
	for _, l := range deadLettersOf(g.T, g.service.config.Store) {
		got = append(got, l.ID)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		g.Errorf("the dead letters are %v, want %v", got, want)
	}
}

func (g graveyard) wantStatus(command string, want string) {
	g.Helper()
	if o := awaitOutcome(g.client, "/v1/commands/"+command); string(o.Status) != want {
		g.Errorf("command %s is %s, want %s", command, o.Status, want)
	}
}

func TestDeadLettersAreListed(t *testing.T) {
	t.Parallel()
	g := openGraveyard(t)
	if out := lines(g.says("list")); len(out) != 1 || !strings.HasPrefix(out[0], "ID ") {
		t.Errorf("without letters it says %q, want only the heading", out)
	}
	if out := g.says("list", "--json"); out != "" {
		t.Errorf("without letters it says %q, want nothing", out)
	}
	order, command, first := g.bury()
	_, _, second := g.bury()

	out := lines(g.says("list"))
	if len(out) != 3 || !strings.HasPrefix(out[1], first) || !strings.HasPrefix(out[2], second) {
		t.Fatalf("it says %q, want a heading, %s and %s", out, first, second)
	}
	words := strings.Fields(out[1])
	if len(words) < 7 {
		t.Fatalf("it says %q, want at least 7 words", out[1])
	}
	want := []string{first, "millrace.commands.order.cancel", strings.TrimPrefix(streamOf(order), "order-"), "order.cancel", "2"}
	if !slices.Equal(words[:5], want) {
		t.Errorf("it says %q, want it to begin with %v", out[1], want)
	}
	if at, err := time.Parse(time.RFC3339, words[5]); err != nil || time.Since(at) > time.Hour {
		t.Errorf("it died at %s, want a time of this hour: %v", words[5], err)
	}

	if out := lines(g.says("list", "--json", "--limit", "1")); len(out) != 1 {
		t.Errorf("it says %q, want one line", out)
	} else {
		wantLetter(t, out[0], first, command)
	}
	wantLetter(t, g.says("show", second), second, "")
}

// wantLetter wants a letter as JSON, of a command unless that is empty.
func wantLetter(t *testing.T, text, id, command string) {
	t.Helper()
	var l struct {
		ID        string            `json:"id"`
		Handler   string            `json:"handler"`
		Topic     string            `json:"topic"`
		MessageID string            `json:"message_id"`
		Payload   map[string]any    `json:"payload"`
		Metadata  map[string]string `json:"metadata"`
		Error     string            `json:"error"`
		Attempts  int               `json:"attempts"`
		DiedAt    time.Time         `json:"died_at"`
	}
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if l.ID != id || (command != "" && l.MessageID != command) {
		t.Errorf("it is letter %s of message %s, want %s of %s", l.ID, l.MessageID, id, command)
	}
	const topic = "millrace.commands.order.cancel"
	if l.Handler != topic || l.Topic != topic || l.Attempts != 2 || l.DiedAt.IsZero() || l.Error == "" {
		t.Errorf("the letter is %s, want all that is known of it", text)
	}
	if l.Payload["reason"] != "changed my mind" || l.Metadata["ce_type"] != "order.cancel" || l.Metadata["ce_id"] != l.MessageID {
		t.Errorf("the letter is %s, want its payload and headers", text)
	}
}

func TestRequeuedCommandIsCarriedOut(t *testing.T) {
	t.Parallel()
	g := openGraveyard(t)
	order, command, letter := g.bury()
	_, still, other := g.bury()
	g.mend(order)
	if out := g.says("requeue", letter); out != "requeued "+letter+"\n" {
		t.Errorf("it says %q, want that it requeued %s", out, letter)
	}
	g.wantStatus(command, "succeeded")
	g.client.awaitStatus(order, "canceled", "unpaid")
	g.wantLetters(other)
	g.wantStatus(still, "failed")
}

// What has failed again is as dead as before.
func TestRequeuedCommandMayFailAgain(t *testing.T) {
	t.Parallel()
	g := openGraveyard(t)
	order, command, letter := g.bury()
	g.says("requeue", letter)
	eventually(t, "it is a dead letter again", func() bool { return len(deadLettersOf(t, g.service.config.Store)) > 0 })
	g.wantLetters(letter)
	g.wantStatus(command, "failed")
	g.mend(order)
	g.says("requeue", letter)
	g.wantStatus(command, "succeeded")
}

func TestDiscardedCommandStaysFailed(t *testing.T) {
	t.Parallel()
	g := openGraveyard(t)
	order, command, letter := g.bury()
	_, _, other := g.bury()
	g.mend(order)
	if out := g.says("discard", letter, letter); out != "discarded "+letter+"\n" {
		t.Errorf("it says %q, want that it discarded %s once", out, letter)
	}
	g.wantLetters(other)
	g.service.restart() // which sends again whatever has no outcome
	g.client = g.service.client(t)
	g.wantStatus(command, "failed")
	g.client.awaitStatus(order, "draft", "unpaid")
}

func TestAllDeadLettersAtOnce(t *testing.T) {
	t.Parallel()
	g := openGraveyard(t)
	one, first, _ := g.bury()
	two, second, _ := g.bury()
	g.mend(one)
	g.mend(two)
	if out := lines(g.says("requeue", "--all")); len(out) != 2 {
		t.Errorf("it says %q, want two lines", out)
	}
	g.wantStatus(first, "succeeded")
	g.wantStatus(second, "succeeded")
	g.bury()
	g.bury()
	if out := lines(g.says("discard", "--all")); len(out) != 2 {
		t.Errorf("it says %q, want two lines", out)
	}
	g.wantLetters()
	for _, change := range []string{"requeue", "discard"} {
		if out := g.says(change, "--all"); out != "" {
			t.Errorf("%s of nothing says %q, want nothing", change, out)
		}
	}
}

func TestDeadLettersThatCannotBeFound(t *testing.T) {
	t.Parallel()
	g := openGraveyard(t)
	_, command, letter := g.bury()
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"shown":                     {[]string{"show", "nobody"}, "nobody: no such dead letter"},
		"requeued":                  {[]string{"requeue", letter, "nobody"}, "nobody: no such dead letter"},
		"discarded":                 {[]string{"discard", "nobody", letter}, "nobody: no such dead letter"},
		"requeued by the command":   {[]string{"requeue", command}, command + ": no such dead letter"},
		"requeued without a choice": {[]string{"requeue"}, "want the ids of dead letters, or --all"},
		"discarded without one":     {[]string{"discard"}, "want the ids of dead letters, or --all"},
		"requeued with two choices": {[]string{"requeue", "--all", letter}, "want the ids of dead letters or --all, not both"},
		"discarded with two":        {[]string{"discard", "--all", letter}, "want the ids of dead letters or --all, not both"},
		"shown without a choice":    {[]string{"show"}, "accepts 1 arg"},
		"listed with one":           {[]string{"list", letter}, "unknown command"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, exit := g.line(test.args...)
			wantComplaint(t, stdout, stderr, exit, test.want)
		})
	}
	g.wantLetters(letter) // all or nothing
	g.wantStatus(command, "failed")
}

func TestDeadLettersSaysWhatItCanDo(t *testing.T) {
	t.Parallel()
	stdout, stderr, exit := run(t, nil, "dead-letters")
	if exit != 0 || stderr != "" {
		t.Fatalf("exit code %d and %q", exit, stderr)
	}
	for _, command := range []string{"list", "show", "requeue", "discard"} {
		if !strings.Contains(stdout, "\n  "+command+" ") {
			t.Errorf("the help does not mention %s:\n%s", command, stdout)
		}
	}
}
