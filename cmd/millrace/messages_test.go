package main

import (
	"log/slog"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/millrace/millrace/adapters/broker"
	"github.com/millrace/millrace/api"
	"github.com/millrace/millrace/ports/messages"
)

// pointer leads to another part of the contract.
type pointer struct {
	Ref string `yaml:"$ref"`
}

// last returns the last name in the pointer.
func (p pointer) last() string { return p.Ref[strings.LastIndex(p.Ref, "/")+1:] }

// messageContract is what the contract of messages says about roles.
type messageContract struct {
	Info struct {
		Tags []struct{ Name string }
	}
	Channels map[string]struct {
		Address  string
		Messages map[string]any
	}
	Operations map[string]struct {
		Action   string
		Channel  pointer
		Tags     []struct{ Name string }
		Messages []pointer // none means all of the channel
	}
	Components struct {
		Schemas map[string]struct{ Pattern string }
	}
}

func readMessageContract(t *testing.T) (c messageContract) {
	t.Helper()
	if err := yaml.Unmarshal(api.Messages, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheContractOfMessagesIsBetweenTheRolesThatThereAre(t *testing.T) {
	t.Parallel()
	c := readMessageContract(t)
	var described []string
	for _, role := range c.Info.Tags {
		described = append(described, role.Name)
	}
	if !slices.Equal(described, roleNames) {
		t.Errorf("the contract describes the roles %v, want %v", described, roleNames)
	}
	idle := slices.Clone(roleNames)
	for name, operation := range c.Operations {
		if len(operation.Tags) == 0 {
			t.Errorf("nobody does %s", name)
		}
		for _, role := range operation.Tags {
			if !slices.Contains(roleNames, role.Name) {
				t.Errorf("%s is done by %s, which is no role", name, role.Name)
			}
			idle = slices.DeleteFunc(idle, func(r string) bool { return r == role.Name })
		}
	}
	if len(idle) > 0 {
		t.Errorf("the roles %v neither send nor receive", idle)
	}
}

// received returns what a role receives: channels, each with one of its messages.
func (c messageContract) received(role string) []string {
	all := map[string]bool{}
	for _, o := range c.Operations {
		if o.Action != "receive" || !slices.ContainsFunc(o.Tags, func(t struct{ Name string }) bool { return t.Name == role }) {
			continue
		}
		channel := o.Channel.last()
		for _, m := range o.Messages {
			all[channel+" "+m.last()] = true
		}
		if len(o.Messages) == 0 {
			c.addAll(all, channel)
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func (c messageContract) addAll(to map[string]bool, channel string) {
	for m := range c.Channels[channel].Messages {
		to[channel+" "+m] = true
	}
}

// filled returns what some queues of a store are filled with, in the same words.
func (c messageContract) filled(t *testing.T, store string, queues []messages.Queue) []string {
	t.Helper()
	all := map[string]bool{}
	for _, q := range queues {
		found := ""
		for name, channel := range c.Channels {
			if a := strings.ReplaceAll(channel.Address, "{store}", store); q.Group == a || strings.HasPrefix(q.Group, a+".") {
				found = name
			}
		}
		if found == "" {
			t.Errorf("the contract has no channel for the queue %s", q.Group)
		}
		for _, of := range q.Types {
			all[found+" "+strings.TrimSuffix(of, "."+store)] = true
		}
		if len(q.Types) == 0 {
			c.addAll(all, found)
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func TestEveryRoleReceivesWhatTheContractSays(t *testing.T) {
	t.Parallel()
	c := readMessageContract(t)
	for _, role := range roleNames {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			store, queues := queuesOf(t, role)
			if pattern := c.Components.Schemas["StoreID"].Pattern; !regexp.MustCompile(pattern).MatchString(store) {
				t.Errorf("the store is %s, want what matches %s", store, pattern)
			}
			if got, want := c.filled(t, store, queues), c.received(role); !slices.Equal(got, want) {
				t.Errorf("it receives\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
			}
		})
	}
}

// queuesOf returns the queues that a process with one role has where there may be
// other stores, and the id of its own.
func queuesOf(t *testing.T, role string) (id string, queues []messages.Queue) {
	t.Helper()
	var c config
	c.serveFlags(pflag.NewFlagSet("serve", pflag.PanicOnError)) // sets the defaults
	c.Store = "sqlite:" + filepath.Join(t.TempDir(), "millrace.db")
	c.Gateway = "simulator:" + filepath.Join(t.TempDir(), "gateway.db")
	c.Roles = role
	log := slog.New(slog.DiscardHandler)
	store, err := awaitStore(t.Context(), c, log)
	if err != nil {
		t.Fatal(err)
	}
	a, err := begin(t.Context(), c, log, store)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.close(); err != nil {
			t.Error(err)
		}
	}()
	a.config.Broker = "amqp://elsewhere" // which nothing connects to any more
	a.router, err = messages.NewRouter(messages.Config{Store: a.id, Log: watermill.NopLogger{}, Queues: func(q messages.Queue) message.Subscriber {
		queues = append(queues, q)
		return a.broker.Queue(broker.QueueConfig(q))
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.addRoles(); err != nil {
		t.Fatal(err)
	}
	return a.id, queues
}
