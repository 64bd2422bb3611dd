package httpkit

import (
	"strconv"
	"strings"
	"time"
)

// How long a write waits for its outcome.
const (
	defaultWait = 5 * time.Second
	maxWait     = 60 * time.Second
)

// preferences are what a client would like, as far as it can be had (RFC 7240).
type preferences struct {
	wait           time.Duration
	waitSet        bool
	async          bool
	representation bool
	minimal        bool
}

// parsePrefer reads a Prefer header. What it does not know or cannot read it
// ignores, as the RFC asks; of preferences said twice the first counts.
func parsePrefer(header string) preferences {
	p := preferences{wait: defaultWait}
	for _, part := range strings.Split(header, ",") {
		part, _, _ = strings.Cut(part, ";") // parameters of a preference mean nothing here
		name, value, _ := strings.Cut(part, "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "respond-async":
			p.async = true
		case "wait":
			if seconds, err := strconv.ParseUint(value, 10, 31); err == nil && !p.waitSet {
				p.wait, p.waitSet = min(time.Duration(seconds)*time.Second, maxWait), true
			}
		case "return":
			if p.representation || p.minimal {
				continue
			}
			p.representation, p.minimal = value == "representation", value == "minimal"
		}
	}
	if p.async && !p.waitSet {
		p.wait = 0
	}
	return p
}

// applied says which preferences an answer honours, for Preference-Applied.
func (p preferences) applied(pending, withBody bool) string {
	var applied []string
	if p.async && pending {
		applied = append(applied, "respond-async")
	}
	if p.waitSet {
		applied = append(applied, "wait="+strconv.Itoa(int(p.wait/time.Second)))
	}
	switch {
	case withBody:
		applied = append(applied, "return=representation")
	case p.minimal && !pending:
		applied = append(applied, "return=minimal")
	}
	return join(applied)
}

func join(words []string) string { return strings.Join(words, ", ") }
