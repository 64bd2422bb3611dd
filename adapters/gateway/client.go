package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/internal/crash"
)

// ClientConfig is what a Client can be told. Only the address has no default.
type ClientConfig struct {
	// BaseURL is where the API is: http://HOST:PORT, or https, maybe with a path. The
	// name and the password in it go into a header, so that no error shows them.
	BaseURL *url.URL

	// Timeout is how long one request may take, with its answer. Defaults to 10s.
	Timeout time.Duration

	// Transport carries requests. Defaults to connections of the client's own,
	// which are used again.
	Transport http.RoundTripper
}

// Client is a process.Gateway that asks over HTTP. It asks once for each call: what
// it cannot know, the caller learns. It is safe for concurrent use.
type Client struct {
	base    string        // without the user
	user    *url.Userinfo // nil for nobody
	timeout time.Duration
	http    *http.Client
}

var _ process.Gateway = (*Client)(nil)

// NewClient returns a client. A gateway that is away is no error.
func NewClient(c ClientConfig) *Client {
	transport := c.Transport
	if transport == nil {
		transport = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout:   5 * time.Second,
			ExpectContinueTimeout: time.Second,
			MaxIdleConns:          64,
			MaxIdleConnsPerHost:   64,
			IdleConnTimeout:       30 * time.Second, // before a server hangs up, usually
		}
	}
	base := *c.BaseURL
	base.User = nil
	return &Client{
		base:    strings.TrimSuffix(base.String(), "/"),
		user:    c.BaseURL.User,
		timeout: cmp.Or(max(c.Timeout, 0), 10*time.Second),
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Close closes connections that nobody uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Charge implements process.Gateway.
func (c *Client) Charge(ctx context.Context, asked process.Charge) (reference string, err error) {
	about := func() []string { return []string{"charge " + asked.Key + " " + asked.Order} }
	crash.Point("gateway.before", about)
	reference, err = c.ask(ctx, http.MethodPost, "/charges", asked.Key, chargeRequest{
		Amount: &asked.Amount.Amount, Currency: &asked.Amount.Currency, PaymentMethod: &asked.Method, OrderID: asked.Order,
	})
	if err == nil {
		crash.Point("gateway.after", about)
	}
	return reference, err
}

// Refund implements process.Gateway.
func (c *Client) Refund(ctx context.Context, asked process.Refund) (reference string, err error) {
	about := func() []string { return []string{"refund " + asked.Key + " " + asked.Charge} }
	crash.Point("gateway.before", about)
	reference, err = c.ask(ctx, http.MethodPost, "/refunds", asked.Key, refundRequest{
		ChargeKey: &asked.Charge, Amount: &asked.Amount.Amount, Currency: &asked.Amount.Currency, Reason: asked.Reason,
	})
	if err == nil {
		crash.Point("gateway.after", about)
	}
	return reference, err
}

// FindCharge implements process.Gateway.
func (c *Client) FindCharge(ctx context.Context, key string) (reference string, err error) {
	return c.ask(ctx, http.MethodGet, "/charges/"+url.PathEscape(key), key, nil)
}

// FindRefund implements process.Gateway.
func (c *Client) FindRefund(ctx context.Context, key string) (reference string, err error) {
	return c.ask(ctx, http.MethodGet, "/refunds/"+url.PathEscape(key), key, nil)
}

// ask sends one request about a key and says what the answer means. A body that is
// not nil is sent as JSON.
func (c *Client) ask(ctx context.Context, method, path, key string, body any) (reference string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := c.request(ctx, method, path, key, body)
	if err != nil {
		return "", fmt.Errorf("make %s %s for %s: %w", method, path, key, err)
	}
	if c.user != nil {
		password, _ := c.user.Password() // empty if there is none
		request.SetBasicAuth(c.user.Username(), password)
	}
	a, err := c.send(request)
	if err == nil {
		reference, err = a.meaning(key)
	}
	if _, declined := errors.AsType[process.Declined](err); err != nil && !declined && !errors.Is(err, process.ErrNeverAsked) {
		err = fmt.Errorf("ask the gateway %s %s for %s: %w", method, path, key, err)
	}
	return reference, err
}

func (c *Client) request(ctx context.Context, method, path, key string, body any) (*http.Request, error) {
	if body == nil {
		return http.NewRequestWithContext(ctx, method, c.base+path, http.NoBody)
	}
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	// net/http takes a POST with an Idempotency-Key for one that it may send again
	// when a connection breaks. Without GetBody it cannot, so that the caller hears
	// of it and decides.
	request.GetBody = nil
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	return request, nil
}

// maxAnswer is the largest answer that is read.
const maxAnswer = 1 << 20

func (c *Client) send(request *http.Request) (answer, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }() // everything of interest was read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return answer{}, fmt.Errorf("read the answer %s: %w", response.Status, err)
	}
	if len(body) > maxAnswer {
		return answer{}, fmt.Errorf("the answer %s is over %d bytes", response.Status, maxAnswer)
	}
	mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")) // empty if there is none
	return answer{status: response.StatusCode, mediaType: mediaType, body: body}, nil
}
