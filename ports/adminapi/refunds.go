package adminapi

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/ports/httpkit"
)

// operator is who calls on this listener, as far as it knows.
const operator = "operator"

// refund is what an operator sends to give money back. No amount means all that is
// left of the payment.
type refund struct {
	Amount money.Money `json:"amount,omitzero"`
	Reason string      `json:"reason"`
}

// refundSchema says what a refund looks like.
func refundSchema() *openapi3.Schema {
	amount := openapi3.NewObjectSchema().WithoutAdditionalProperties().
		WithProperty("amount", openapi3.NewInt64Schema().WithMin(1).WithMax(money.Max)).
		WithProperty("currency", openapi3.NewStringSchema().WithPattern(`^[A-Z]{3}$`))
	amount.Required = []string{"amount", "currency"}
	body := openapi3.NewObjectSchema().WithoutAdditionalProperties().
		WithProperty("amount", amount).
		WithProperty("reason", openapi3.NewStringSchema().WithMinLength(1).WithMaxLength(500).WithPattern(`\S`))
	body.Required = []string{"reason"}
	return body
}

// refunds lets operators give back what was taken by a payment, and say that it was
// given back when the gateway would not do it.
func (c Config) refunds(r chi.Router) {
	post := func(path string, schema *openapi3.Schema, read reader) {
		if c.Writes == nil {
			r.Post(path, c.elsewhere(c.noWrites()))
			return
		}
		r.Post(path, c.answered(func(w http.ResponseWriter, r *http.Request) error { return c.write(w, r, schema, read) }))
	}
	post("/admin/payments/{id}/refunds", refundSchema(), c.readRefund)
	post("/admin/payments/{id}/refunds/{refund}/settle", settlementSchema(), readSettlement)
}

// reader reads what is wanted of a payment, from a body that its schema has let through.
type reader func(id payment.ID, r *http.Request) (body any, wanted command.Command, err error)

// write carries out what an operator wants of a payment.
func (c Config) write(w http.ResponseWriter, r *http.Request, schema *openapi3.Schema, read reader) error {
	id, err := httpkit.ReadID("id", chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	params, err := paramsOf(r)
	if err != nil {
		return err
	}
	if err := httpkit.CheckBody(w, r, true, schema); err != nil {
		return err
	}
	body, wanted, err := read(payment.ID(id), r)
	if err != nil {
		return err
	}
	answer, err := c.Writes.Do(r.Context(), httpkit.Write{
		Params: params, Caller: operator, Body: body, Command: wanted, Outcomes: commandsPath,
	})
	if err != nil {
		return err
	}
	return answer.Send(w)
}

func (c Config) readRefund(id payment.ID, r *http.Request) (any, command.Command, error) {
	var body refund
	if err := decode(r, &body); err != nil {
		return nil, nil, err
	}
	return body, command.Refund{Payment: id, Refund: c.Writes.NewID(), Amount: body.Amount, Reason: body.Reason}, nil
}

func decode(r *http.Request, body any) error {
	if err := json.NewDecoder(r.Body).Decode(body); err != nil {
		return httpkit.No("invalid_request", err.Error())
	}
	return nil
}

// paramsOf reads the headers of a write.
func paramsOf(r *http.Request) (httpkit.Params, error) {
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) > 1 || len(keys) == 1 && keys[0] == "" {
		return httpkit.Params{}, httpkit.BadParameter("/header/Idempotency-Key", "must be one key that is not empty")
	}
	return httpkit.Params{
		IdempotencyKey: r.Header.Get("Idempotency-Key"), Traceparent: r.Header.Get("traceparent"),
		Prefer:  strings.Join(r.Header.Values("Prefer"), ", "),
		IfMatch: strings.Join(r.Header.Values("If-Match"), ", "),
	}, nil
}
