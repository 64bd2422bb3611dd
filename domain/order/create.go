package order

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/millrace/millrace/domain/rule"
)

// Draft is what a new order is made of.
type Draft struct {
	CustomerID      string  `json:"customer_id"`
	Email           string  `json:"email"`
	Cart            Cart    `json:"items"`
	DeliveryAddress Address `json:"delivery_address"`
}

// Check returns Invalid when no order can be made of the draft.
func (d Draft) Check() error {
	var v rule.Violations
	v.Text("/customer_id", d.CustomerID, 1, 255)
	v.Require(isEmail(d.Email), "/email", "must be an e-mail address of at most 254 characters")
	d.DeliveryAddress.check(&v, "/delivery_address")
	if err := v.Err(); err != nil {
		return err
	}
	_, err := d.Cart.Total()
	return err
}

// Create decides whether a new order can be taken.
func (o Order) Create(d Draft, at time.Time) ([]Event, error) {
	if o.status != "" {
		return nil, ErrExists
	}
	if err := d.Check(); err != nil {
		return nil, err
	}
	total, err := d.Cart.Total()
	if err != nil {
		return nil, err
	}
	return []Event{Created{
		CustomerID: d.CustomerID, Email: d.Email,
		Cart: d.Cart, Total: total,
		DeliveryAddress: d.DeliveryAddress, At: at,
	}}, nil
}

// isEmail asks for no more than can be known without sending a mail: something
// on both sides of one @, and no blanks.
func isEmail(s string) bool {
	name, host, found := strings.Cut(s, "@")
	return found && name != "" && host != "" && utf8.RuneCountInString(s) <= 254 &&
		!strings.Contains(host, "@") && !strings.ContainsFunc(s, unicode.IsSpace)
}
