package process_test

import (
	"reflect"
	"testing"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

func TestCheckoutApprovesWhatIsSubmittedAndPaid(t *testing.T) {
	t.Parallel()
	approve := command.ApproveOrder{Order: "7"}
	for name, test := range map[string]struct {
		events []order.Event
		want   []command.Command
	}{
		"paid last":                     {[]order.Event{created, submitted, requested, paid}, []command.Command{approve}},
		"submitted last":                {[]order.Event{created, requested, paid, submitted}, []command.Command{approve}},
		"paid at the second attempt":    {[]order.Event{created, submitted, requested, failed, requested, paid}, []command.Command{approve}},
		"once only":                     {[]order.Event{created, submitted, requested, paid, order.DeliveryAddressChanged{}, approved, order.Shipped{}, order.Completed{}}, []command.Command{approve}},
		"not before it is paid":         {[]order.Event{created, submitted, requested}, nil},
		"not after a failed payment":    {[]order.Event{created, submitted, requested, failed}, nil},
		"not before it is submitted":    {[]order.Event{created, requested, paid}, nil},
		"not when canceled before paid": {[]order.Event{created, submitted, requested, canceled, paid}, nil},
		"not again when rejected":       {[]order.Event{created, submitted, requested, paid, rejected, refunded}, []command.Command{approve}},
		"not when nothing happened":     {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given(t, process.CheckoutReactions(newCodec(t)), test.events...).then(test.want...)
		})
	}
}

func TestProcessesSayWhereTheirCommandsComeFrom(t *testing.T) {
	t.Parallel()
	sent := given(t, process.CheckoutReactions(newCodec(t)), created, requested, paid, submitted).sent
	if len(sent) != 1 {
		t.Fatalf("sent %d commands, want 1", len(sent))
	}
	cause := record(3, submitted)
	want := es.Envelope{
		ID: es.DeriveID("checkout", cause.ID, "order.approve"), Type: "order.approve", Target: "7",
		Schema: 1, Payload: []byte(`{"order_id":"7"}`), AcceptedAt: cause.OccurredAt,
		Metadata: es.Metadata{CorrelationID: "r-1", CausationID: cause.ID, Traceparent: "00-aa-bb-01", Actor: "process:checkout"},
	}
	if !reflect.DeepEqual(sent[0], want) {
		t.Errorf("sent\n\t%+v\nwant\n\t%+v", sent[0], want)
	}
}

// A process that dies before it has saved sees the same events again. Its
// commands then are the same, so that the journal knows them.
func TestProcessesRepeatThemselvesExactlyOnReplay(t *testing.T) {
	t.Parallel()
	events := []order.Event{created, submitted, requested, paid, canceled}
	first := given(t, process.CheckoutReactions(newCodec(t)), events...).sent
	first = append(first, given(t, process.PaymentsReactions(newCodec(t), &till{}), events...).sent...)
	again := given(t, process.CheckoutReactions(newCodec(t)), events...).sent
	again = append(again, given(t, process.PaymentsReactions(newCodec(t), &till{}), events...).sent...)
	if !reflect.DeepEqual(first, again) {
		t.Errorf("sent\n\t%+v\nand then\n\t%+v", first, again)
	}
	seen := map[string]string{}
	for _, c := range first {
		if other, ok := seen[c.ID]; ok {
			t.Errorf("%s and %s have the same id", other, c.Type)
		}
		seen[c.ID] = c.Type
	}
	if len(seen) != 3 {
		t.Errorf("sent %v, want an approval, a confirmation and a refund", seen)
	}
}
