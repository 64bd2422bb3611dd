package httpapi

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/millrace/millrace/api"
	"github.com/millrace/millrace/ports/httpkit"
)

// docs holds Swagger UI as it is published, and the page that opens it on the
// contract.
//
//go:embed docs
var docs embed.FS

// mountDocs serves the contracts, and a page for people to read that of HTTP and try it.
func mountDocs(r chi.Router, fail func(http.ResponseWriter, *http.Request, error)) {
	for path, contract := range map[string][]byte{"/openapi.yaml": api.Contract, "/asyncapi.yaml": api.Messages} {
		r.Get(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/yaml")
			_, _ = w.Write(contract) // the client has gone
		})
	}
	files, err := fs.Sub(docs, "docs")
	if err != nil {
		panic(err) // the folder is part of the binary
	}
	serve := http.StripPrefix("/docs", http.FileServerFS(files))
	r.Get("/docs", http.RedirectHandler("/docs/", http.StatusMovedPermanently).ServeHTTP)
	r.Get("/docs/*", func(w http.ResponseWriter, r *http.Request) {
		if name := strings.TrimPrefix(r.URL.Path, "/docs/"); name != "" {
			if info, err := fs.Stat(files, name); err != nil || info.IsDir() {
				fail(w, r, httpkit.NoPath())
				return
			}
		}
		w.Header().Set("Content-Security-Policy",
			"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'")
		serve.ServeHTTP(w, r)
	})
	r.Get("/", http.RedirectHandler("/docs/", http.StatusFound).ServeHTTP)
}
