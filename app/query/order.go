// Package query is what can be asked about orders: the views, how events shape
// them, and the questions they answer.
package query

import (
	"time"

	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

// Order is what people see of one order. The zero Order is one that was never
// created.
type Order struct {
	CustomerID      string              `json:"customer_id"`
	Email           string              `json:"email"`
	Status          order.Status        `json:"status"`
	PaymentStatus   order.PaymentStatus `json:"payment_status"`
	Items           order.Cart          `json:"items"`
	Total           order.Money         `json:"total"`
	DeliveryAddress order.Address       `json:"delivery_address"`
	PaymentID       string              `json:"payment_id,omitempty"`
	PaymentFailure  string              `json:"payment_failure,omitempty"`
	Carrier         string              `json:"carrier,omitempty"`
	TrackingNumber  string              `json:"tracking_number,omitempty"`
	CancelReason    string              `json:"cancel_reason,omitempty"`
	RejectReason    string              `json:"reject_reason,omitempty"`
	CreatedAt       time.Time           `json:"created_at"`
	UpdatedAt       time.Time           `json:"updated_at"`
	SubmittedAt     time.Time           `json:"submitted_at,omitzero"`
	ApprovedAt      time.Time           `json:"approved_at,omitzero"`
	ShippedAt       time.Time           `json:"shipped_at,omitzero"`
	DeliveredAt     time.Time           `json:"delivered_at,omitzero"`
}

// Evolve returns the view after an event.
func (v Order) Evolve(e order.Event) Order {
	switch e := e.(type) {
	case order.Created:
		v.CustomerID, v.Email = e.CustomerID, e.Email
		v.Items, v.Total, v.DeliveryAddress = e.Cart, e.Total, e.DeliveryAddress
		v.Status, v.PaymentStatus = order.StatusDraft, order.PaymentNone
		v.CreatedAt, v.UpdatedAt = e.At, e.At
	case order.CartUpdated:
		v.Items, v.Total, v.UpdatedAt = e.Cart, e.Total, e.At
	case order.DeliveryAddressChanged:
		v.DeliveryAddress, v.UpdatedAt = e.DeliveryAddress, e.At
	case order.Submitted:
		v.Status, v.SubmittedAt, v.UpdatedAt = order.StatusSubmitted, e.At, e.At
	case order.PaymentRequested:
		v.PaymentStatus, v.PaymentID, v.PaymentFailure, v.UpdatedAt = order.PaymentPending, e.PaymentID, "", e.At
	case order.Paid:
		v.PaymentStatus, v.UpdatedAt = order.PaymentTaken, e.At
	case order.PaymentFailed:
		v.PaymentStatus, v.PaymentFailure, v.UpdatedAt = order.PaymentRefused, e.Reason, e.At
	case order.Approved:
		v.Status, v.ApprovedAt, v.UpdatedAt = order.StatusApproved, e.At, e.At
	case order.Rejected:
		v.Status, v.RejectReason, v.UpdatedAt = order.StatusRejected, e.Reason, e.At
	case order.Shipped:
		v.Status, v.ShippedAt, v.UpdatedAt = order.StatusShipped, e.At, e.At
		v.Carrier, v.TrackingNumber = e.Carrier, e.TrackingNumber
	case order.Completed:
		v.Status, v.DeliveredAt, v.UpdatedAt = order.StatusCompleted, e.DeliveredAt, e.At
	case order.Canceled:
		v.Status, v.CancelReason, v.UpdatedAt = order.StatusCanceled, e.Reason, e.At
	case order.Refunded:
		v.PaymentStatus, v.UpdatedAt = order.PaymentReturned, e.At
	}
	return v
}

// OrderRow is the view of an order as it was at a version.
type OrderRow struct {
	ID      order.ID
	Version es.Version
	Order
}
