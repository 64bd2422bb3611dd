package gateway

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// inProcess carries requests to a handler without a network between.
type inProcess struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper. A handler that aborts is a connection that
// was cut, and after the end of its context nobody hears the answer to a request.
func (t inProcess) RoundTrip(r *http.Request) (_ *http.Response, err error) {
	ctx := r.Context()
	body := r.Body
	if body == nil {
		body = http.NoBody
	}
	defer func() { _ = body.Close() }() // it is read, or not wanted
	w := &recorder{header: http.Header{}}
	request := r.Clone(ctx)
	request.Body, request.RequestURI = body, r.URL.RequestURI()
	if err := w.record(t.handler, request); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return w.response(r), nil
}

// recorder is an http.ResponseWriter that keeps what is written.
type recorder struct {
	header http.Header
	status int // 0 until the header is written
	sent   http.Header
	body   bytes.Buffer
}

// record has a handler answer a request.
func (w *recorder) record(h http.Handler, r *http.Request) (err error) {
	defer func() {
		switch cause := recover(); cause {
		case nil:
		case http.ErrAbortHandler:
			err = fmt.Errorf("the connection was cut: %w", io.ErrUnexpectedEOF)
		default:
			panic(cause)
		}
	}()
	h.ServeHTTP(w, r)
	w.WriteHeader(http.StatusOK)
	return nil
}

// Header implements http.ResponseWriter.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. Only the first one counts.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.sent = status, w.header.Clone()
	}
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

func (w *recorder) response(r *http.Request) *http.Response {
	return &http.Response{
		Status:     fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)),
		StatusCode: w.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        w.sent,
		Body:          io.NopCloser(&w.body),
		ContentLength: int64(w.body.Len()),
		Request:       r,
	}
}
