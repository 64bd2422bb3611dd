package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// rabbitMQ is a virtual host of its own.
type rabbitMQ struct {
	url        *url.URL
	management string
	name       string
}

func newRabbitMQ(ctx context.Context, address, management string) (broker, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	b := &rabbitMQ{url: u, management: management, name: freshName()}
	u.Path = "/" + b.name
	if err := b.manage(ctx, http.MethodPut, "/api/vhosts/"+b.name, ""); err != nil {
		return nil, err
	}
	const everything = `{"configure":".*","write":".*","read":".*"}`
	if err := b.manage(ctx, http.MethodPut, "/api/permissions/"+b.name+"/"+url.PathEscape(u.User.Username()), everything); err != nil {
		return nil, errors.Join(err, b.close(ctx))
	}
	return b, nil
}

// managementOf guesses where the management API of a RabbitMQ is: 10000 above its
// port, as it comes.
func managementOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("the address is not a URL") // the error of url.Parse tells the password
	}
	port := 5672
	if p := u.Port(); p != "" {
		port, err = strconv.Atoi(p)
	}
	if err != nil || u.Hostname() == "" || u.User == nil {
		return "", errors.New("want amqp://USER:PASSWORD@HOST:PORT/VHOST")
	}
	return "http://" + net.JoinHostPort(u.Hostname(), strconv.Itoa(port+10000)), nil
}

func (b *rabbitMQ) manage(ctx context.Context, method, path, body string) error {
	req, err := http.NewRequestWithContext(ctx, method, b.management+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	password, _ := b.url.User.Password()
	req.SetBasicAuth(b.url.User.Username(), password)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("reach RabbitMQ's management API, which makes a virtual host for the benchmark: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		said, _ := io.ReadAll(io.LimitReader(res.Body, 1000)) // the status says enough
		return fmt.Errorf("%s %s%s: %s: %s", method, b.management, path, res.Status, said)
	}
	return nil
}

func (b *rabbitMQ) address() string { return b.url.String() }

func (b *rabbitMQ) describe(context.Context) (string, error) {
	conn, err := amqp.Dial(b.address())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return fmt.Sprintf("%v %v", conn.Properties["product"], conn.Properties["version"]), nil
}

// raw publishes persistent messages to a quorum queue, by 4 channels of one
// connection.
func (b *rabbitMQ) raw(ctx context.Context, inFlight int, duration time.Duration) (float64, error) {
	conn, err := amqp.Dial(b.address())
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	var channels [4]*amqp.Channel
	for i := range channels {
		if channels[i], err = conn.Channel(); err != nil {
			return 0, err
		}
		if err := channels[i].Confirm(false); err != nil {
			return 0, err
		}
	}
	queue, err := channels[0].QueueDeclare("raw", true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
	if err != nil {
		return 0, err
	}
	m := amqp.Publishing{DeliveryMode: amqp.Persistent, Body: make([]byte, eventSize)}
	perSecond, err := rate(duration, inFlight, func(worker int) (int64, error) {
		confirmed, err := channels[worker%len(channels)].PublishWithDeferredConfirmWithContext(ctx, "", queue.Name, false, false, m)
		if err != nil {
			return 0, err
		}
		if !confirmed.Wait() {
			return 0, errors.New("RabbitMQ has not taken a message")
		}
		return 1, nil
	})
	if err != nil {
		return 0, err
	}
	_, err = channels[0].QueueDelete(queue.Name, false, false, false)
	return perSecond, err
}

func (b *rabbitMQ) close(ctx context.Context) error {
	return b.manage(ctx, http.MethodDelete, "/api/vhosts/"+b.name, "")
}
