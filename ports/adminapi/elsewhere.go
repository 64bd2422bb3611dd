package adminapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/millrace/millrace/ports/httpkit"
)

// Manager is a process manager, which runs in some process of the service.
type Manager struct {
	Name string
	Role string // of the processes that run it
	Here bool   // whether this process does
}

// CheckManager refuses a name that no process manager has.
func CheckManager(all []Manager, name string) error {
	names := make([]string, len(all))
	for i, m := range all {
		names[i] = m.Name
	}
	if !slices.Contains(names, name) {
		return fmt.Errorf("must be %s", list(names))
	}
	return nil
}

// noProcess says that the store has no process of a name, and whom else to ask: those
// that run a manager which this process does not may have another store.
func (c Config) noProcess(named string) error {
	detail := "there is no such process in this store"
	var others []string
	for _, m := range c.Managers {
		if !m.Here && c.mayBe(named, m) {
			others = append(others, fmt.Sprintf("%s (%s)", m.Role, m.Name))
		}
	}
	if len(others) > 0 {
		detail += "; another store may have it: ask a process with the role " + list(others)
	}
	return httpkit.No("process_not_found", detail)
}

// mayBe tells whether somebody who names a process may mean one of a manager.
func (c Config) mayBe(named string, m Manager) bool {
	for _, other := range c.Managers {
		if strings.HasPrefix(named, other.Name+"-") {
			return other.Name == m.Name
		}
	}
	return true
}

// list joins words by commas, the last one by "or".
func list(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// elsewhere answers requests that another process of the service is to be sent.
func (c Config) elsewhere(detail string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		httpkit.Fail(c.Log, w, r, httpkit.No("not_found", detail))
	}
}

// noGateway says where the ledger of the gateway is if not in this process.
func (c Config) noGateway() string {
	if c.GatewayAt != "" {
		return "the gateway is not simulated here: it is at " + c.GatewayAt
	}
	return "processes with the role payments know the gateway; this one has " + c.Roles
}

// noWrites says who takes in what operators ask for if this process does not.
func (c Config) noWrites() string {
	return "processes with the role api take this in; this one has " + c.Roles
}
