package gateway

// The payment methods that the simulator knows. Every other one is declined with
// CodeUnknownMethod.
const (
	// TokenOK is charged.
	TokenOK = "tok_ok"

	// TokenDeclined is declined with CodeCardDeclined.
	TokenDeclined = "tok_declined"

	// TokenSlow is charged at once, but the answer takes Config.SlowAnswer. Who
	// does not wait for it has been charged nevertheless.
	TokenSlow = "tok_slow"

	// TokenError fails the first time it is asked for with a key, with nothing
	// charged, and is charged when asked again.
	TokenError = "tok_error"

	// TokenUnknown is charged, but the connection is cut instead of an answer. Who
	// asks again gets the answer.
	TokenUnknown = "tok_unknown"

	// TokenRefundRefused is charged, and every refund of it is refused with
	// CodeRefundRefused.
	TokenRefundRefused = "tok_refund_refused"
)

// The reasons why the simulator declines a charge or refuses a refund, for good.
const (
	CodeCardDeclined  = "card_declined"
	CodeUnknownMethod = "unknown_payment_method"

	// CodeChargeUnknown refuses a refund of a charge that was not asked for, or
	// that was declined.
	CodeChargeUnknown = "charge_unknown"

	// CodeRefundTooLarge refuses to give back more than is left of a charge.
	CodeRefundTooLarge = "refund_too_large"

	// CodeWrongCurrency refuses a refund in another currency than the charge's.
	CodeWrongCurrency = "wrong_currency"

	// CodeRefundRefused is what happens to refunds of TokenRefundRefused.
	CodeRefundRefused = "refund_refused"
)

// declines tells why a payment method is declined, or "" if it is charged.
func declines(method string) (code string) {
	switch method {
	case TokenOK, TokenSlow, TokenError, TokenUnknown, TokenRefundRefused:
		return ""
	case TokenDeclined:
		return CodeCardDeclined
	}
	return CodeUnknownMethod
}

// refuses tells why charges by a payment method are never given back, or "".
func refuses(method string) (code string) {
	if method == TokenRefundRefused {
		return CodeRefundRefused
	}
	return ""
}
