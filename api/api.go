// Package api holds the HTTP contract of Millrace. The routes and models of the server and the
// Go client are generated from it: change openapi.yaml, then run go generate in this directory.
package api

import _ "embed"

//go:generate go tool oapi-codegen -config oapi-server.yaml openapi.yaml
//go:generate go tool oapi-codegen -config oapi-client.yaml openapi.yaml

// Contract is the OpenAPI document in YAML, as it is served at /openapi.yaml. Do not change its bytes.
//
//go:embed openapi.yaml
var Contract []byte
