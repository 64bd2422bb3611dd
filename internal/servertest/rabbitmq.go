package servertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// RabbitMQ is a server that one test has for itself: nobody minds when it is
// killed, loses its data or runs out of memory. Its methods fail the test when
// they fail; they are not for concurrent use.
type RabbitMQ struct {
	tb   testing.TB
	name string
	port int
}

// StartRabbitMQ starts a server from the packages that scripts/servers.sh has
// installed, rabbitmq or rabbitmq3, in about four seconds. The server and its data
// are gone after the test. Like Address it fails or skips the test without servers.
func StartRabbitMQ(tb testing.TB, name string) *RabbitMQ {
	tb.Helper()
	Address(tb, name)
	r := &RabbitMQ{tb: tb, name: name, port: reservePort(tb)}
	r.servers("wipe", "rabbitmq", "rabbitmq3") // what a test that died has left
	tb.Cleanup(r.Wipe)
	r.Start()
	return r
}

// Address returns where the server is, for clients of AMQP.
func (r *RabbitMQ) Address() string {
	return fmt.Sprintf("amqp://millrace:millrace@127.0.0.1:%d/", r.port)
}

// Management returns the address of the server's management API.
func (r *RabbitMQ) Management() string { return fmt.Sprintf("http://127.0.0.1:%d", r.port+10000) }

// Start starts the server again after Kill or Wipe and returns when it answers.
func (r *RabbitMQ) Start() {
	r.tb.Helper()
	r.servers("start", r.name)
}

// Kill ends the server at once. What it has written to its disk is kept. Not yet
// written is, for a second or more, that there is a new quorum queue: such a queue
// takes no messages after Start.
func (r *RabbitMQ) Kill() {
	r.tb.Helper()
	r.servers("kill", r.name)
}

// Wipe kills the server and takes its disk away: queues and exchanges, too, are
// gone when it starts again.
func (r *RabbitMQ) Wipe() {
	r.tb.Helper()
	r.servers("wipe", r.name)
}

// Alarm lets the server believe that its memory is full, or no longer. Before it
// returns, the server takes no more messages, or takes them again.
func (r *RabbitMQ) Alarm(on bool) {
	r.tb.Helper()
	watermark := "0.6"
	if on {
		watermark = "0.00001"
	}
	r.Control("set_vm_memory_high_watermark", watermark)
}

// Control runs rabbitmqctl on the server and returns what it prints.
func (r *RabbitMQ) Control(arguments ...string) string {
	r.tb.Helper()
	return r.servers(append([]string{"run", r.name, "rabbitmqctl"}, arguments...)...)
}

// servers runs scripts/servers.sh for this server, without the addresses of the
// shared ones, which it would take for servers that somebody else has brought.
func (r *RabbitMQ) servers(arguments ...string) string {
	r.tb.Helper()
	command := exec.Command(filepath.Join(moduleRoot(r.tb), "scripts", "servers.sh"), arguments...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "MILLRACE_TEST_") {
			command.Env = append(command.Env, variable)
		}
	}
	command.Env = append(command.Env, "MILLRACE_SERVERS_PORT="+strconv.Itoa(r.port), "MILLRACE_SERVERS_DOCKER=no")
	out, err := command.CombinedOutput()
	if err != nil {
		r.tb.Fatalf("servers.sh %s: %v\n%s", strings.Join(arguments, " "), err, out)
	}
	return string(out)
}

// reservePort returns a port that no other test uses until this one ends, in this
// process or another. Beside it the server takes some that are 10000 and more above.
func reservePort(tb testing.TB) int {
	tb.Helper()
	for port := 17000; port < 22000; port += 100 {
		if release := reserve(port); release != nil {
			tb.Cleanup(release)
			return port
		}
	}
	tb.Fatal("no port is free from 17000 to 22000")
	return 0
}

// reserve returns nil if the port is taken. The lock of a process that has died is
// free, and what it has left running there is ended by "wipe".
func reserve(port int) (release func()) {
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("millrace-port-%d.lock", port)), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close() // nothing was written
		return nil
	}
	return func() { lock.Close() } // which unlocks it, too
}

// moduleRoot returns the folder of go.mod. Tests run in the folder of their package.
func moduleRoot(tb testing.TB) string {
	tb.Helper()
	folder, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for ; folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
	}
	tb.Fatal("there is no go.mod above the test")
	return ""
}
