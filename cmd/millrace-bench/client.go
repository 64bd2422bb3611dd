package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// client is one connection. It is as plain as can be, because it shares the
// processors with the service that it measures.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	addr string
}

func dial(addr string) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReader(conn), addr}, nil
}

// outcome is the answer to a write.
type outcome struct {
	OrderID string `json:"order_id"`
	Status  string `json:"status"`
	token   string
}

// write sends a command to Millrace and wants it carried out.
func (c *client) write(path, body string) (outcome, time.Duration, error) {
	start := time.Now()
	o, err := c.send(path, "", body)
	if err == nil && o.Status != "succeeded" {
		err = fmt.Errorf("POST %s: the command is %s", path, o.Status)
	}
	return o, time.Since(start), err
}

// post sends a command and wants it taken.
func (c *client) post(path, body string) (outcome, error) {
	return c.send(path, "Prefer: respond-async\r\n", body)
}

func (c *client) send(path, headers, body string) (outcome, error) {
	res, data, err := c.do("POST", path, headers, body)
	if err != nil {
		return outcome{}, err
	}
	if res.StatusCode >= 300 {
		return outcome{}, fmt.Errorf("POST %s: status %s: %s", path, res.Status, data)
	}
	var o outcome
	if err := json.Unmarshal(data, &o); err != nil {
		return o, fmt.Errorf("POST %s: %w", path, err)
	}
	o.token = res.Header.Get("Consistency-Token")
	return o, nil
}

// see reads an order as soon as the view has what was written.
func (c *client) see(written outcome) error {
	res, _, err := c.do("GET", "/v1/orders/"+written.OrderID, "Consistency-Token: "+written.token+"\r\n", "")
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("read your write: status %s", res.Status)
	}
	return err
}

func (c *client) do(method, path, headers, body string) (*http.Response, []byte, error) {
	if body != "" {
		headers += "Content-Type: application/json\r\n"
	}
	_, err := fmt.Fprintf(c.conn, "%s %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n\r\n%s", method, path, c.addr, headers, len(body), body)
	if err != nil {
		return nil, nil, err
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(res.Body)
	return res, data, err
}
