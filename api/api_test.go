package api_test

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/millrace/millrace/api"
)

func TestContract(t *testing.T) {
	t.Parallel()

	t.Run("is valid and its examples match its schemas", func(t *testing.T) {
		t.Parallel()
		contract, err := openapi3.NewLoader().LoadFromData(api.Contract)
		if err != nil {
			t.Fatalf("load the contract: %v", err)
		}
		err = contract.Validate(t.Context(),
			openapi3.EnableExamplesValidation(),
			openapi3.EnableSchemaDefaultsValidation(),
			openapi3.EnableSchemaFormatValidation(),
			openapi3.EnableSchemaPatternValidation(),
		)
		if err != nil {
			t.Fatal(err)
		}
	})
}
