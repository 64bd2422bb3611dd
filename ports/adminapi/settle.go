package adminapi

import (
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

// readSettlement returns the command for the body too, which does not say which refund it
// is about: an Idempotency-Key is for one refund.
func readSettlement(id payment.ID, r *http.Request) (any, command.Command, error) {
	refund, err := httpkit.ReadID("refund", chi.URLParam(r, "refund"))
	if err != nil {
		return nil, nil, err
	}
	var body settlement
	if err := decode(r, &body); err != nil {
		return nil, nil, err
	}
	c := command.SettleRefund{Payment: id, Refund: refund, Reference: body.Reference}
	return c, c, nil
}
