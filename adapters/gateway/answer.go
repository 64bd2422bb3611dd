package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/millrace/millrace/app/process"
)

// answer is what came back from a gateway.
type answer struct {
	status    int
	mediaType string
	body      []byte
}

// content is what a client wants to know of an answer.
type content struct {
	Key       string `json:"key"`
	Reference string `json:"reference"`
	Status    any    `json:"status"` // a word in a charge or a refund, a number in a problem
	Code      string `json:"code"`
	Detail    string `json:"detail"`
}

// meaning says what an answer to a question about a key means. Whatever else may
// stand at the address, or between here and there, is not taken for the gateway: a
// yes and a no both have the key, and a key that it does not know has a code.
func (a answer) meaning(key string) (reference string, err error) {
	var said content
	if a.mediaType != "application/json" && a.mediaType != "application/problem+json" {
		return "", a.strange()
	}
	if err := json.Unmarshal(a.body, &said); err != nil {
		return "", errors.Join(a.strange(), err)
	}
	switch ours := said.Key == key; a.status {
	case http.StatusOK, http.StatusCreated:
		switch said.Status {
		case StatusCharged, StatusRefunded:
			if ours && said.Reference != "" {
				return said.Reference, nil
			}
		case StatusDeclined, StatusRefused:
			if ours && said.Code != "" {
				return "", process.Declined{Reason: said.Code}
			}
		}
	case http.StatusPaymentRequired, http.StatusConflict:
		if ours && said.Code != "" {
			return "", process.Declined{Reason: said.Code}
		}
	case http.StatusNotFound:
		if said.Code == codeChargeNotFound || said.Code == codeRefundNotFound {
			return "", process.ErrNeverAsked
		}
	}
	return "", a.strange()
}

// strange says that an answer settles nothing.
func (a answer) strange() error {
	const enough = 300
	return fmt.Errorf("the answer is %d %s: %q", a.status, http.StatusText(a.status), a.body[:min(len(a.body), enough)])
}
