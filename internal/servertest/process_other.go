//go:build !linux

package servertest

import "syscall"

// endsWithTest is for Linux only: elsewhere a test that is killed leaves its servers
// behind.
func endsWithTest() *syscall.SysProcAttr { return nil }

// standsStill is for Linux only: elsewhere a process that was told is taken to stand still.
func standsStill(int) (bool, error) { return true, nil }
