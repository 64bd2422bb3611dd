package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// service is the binary under load.
type service struct {
	cmd    *exec.Cmd
	dir    string
	addr   string
	admin  string
	exited chan error
}

var announced = regexp.MustCompile(`(?m)^  (API|admin) +http://([^/]+)/`)

// start runs the service on a fresh store.
func start(ctx context.Context, binary string) (*service, error) {
	dir, err := os.MkdirTemp("", "millrace-bench-")
	if err != nil {
		return nil, err
	}
	s := &service{dir: dir, exited: make(chan error, 1)}
	s.cmd = exec.CommandContext(ctx, binary, "serve", "--store", "sqlite:"+filepath.Join(dir, "bench.db"),
		"--http-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--log-level", "warn")
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	lines := bufio.NewScanner(out)
	for (s.addr == "" || s.admin == "") && lines.Scan() {
		if m := announced.FindStringSubmatch(lines.Text()); m != nil && m[1] == "API" {
			s.addr = m[2]
		} else if m != nil {
			s.admin = m[2]
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, out) // the rest of the welcome
		s.exited <- s.cmd.Wait()
	}()
	if s.admin == "" {
		s.kill()
		return nil, errors.New("the service did not say where it listens")
	}
	return s, nil
}

// drained waits until everything that was appended has been published.
func (s *service) drained(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	for ctx.Err() == nil {
		n, err := s.backlog()
		if err != nil || n == 0 {
			return time.Since(start), err
		}
	}
	return 0, ctx.Err()
}

func (s *service) backlog() (float64, error) {
	res, err := http.Get("http://" + s.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(data), "\n") {
		if n, ok := strings.CutPrefix(line, "millrace_outbox_appends "); ok {
			return strconv.ParseFloat(n, 64)
		}
	}
	return 0, errors.New("the metrics do not tell the outbox")
}

// storeBytes is how large the store is on disk.
func (s *service) storeBytes() int64 {
	var total int64
	files, _ := filepath.Glob(filepath.Join(s.dir, "*")) // the pattern is good
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			total += info.Size()
		}
	}
	return total
}

// rss is how much memory the service holds, in bytes.
func (s *service) rss() int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// stop ends the service as a person would, and wants it to go well.
func (s *service) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	err := <-s.exited
	return errors.Join(err, os.RemoveAll(s.dir))
}

// kill makes sure that nothing is left behind.
func (s *service) kill() {
	_ = s.cmd.Process.Kill() // it may have ended
	_ = os.RemoveAll(s.dir)
}
