// Package api holds the contracts of Millrace: that of HTTP and that of messages. The routes and
// models of the server and the Go client are generated from the first: change openapi.yaml, then run
// go generate in this directory. Tests in ports/messages hold the second against the code.
package api

import _ "embed"

//go:generate go tool oapi-codegen -config oapi-server.yaml openapi.yaml
//go:generate go tool oapi-codegen -config oapi-client.yaml openapi.yaml

// Contract is the OpenAPI document in YAML, as it is served at /openapi.yaml. Do not change its bytes.
//
//go:embed openapi.yaml
var Contract []byte

// Messages is the AsyncAPI document in YAML, as it is served at /asyncapi.yaml. Do not change its bytes.
//
//go:embed asyncapi.yaml
var Messages []byte
