-- +goose Up

-- The truth. A row is never changed and never removed.
CREATE TABLE events (
    stream      TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    id          TEXT    NOT NULL,
    type        TEXT    NOT NULL,
    schema      INTEGER NOT NULL,
    data        BLOB    NOT NULL,
    metadata    BLOB    NOT NULL,
    occurred_at INTEGER NOT NULL, -- microseconds since 1970, UTC; so are all times here
    PRIMARY KEY (stream, version)
) WITHOUT ROWID;

-- Appends that have not been published yet, oldest first.
CREATE TABLE outbox (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    stream        TEXT    NOT NULL,
    first_version INTEGER NOT NULL,
    last_version  INTEGER NOT NULL
);

-- The one order of all events, without gaps. Only the relay writes it.
CREATE TABLE feed (
    position INTEGER PRIMARY KEY,
    stream   TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    type     TEXT    NOT NULL
);

-- The journal: every command that was accepted, and what became of it.
CREATE TABLE commands (
    id          TEXT    NOT NULL PRIMARY KEY,
    type        TEXT    NOT NULL,
    target      TEXT    NOT NULL,
    schema      INTEGER NOT NULL,
    payload     BLOB    NOT NULL,
    expected    BLOB    NOT NULL,
    fingerprint TEXT    NOT NULL,
    metadata    BLOB    NOT NULL,
    accepted_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE unfinished_commands (
    id          TEXT    NOT NULL PRIMARY KEY,
    accepted_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE outcomes (
    command_id  TEXT    NOT NULL PRIMARY KEY,
    type        TEXT    NOT NULL,
    target      TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    problem     BLOB    NOT NULL,
    decided_at  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE leases (
    name       TEXT    NOT NULL PRIMARY KEY,
    holder     TEXT    NOT NULL,
    epoch      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;

-- How far in the feed each handler is known to have seen everything.
CREATE TABLE checkpoints (
    handler  TEXT    NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE processes (
    name    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    version INTEGER NOT NULL,
    state   BLOB    NOT NULL,
    PRIMARY KEY (id, name)
) WITHOUT ROWID;

CREATE TABLE dead_letters (
    id         TEXT    NOT NULL PRIMARY KEY,
    handler    TEXT    NOT NULL,
    topic      TEXT    NOT NULL,
    message_id TEXT    NOT NULL,
    payload    BLOB    NOT NULL,
    metadata   BLOB    NOT NULL,
    error      TEXT    NOT NULL,
    attempts   INTEGER NOT NULL,
    died_at    INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE order_views (
    seq         INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    version     INTEGER NOT NULL,
    status      TEXT    NOT NULL,
    customer_id TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    words       INTEGER NOT NULL, -- a hash of what the order can be found by
    document    BLOB    NOT NULL
);
CREATE INDEX order_views_newest ON order_views (created_at, id);
CREATE INDEX order_views_status ON order_views (status, created_at, id);
CREATE INDEX order_views_customer ON order_views (customer_id, created_at, id);

CREATE VIRTUAL TABLE order_search USING fts5 (
    words, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);

-- +goose Down
DROP TABLE order_search;
DROP TABLE order_views;
DROP TABLE dead_letters;
DROP TABLE processes;
DROP TABLE checkpoints;
DROP TABLE leases;
DROP TABLE outcomes;
DROP TABLE unfinished_commands;
DROP TABLE commands;
DROP TABLE feed;
DROP TABLE outbox;
DROP TABLE events;
