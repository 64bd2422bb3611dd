package servertest_test

import (
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/servertest"
)

func TestRabbitMQOfATestIsKilledStartedAndWiped(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"rabbitmq", "rabbitmq3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := servertest.StartRabbitMQ(t, name)
			if r.Address() == servertest.Address(t, name) {
				t.Fatal("this is the server of everybody")
			}
			wantAnswer(t, r.Address(), true)
			r.Control("add_vhost", "kept")
			r.Kill()
			wantAnswer(t, r.Address(), false)
			r.Start()
			wantAnswer(t, r.Address(), true)
			if hosts := r.Control("list_vhosts"); !strings.Contains(hosts, "kept") {
				t.Errorf("after the kill there is only %q", hosts)
			}

			r.Alarm(true)
			if alarms := r.Control("eval", "rabbit_alarm:get_alarms()."); !strings.Contains(alarms, "memory") {
				t.Errorf("alarms are %q, want one of memory", alarms)
			}
			r.Alarm(false)
			if alarms := r.Control("eval", "rabbit_alarm:get_alarms()."); strings.Contains(alarms, "memory") {
				t.Errorf("alarms are %q, want none", alarms)
			}

			r.Wipe()
			r.Start()
			if hosts := r.Control("list_vhosts"); strings.Contains(hosts, "kept") {
				t.Errorf("after the wipe there is still %q", hosts)
			}
		})
	}
}

func wantAnswer(t *testing.T, address string, want bool) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.DialTimeout("tcp", u.Host, time.Second)
	if err == nil {
		c.Close() // it has served its purpose
	}
	if got := err == nil; got != want {
		t.Fatalf("the server answers: %v, want %v (%v)", got, want, err)
	}
}
