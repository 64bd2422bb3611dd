-- +goose Up

-- Who reads what: a topic's messages go into the queue of every group that has
-- declared one on it.
CREATE TABLE queues (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    grp   TEXT NOT NULL,
    types BLOB NOT NULL, -- a JSON array; empty for all
    UNIQUE (topic, grp)
);

-- What has not been handled yet. A message may be claimed once it is due: a claim
-- puts that off by the lease, a nack by a delay.
CREATE TABLE queue_messages (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    queue      INTEGER NOT NULL,
    message_id TEXT    NOT NULL,
    headers    BLOB    NOT NULL,
    payload    BLOB    NOT NULL,
    nacks      INTEGER NOT NULL,
    holder     TEXT    NOT NULL, -- who claimed it last; empty if nobody has it
    due_at     INTEGER NOT NULL
);
CREATE INDEX queue_messages_due ON queue_messages (queue, due_at);

-- +goose Down
DROP TABLE queue_messages;
DROP TABLE queues;
