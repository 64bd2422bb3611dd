#!/usr/bin/env bash
# A first order: created, submitted with a way to pay, approved once the money is
# there and the restaurant takes it, shipped and completed. Then its events, its one
# payment and the restaurant's ticket, and how it looked at the start.
. "$(dirname "$0")/lib.sh"

call POST /orders '{"customer_id":"c-42","email":"a@example.com","items":[{"product_id":"p-1","title":"Margherita","quantity":2,"unit_price":{"amount":950,"currency":"EUR"}}],"delivery_address":{"name":"A. Eater","line1":"Canal 1","postal_code":"1011 AB","city":"Amsterdam","country":"NL"}}'
id=$(field order_id)

call POST "/orders/$id/submit" '{"payment_method":"tok_ok"}'
wait_for status approved "/orders/$id"

call POST "/orders/$id/ship" '{"carrier":"Bike","tracking_number":"B-7"}'
call POST "/orders/$id/complete"
call GET "/orders/$id" '' "Consistency-Token: $token"

echo
echo "\$ GET /v1/orders/$id/events"
curl -sS "$url/orders/$id/events" | grep -oE '"type":"[^"]*","version":[0-9]+'

call GET "/orders/$id/payments"
call GET "/tickets/$id"

call GET "/orders/$id?version=1"
