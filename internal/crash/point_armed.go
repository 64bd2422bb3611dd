//go:build crashpoints

package crash

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// variable says where the process dies.
const variable = "MILLRACE_CRASH_AT"

var (
	orders      string // the file with orders to die, if there is one
	where, left = armed(os.Getenv(variable))
	passed      atomic.Int64
)

// armed reads "name" or "name:n", which means the n-th time it is passed, or "@file".
func armed(setting string) (string, int64) {
	if file, ok := strings.CutPrefix(setting, "@"); ok {
		orders = file
		return "", 0
	}
	name, count, found := strings.Cut(setting, ":")
	if !found {
		return name, 1
	}
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		panic(variable + ": want NAME, NAME:COUNT or @FILE, got " + setting)
	}
	return name, n
}

// Reads tells whether an environment variable is read here.
func Reads(name string) bool { return name == variable }

// Point marks a place between two steps that must survive being separated. Each of
// the texts that about returns is one thing that passes here.
func Point(name string, about ...func() []string) {
	if orders != "" {
		if ordered(name, about) {
			die()
		}
		return
	}
	if name == where && passed.Add(1) == left {
		die()
	}
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // nothing after this line runs
	select {}
}

// ordered tells whether there is an order to die here that was not carried out yet,
// and writes down that it is now.
func ordered(name string, about []func() []string) bool {
	text, err := os.ReadFile(orders)
	if err != nil {
		return false // it may not be there yet
	}
	done, err := os.ReadFile(orders + ".done")
	if err != nil && !os.IsNotExist(err) {
		panic(variable + ": " + err.Error())
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		words := strings.Split(line, "|")
		if words[0] != name || strings.Contains("\n"+string(done), "\n"+line+"\t") || !anyHas(about, words[1:]) {
			continue
		}
		f, err := os.OpenFile(orders+".done", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = fmt.Fprintf(f, "%s\t%d\n", line, os.Getpid())
		}
		if err != nil {
			panic(variable + ": " + err.Error())
		}
		return true
	}
	return false
}

// anyHas tells whether all words are in what one of the things is about.
func anyHas(about []func() []string, words []string) bool {
	if len(words) == 0 {
		return true
	}
	for _, things := range about {
		for _, thing := range things() {
			missing := false
			for _, word := range words {
				missing = missing || !strings.Contains(thing, word)
			}
			if !missing {
				return true
			}
		}
	}
	return false
}
