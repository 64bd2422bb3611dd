// Package gateway takes money from customers and gives it back, at a payment
// gateway that is asked over HTTP.
//
// Client asks any gateway that speaks the API of Server. Server is a simulator of
// one: it takes no money, decides by the payment method, and writes everything down
// in a Ledger, a file that outlives it. Open puts them together by an address: the
// simulator runs within this process, or a gateway is somewhere else.
package gateway
