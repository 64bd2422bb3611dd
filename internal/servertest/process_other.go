//go:build !linux

package servertest

import "syscall"

// endsWithTest is for Linux only: elsewhere a test that is killed leaves its servers
// behind.
func endsWithTest() *syscall.SysProcAttr { return nil }
