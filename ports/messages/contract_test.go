package messages_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/millrace/millrace/api"
	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/ports/messages"
)

// object is an object of JSON.
type object = map[string]any

// contract is the AsyncAPI document, which tests of package api hold to be valid.
type contract struct {
	*testing.T
	document object
}

func readContract(t *testing.T) contract {
	t.Helper()
	var document any
	if err := yaml.Unmarshal(api.Messages, &document); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return contract{t, decoded(t, data).(object)}
}

// decoded reads JSON as the schemas want it.
func decoded(t *testing.T, data []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// at returns the object at a pointer, behind the reference that it may be.
func (c contract) at(pointer string) object {
	c.Helper()
	found := c.document
	for key := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		inner, ok := found[key].(object)
		if !ok {
			c.Fatalf("nothing is at %s", pointer)
		}
		found = c.resolve(inner)
	}
	return found
}

func (c contract) resolve(o object) object {
	c.Helper()
	if ref, ok := o["$ref"].(string); ok {
		return c.at(strings.TrimPrefix(ref, "#"))
	}
	return o
}

// kind returns the messages of a kind, commands, events or letters, by their names.
func (c contract) kind(kind string) map[string]object {
	c.Helper()
	all := map[string]object{}
	for name := range c.at("/components/messages") {
		message := c.at("/components/messages/" + name)
		traits, _ := message["traits"].([]any)
		if slices.ContainsFunc(traits, func(t any) bool { return t.(object)["$ref"] == "#/components/messageTraits/"+kind }) {
			all[name] = message
		}
	}
	return all
}

// schema returns the schema at a pointer.
func (c contract) schema(pointer string) *jsonschema.Schema {
	c.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7) // which the schemas of AsyncAPI extend
	compiler.AssertFormat()
	if err := compiler.AddResource("asyncapi.json", c.document); err != nil {
		c.Fatal(err)
	}
	schema, err := compiler.Compile("asyncapi.json#" + pointer)
	if err != nil {
		c.Fatal(err)
	}
	return schema
}

// catalogues hold a value of every command and of every event by their types.
func catalogues() (commands, events map[string]any) {
	commands, events = map[string]any{}, map[string]any{}
	for _, c := range command.Catalogue() {
		commands[c.CommandType()] = c
	}
	for _, e := range order.Catalogue() {
		events[e.EventType()] = e
	}
	for _, e := range payment.Catalogue() {
		events[e.EventType()] = e
	}
	for _, e := range ticket.Catalogue() {
		events[e.EventType()] = e
	}
	return commands, events
}

func names[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }

func TestContractHasEveryCommandAndEvent(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	commands, events := catalogues()
	for kind, want := range map[string][]string{"command": names(commands), "event": names(events)} {
		all := c.kind(kind)
		if got := names(all); !slices.Equal(got, want) {
			t.Errorf("the contract has the %ss\n\t%v\nand the catalogues have\n\t%v", kind, got, want)
		}
		for name, message := range all {
			if message["name"] != name {
				t.Errorf("%s calls itself %v", name, message["name"])
			}
		}
	}
}

func TestContractHasAChannelForEveryCommandAndOneForAllEvents(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	commands, events := catalogues()
	for name := range commands {
		channel := c.at("/channels/" + name)
		if got := names(channel["messages"].(object)); channel["address"] != messages.CommandTopic(name) || !slices.Equal(got, []string{name}) {
			t.Errorf("the channel of %s is at %v and has %v", name, channel["address"], got)
		}
		c.wantExchange(channel, messages.CommandTopic(""))
	}
	channel := c.at("/channels/events")
	if got, want := names(channel["messages"].(object)), names(events); channel["address"] != messages.EventsTopic || !slices.Equal(got, want) {
		t.Errorf("the channel of events is at %v and has\n\t%v, want\n\t%v", channel["address"], got, want)
	}
	c.wantExchange(channel, messages.EventsTopic)
	for name := range c.at("/channels") {
		for key := range channelMessages(c, name) {
			if ref := c.at("/channels/" + name)["messages"].(object)[key].(object)["$ref"]; ref != "#/components/messages/"+key {
				t.Errorf("%s in the channel %s is %v", key, name, ref)
			}
		}
	}
}

// wantExchange wants a channel to be in an exchange of RabbitMQ, which is a topic
// without what comes after the family.
func (c contract) wantExchange(channel object, want string) {
	c.Helper()
	bindings, want := c.resolve(channel["bindings"].(object)), strings.TrimSuffix(want, ".")
	if got := bindings["amqp"].(object)["exchange"].(object)["name"]; got != want {
		c.Errorf("%s goes to the exchange %v, want %s", channel["address"], got, want)
	}
}

// channelMessages returns the messages of a channel, of which it may have none.
func channelMessages(c contract, channel string) object {
	c.Helper()
	all, _ := c.at("/channels/" + channel)["messages"].(object)
	return all
}

// operation is who does what with which messages of a channel.
type operation struct {
	name     string
	receives bool
	channel  string
	roles    []string
	messages []string
}

func (c contract) operations() (all []operation) {
	c.Helper()
	for _, name := range names(c.at("/operations")) {
		o := c.at("/operations/" + name)
		channel := strings.TrimPrefix(o["channel"].(object)["$ref"].(string), "#/channels/")
		found := operation{name: name, channel: channel, receives: o["action"] == "receive", messages: names(channelMessages(c, channel))}
		if some, ok := o["messages"].([]any); ok {
			found.messages = nil
			for _, m := range some {
				path, message, _ := strings.Cut(m.(object)["$ref"].(string), "/messages/")
				if path != "#/channels/"+channel {
					c.Errorf("%s picks %s from %s, but its channel is %s", name, message, path, channel)
				}
				found.messages = append(found.messages, message)
			}
		}
		for _, tag := range o["tags"].([]any) {
			found.roles = append(found.roles, tag.(object)["name"].(string))
		}
		all = append(all, found)
	}
	return all
}

func TestWhatIsSentIsReceived(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	senders, receivers := map[string][]string{}, map[string][]string{} // by channel and message
	for _, o := range c.operations() {
		into := senders
		if o.receives {
			into = receivers
		}
		for _, m := range append(o.messages, "") {
			into[o.channel+" "+m] = append(into[o.channel+" "+m], o.name)
		}
	}
	if got, want := names(receivers), names(senders); !slices.Equal(got, want) {
		t.Errorf("these are received:\n\t%v\nand these are sent:\n\t%v", got, want)
	}
	commands, events := catalogues()
	for name := range commands {
		if by := receivers[name+" "+name]; len(by) != 1 {
			t.Errorf("%s is carried out by %v, want one role", name, by)
		}
	}
	for name := range events {
		if by := senders["events "+name]; len(by) != 1 {
			t.Errorf("%s is said by %v, want one role", name, by)
		}
	}
	for name := range c.at("/channels") {
		if len(senders[name+" "]) == 0 {
			t.Errorf("nobody sends to the channel %s", name)
		}
	}
}
