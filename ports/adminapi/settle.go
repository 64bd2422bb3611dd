package adminapi

import (
	"encoding/json"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/ports/httpkit"
)

// settlement is what an operator sends who has given the money of a refused refund back
// by other means.
type settlement struct {
	Reference string `json:"reference"`
}

// settlementSchema says what a settlement looks like.
func settlementSchema() *openapi3.Schema {
	body := openapi3.NewObjectSchema().WithoutAdditionalProperties().
		WithProperty("reference", openapi3.NewStringSchema().WithMinLength(1).WithMaxLength(200).WithPattern(`\S`))
	body.Required = []string{"reference"}
	return body
}

func settle(writes *httpkit.Writes, schema *openapi3.Schema, w http.ResponseWriter, r *http.Request) error {
	id, err := httpkit.ReadID("id", chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	refund, err := httpkit.ReadID("refund", chi.URLParam(r, "refund"))
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
	var body settlement
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return httpkit.No("invalid_request", err.Error())
	}
	c := command.SettleRefund{Payment: payment.ID(id), Refund: refund, Reference: body.Reference}
	// The body does not say which refund it is about, and a key is for one refund.
	answer, err := writes.Do(r.Context(), httpkit.Write{Params: params, Caller: operator, Body: c, Command: c, Outcomes: commandsPath})
	if err != nil {
		return err
	}
	return answer.Send(w)
}
