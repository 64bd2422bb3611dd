#!/usr/bin/env bash
# A payment that is declined, an order that says no to shipping, a second payment,
# and a change of mind: the money comes back.
. "$(dirname "$0")/lib.sh"

call POST /orders '{"customer_id":"c-7","email":"b@example.com","items":[{"product_id":"p-2","title":"Quattro Stagioni","quantity":1,"unit_price":{"amount":1250,"currency":"EUR"}}],"delivery_address":{"name":"B. Eater","line1":"Canal 2","postal_code":"1011 AC","city":"Amsterdam","country":"NL"}}'
id=$(field order_id)

call POST "/orders/$id/pay" '{"payment_method":"tok_declined"}'
wait_for payment_status failed "/orders/$id"

call POST "/orders/$id/ship"

call POST "/orders/$id/pay" '{"payment_method":"tok_ok"}'
wait_for payment_status paid "/orders/$id"

call POST "/orders/$id/cancel" '{"reason":"not hungry any more"}'
wait_for payment_status refunded "/orders/$id"

echo
echo "\$ GET /v1/orders/$id/events"
curl -sS "$url/orders/$id/events" | grep -oE '"type":"[^"]*","version":[0-9]+'

call GET "/orders/$id/payments"
