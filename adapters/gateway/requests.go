package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/millrace/millrace/domain/money"
)

const (
	maxBody = 64 << 10 // bytes of a request
	maxKey  = 255      // bytes of an Idempotency-Key
)

// chargeRequest is the body of POST /charges. What is nil was not said.
type chargeRequest struct {
	Amount        *int64  `json:"amount"`
	Currency      *string `json:"currency"`
	PaymentMethod *string `json:"payment_method"`
	OrderID       string  `json:"order_id"`
}

// refundRequest is the body of POST /refunds. What is nil was not said.
type refundRequest struct {
	ChargeKey *string `json:"charge_key"`
	Amount    *int64  `json:"amount"`
	Currency  *string `json:"currency"`
	Reason    string  `json:"reason"`
}

func readCharge(w http.ResponseWriter, r *http.Request) (Charge, error) {
	var body chargeRequest
	key, err := read(w, r, &body)
	if err != nil {
		return Charge{}, err
	}
	amount, err := amountOf(body.Amount, body.Currency)
	if err != nil {
		return Charge{}, err
	}
	if body.PaymentMethod == nil || *body.PaymentMethod == "" {
		return Charge{}, newProblem("invalid_request", "payment_method: is missing")
	}
	return Charge{Key: key, OrderID: body.OrderID, Method: *body.PaymentMethod, Money: amount}, nil
}

func readRefund(w http.ResponseWriter, r *http.Request) (Refund, error) {
	var body refundRequest
	key, err := read(w, r, &body)
	if err != nil {
		return Refund{}, err
	}
	amount, err := amountOf(body.Amount, body.Currency)
	if err != nil {
		return Refund{}, err
	}
	if body.ChargeKey == nil || *body.ChargeKey == "" {
		return Refund{}, newProblem("invalid_request", "charge_key: is missing")
	}
	return Refund{Key: key, ChargeKey: *body.ChargeKey, Money: amount, Reason: body.Reason}, nil
}

func amountOf(amount *int64, currency *string) (money.Money, error) {
	switch {
	case amount == nil:
		return money.Money{}, newProblem("invalid_request", "amount: is missing")
	case *amount < 0 || *amount > money.Max:
		return money.Money{}, newProblem("invalid_request", fmt.Sprintf("amount: want 0 to %d", money.Max))
	case currency == nil || !money.IsCurrency(*currency):
		return money.Money{}, newProblem("invalid_request", "currency: want a code of ISO 4217")
	}
	return money.Money{Amount: *amount, Currency: *currency}, nil
}

// read reads the key and the body of a request.
func read(w http.ResponseWriter, r *http.Request, body any) (key string, err error) {
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) != 1 || !isKey(keys[0]) {
		return "", newProblem("invalid_idempotency_key", fmt.Sprintf("want one header Idempotency-Key of 1 to %d printable characters", maxKey))
	}
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		return "", newProblem("unsupported_media_type", "want Content-Type: application/json")
	}
	return keys[0], decode(http.MaxBytesReader(w, r.Body, maxBody), body)
}

// isKey tells whether a key can stand in headers, in paths and in the ledger.
func isKey(key string) bool {
	strange := func(c rune) bool { return c < ' ' || c > '~' }
	return key != "" && len(key) <= maxKey && !strings.ContainsFunc(key, strange)
}

// decode reads one JSON object without unknown fields.
func decode(r io.Reader, body any) error {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(body)
	if err == nil {
		if _, more := decoder.Token(); more != io.EOF {
			err = errors.Join(errors.New("there is something after the object"), more)
		}
	}
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return newProblem("body_too_large", fmt.Sprintf("want at most %d bytes", maxBody))
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return newProblem("invalid_request", strings.TrimPrefix(wrong.Field+": ", ": ")+"want "+spelled(wrong.Type)+", not "+wrong.Value)
	}
	if strings.HasPrefix(err.Error(), "json: unknown field") {
		return newProblem("invalid_request", strings.TrimPrefix(err.Error(), "json: "))
	}
	return newProblem("malformed_json", err.Error())
}

// spelled says in the words of JSON what a field is.
func spelled(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int64:
		return "an integer"
	case reflect.String:
		return "a string"
	}
	return "an object"
}
