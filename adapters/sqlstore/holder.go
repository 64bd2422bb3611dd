package sqlstore

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Holder names this process as the holder of leases: its host, its process id
// and something that no other run of it has.
func Holder(nonce string) (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("name this process: %w", err)
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), nonce), nil
}

// gone tells whether a holder is certainly dead, as seen by another one: it was
// on the same host, and its process id is free or has become the other's own. A
// service that was killed and started again need not wait for its own lease then.
func gone(holder, self string) bool {
	host, pid, ok := parseHolder(holder)
	selfHost, selfPid, selfOK := parseHolder(self)
	if !ok || !selfOK || host != selfHost {
		return false
	}
	return pid == selfPid || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

func parseHolder(s string) (host string, pid int, ok bool) {
	parts := strings.Split(s, "/")
	if len(parts) != 3 {
		return "", 0, false
	}
	pid, err := strconv.Atoi(parts[1])
	return parts[0], pid, err == nil && pid > 0
}
