package httpkit

import (
	"regexp"
	"strings"
)

var traceparentForm = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// traceparent returns the trace context of a request, or that of a new trace
// when it has none that can be read.
func (s *Writes) traceparent(header string) string {
	if traceparentForm.MatchString(header) && !strings.Contains(header, "-00000000000000000000000000000000-") &&
		!strings.Contains(header, "-0000000000000000-") {
		return header
	}
	hex := strings.ReplaceAll(s.NewID(), "-", "")
	return "00-" + hex + "-" + hex[16:] + "-01"
}
