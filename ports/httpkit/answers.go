package httpkit

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/internal/es"
)

// Answer answers a write.
type Answer struct {
	Outcome es.Outcome
	Known   string // the path at which the outcome is known later
	Created string // the path of what was created; empty if nothing was
	Body    any    // what was written, with Prefer: return=representation; else nil
	Path    string // where that is
	Applied string // which preferences were honoured
}

// Send writes the answer.
func (a Answer) Send(w http.ResponseWriter) error {
	h := w.Header()
	if a.Applied != "" {
		h.Set("Preference-Applied", a.Applied)
	}
	status := http.StatusOK
	var body any = OutcomeBody(a.Outcome)
	switch {
	case a.Outcome.Status == es.StatusPending:
		status = http.StatusAccepted
		h.Set("Location", a.Known)
		h.Set("Retry-After", "1")
	default:
		h.Set("ETag", ETag(a.Outcome.Version))
		h.Set("Consistency-Token", ConsistencyToken(a.Outcome))
		if a.Created != "" {
			status = http.StatusCreated
			h.Set("Location", a.Created)
		}
		if a.Body != nil {
			body = a.Body
			h.Set("Content-Location", a.Path)
		}
	}
	return SendJSON(w, status, body)
}

// SendJSON answers with a value.
func SendJSON(w http.ResponseWriter, status int, body any) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // the client has gone
	return nil
}

// Outcome is what became of a command, in the words of the contract.
type Outcome struct {
	CommandID string    `json:"command_id"`
	OrderID   string    `json:"order_id,omitempty"`
	PaymentID string    `json:"payment_id,omitempty"`
	Problem   *Problem  `json:"problem,omitempty"`
	Status    es.Status `json:"status"`
	Version   int64     `json:"version,omitempty"`
}

// OutcomeBody puts an outcome into these words. Which order a payment is for, an
// outcome does not say.
func OutcomeBody(o es.Outcome) Outcome {
	body := Outcome{CommandID: o.CommandID, Version: int64(o.Version), Status: o.Status}
	body.OrderID, body.PaymentID = whose(o)
	if o.Status == es.StatusRejected || o.Status == es.StatusFailed {
		p := Refusal(o)
		body.Problem = &p
	}
	return body
}

// Refusal is the answer to a command that did not succeed.
func Refusal(o es.Outcome) Problem {
	p := No("command_failed", "the command could not be carried out")
	if o.Problem != nil {
		p = No(o.Problem.Code, o.Problem.Detail)
	}
	p.CommandID = o.CommandID
	p.OrderID, p.PaymentID = whose(o)
	return p
}

// whose tells which order or which payment a command was for. A ticket has the id
// of its order.
func whose(o es.Outcome) (orderID, paymentID string) {
	if strings.HasPrefix(string(command.Stream(o.CommandType, o.Target)), payment.Category+"-") {
		return "", o.Target
	}
	return o.Target, ""
}
