package servertest

import "syscall"

// endsWithTest makes a process end with the test's, however that ends.
func endsWithTest() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
