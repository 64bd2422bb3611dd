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
)

// service is a process under load, on a store and a broker of its own.
type service struct {
	cmd    *exec.Cmd
	store  store
	api    string
	admin  string // empty if it has none
	exited chan error
}

// announced is how a service says where it listens.
var announced = regexp.MustCompile(`^  (API|admin) +http://([^/]+)/`)

// start runs a service and waits until it has said where it listens.
func start(ctx context.Context, st store, listeners int, binary string, args ...string) (*service, error) {
	s := &service{store: st, exited: make(chan error, 1)}
	s.cmd = exec.CommandContext(ctx, binary, args...)
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	lines := bufio.NewScanner(out)
	for listeners > 0 && lines.Scan() {
		m := announced.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		listeners--
		if m[1] == "API" {
			s.api = m[2]
		} else {
			s.admin = m[2]
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, out) // the rest of the welcome
		s.exited <- s.cmd.Wait()
	}()
	if listeners > 0 {
		s.kill()
		return nil, fmt.Errorf("%s did not say where it listens", binary)
	}
	return s, nil
}

// profile saves where a service spends its processor time for so many seconds.
func (s *service) profile(ctx context.Context, seconds int, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", s.admin, seconds), nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("profile the service: status %s", res.Status)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, res.Body)
	return errors.Join(err, f.Close())
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
	if err := <-s.exited; err != nil {
		return fmt.Errorf("stop %s: %w", s.cmd.Path, err)
	}
	return nil
}

// kill makes sure that nothing is left behind.
func (s *service) kill() {
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.exited
}
