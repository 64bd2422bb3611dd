package sagatest

import (
	"database/sql"
	"fmt"
	"slices"
)

// process is a process as an operator sees it.
type process struct {
	Name    string   `json:"name"`
	ID      string   `json:"id"`
	Done    bool     `json:"done"`
	Waits   string   `json:"waits"`
	Trouble string   `json:"trouble"`
	Stuck   []string `json:"stuck"`
}

// atRest says what is still to do anywhere, or nil.
func (h *house) atRest() error {
	for i, db := range h.stores {
		var unfinished, outbox, unseen int
		err := db.QueryRow(`SELECT (SELECT COUNT(*) FROM unfinished_commands), (SELECT COUNT(*) FROM outbox),
			(SELECT COUNT(*) FROM events) - (SELECT COUNT(*) FROM feed)`).Scan(&unfinished, &outbox, &unseen)
		if err != nil {
			return fmt.Errorf("ask store %d what is left to do: %w", i, err)
		}
		if unfinished+outbox > 0 || unseen != 0 {
			return fmt.Errorf("store %d has %d commands without an outcome, %d appends in the outbox, %d events not in the feed",
				i, unfinished, outbox, unseen)
		}
	}
	open, err := h.open()
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range open {
		if p.Trouble == "" || !slices.Contains(h.helpless, p.ID) {
			return fmt.Errorf("%d processes are not done, such as %+v", len(open), p)
		}
	}
	if len(open) != len(h.helpless) {
		return fmt.Errorf("%d processes ask for help, want %d", len(open), len(h.helpless))
	}
	return nil
}

// open returns the processes that operators see as not done.
func (h *house) open() (open []process, err error) {
	for _, at := range h.admins() {
		more, err := pages[process](h, at+"/admin/processes?done=false&limit=200")
		if err != nil {
			return nil, err
		}
		open = append(open, more...)
	}
	return open, nil
}

// admins are the addresses of the processes of the service that operators ask, but for
// the gateway's.
func (h *house) admins() (all []string) {
	for slot, p := range h.fleet.All() {
		if h.slots[gateway] == 0 && slot == 0 && h.apart() {
			continue
		}
		all = append(all, p.Admin())
	}
	return all
}

// each calls row for each row of a query, which scans it.
func each(db *sql.DB, row func(scan func(...any) error) error, text string) error {
	rows, err := db.Query(text)
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return rows.Err()
}

// disorder returns what should not be in any store, ever.
func (h *house) disorder() (found []string) {
	for i, db := range h.stores {
		add := func(format string, args ...any) {
			found = append(found, fmt.Sprintf("store %d: ", i)+fmt.Sprintf(format, args...))
		}
		var letters, failed int
		err := db.QueryRow("SELECT (SELECT COUNT(*) FROM dead_letters), (SELECT COUNT(*) FROM outcomes WHERE status = 'failed')").Scan(&letters, &failed)
		if err != nil || letters+failed > 0 {
			add("%d dead letters and %d failed commands (%v)", letters, failed, err)
		}
		if err := feedDisorder(db, add); err != nil {
			add("%v", err)
		}
	}
	return found
}

// feedDisorder looks for gaps in a feed, and for events that are not in it exactly once
// and in order.
func feedDisorder(db *sql.DB, add func(format string, args ...any)) error {
	heads, reached, last := map[string]int64{}, map[string]int64{}, int64(0)
	err := each(db, func(scan func(...any) error) error {
		var stream string
		var head, n int64
		err := scan(&stream, &head, &n)
		if head != n {
			add("%s has %d events up to version %d", stream, n, head)
		}
		heads[stream] = head
		return err
	}, "SELECT stream, MAX(version), COUNT(*) FROM events GROUP BY stream")
	if err != nil {
		return err
	}
	err = each(db, func(scan func(...any) error) error {
		var stream string
		var position, version int64
		err := scan(&position, &stream, &version)
		last++
		if reached[stream]++; position != last || version != reached[stream] {
			add("position %d of the feed is %s version %d, want position %d and version %d", position, stream, version, last, reached[stream])
		}
		return err
	}, "SELECT position, stream, version FROM feed ORDER BY position")
	for stream, head := range heads {
		if reached[stream] != head {
			add("the feed has %d of %d events of %s", reached[stream], head, stream)
		}
	}
	return err
}
