package sqlstore

import "database/sql"

// Pool is the pool of connections, for tests of what is set on each of them.
func (s *Store) Pool() *sql.DB { return s.db }
