package es

import (
	"fmt"
	"runtime/debug"
)

// safely turns a panic into an error. One event that a fold or a reaction cannot
// take must not take the process down, again at every start.
func safely(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}
