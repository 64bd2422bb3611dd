package client_test

import (
	"context"
	"fmt"
	"log"

	"github.com/millrace/millrace/api/client"
)

// A first order by the generated client. It needs a running service, so that it
// is compiled and not run.
func Example() {
	ctx := context.Background()
	c, err := client.NewClientWithResponses("http://127.0.0.1:8080/v1")
	if err != nil {
		log.Fatal(err)
	}

	// The key makes the write safe to repeat: the same key and body get the same answer.
	key := "order-of-c-42-number-1"
	created, err := c.CreateOrderWithResponse(ctx, &client.CreateOrderParams{IdempotencyKey: &key}, client.NewOrder{
		CustomerID: "c-42",
		Email:      "a@example.com",
		Items: []client.Item{{
			ProductID: "p-1", Title: "Margherita", Quantity: 2,
			UnitPrice: client.Money{Amount: 950, Currency: "EUR"},
		}},
		DeliveryAddress: client.Address{
			Name: "A. Eater", Line1: "Canal 1", PostalCode: "1011 AB", City: "Amsterdam", Country: "NL",
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if created.JSON201 == nil {
		log.Fatalf("%s: %s", created.Status(), created.Body) // a problem says why
	}
	outcome, err := created.JSON201.AsCommandOutcome()
	if err != nil {
		log.Fatal(err)
	}

	// With the token of a write, a read waits until the views have seen that write.
	token := created.HTTPResponse.Header.Get("Consistency-Token")
	read, err := c.GetOrderWithResponse(ctx, outcome.OrderID, &client.GetOrderParams{ConsistencyToken: &token})
	if err != nil || read.JSON200 == nil {
		log.Fatal(err, read)
	}
	fmt.Println(read.JSON200.Status, read.JSON200.Total.Amount)
}
