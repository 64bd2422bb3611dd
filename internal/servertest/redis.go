package servertest

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Redis is a server of the test's own, to be killed and wiped.
type Redis struct {
	tb      testing.TB
	port    int
	data    string // in the folder of scripts/servers.sh, which the server sees
	running *exec.Cmd
}

// StartRedis starts a server from what scripts/servers.sh has installed. It writes
// to disk before it confirms, and is gone after the test.
func StartRedis(tb testing.TB) *Redis {
	tb.Helper()
	Address(tb, "redis") // or the test is to be skipped
	data := filepath.Join(serversDir(tb), "redis", "test-"+rand.Text())
	if err := os.MkdirAll(data, 0o700); err != nil {
		tb.Fatal(err)
	}
	r := &Redis{tb: tb, port: freePort(tb), data: data}
	tb.Cleanup(func() {
		r.Kill()
		if err := os.RemoveAll(data); err != nil {
			tb.Error(err)
		}
	})
	r.Start()
	return r
}

// Address returns where the server is, or was and will be.
func (r *Redis) Address() string { return fmt.Sprintf("redis://127.0.0.1:%d", r.port) }

// Start starts the server with the data that it had, and waits until it answers.
func (r *Redis) Start() {
	r.tb.Helper()
	script := filepath.Join(moduleRoot(r.tb), "scripts", "servers.sh")
	// The script replaces itself by the server, so its process is the server's.
	r.running = exec.Command("bash", script, "run", "redis", "redis-server", "--bind", "127.0.0.1",
		"--port", fmt.Sprint(r.port), "--dir", r.data, "--appendonly", "yes", "--appendfsync", "always", "--save", "")
	if err := r.running.Start(); err != nil {
		r.tb.Fatal(err)
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(30 * time.Second)
	for !r.answers() {
		select {
		case <-again.C:
		case <-deadline:
			r.tb.Fatalf("redis-server does not answer at %s", r.Address())
		}
	}
}

// Kill ends the server at once. One that is not running stays so.
func (r *Redis) Kill() {
	if r.running == nil {
		return
	}
	if err := r.running.Process.Kill(); err != nil {
		r.tb.Error(err)
	}
	_ = r.running.Wait() // says that it was killed
	r.running = nil
}

// Wipe removes the data of a server that is not running.
func (r *Redis) Wipe() {
	r.tb.Helper()
	if err := os.RemoveAll(r.data); err != nil {
		r.tb.Fatal(err)
	}
	if err := os.Mkdir(r.data, 0o700); err != nil {
		r.tb.Fatal(err)
	}
}

// Stop makes the server stand still: it neither answers nor closes connections.
func (r *Redis) Stop() {
	r.tb.Helper()
	halt(r.tb, r.running.Process)
}

// Continue lets a server go on that was stopped.
func (r *Redis) Continue() {
	r.tb.Helper()
	resume(r.tb, r.running.Process)
}

// answers tells whether the server has its data in memory and takes commands.
func (r *Redis) answers() bool {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", r.port), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	answer := make([]byte, 16)
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	n, _ := conn.Read(answer) // nothing, if it fails
	return strings.HasPrefix(string(answer[:n]), "+PONG")
}
