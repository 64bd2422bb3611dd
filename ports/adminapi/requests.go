package adminapi

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/millrace/millrace/ports/httpkit"
)

// handler answers a request, or returns why not.
type handler func(http.ResponseWriter, *http.Request) error

// answered answers requests whose queries have no parameters but some. One that is
// misspelt would be left out, and the answer be one to another question.
func (c Config) answered(handle handler, parameters ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := checkQuery(r, parameters)
		if err == nil {
			err = handle(w, r)
		}
		if err != nil {
			httpkit.Fail(c.Log, w, r, err)
		}
	}
}

func checkQuery(r *http.Request, parameters []string) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return httpkit.BadParameter("/query", "cannot be read: "+err.Error())
	}
	for name, given := range values {
		switch {
		case !slices.Contains(parameters, name):
			return httpkit.BadParameter("/query/"+name, "is no parameter of this path")
		case len(given) > 1:
			return httpkit.BadParameter("/query/"+name, "must be given once")
		}
	}
	return nil
}
