-- +goose Up

CREATE TABLE payment_views (
    id         TEXT    NOT NULL PRIMARY KEY,
    version    INTEGER NOT NULL,
    order_id   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    document   BLOB    NOT NULL
) WITHOUT ROWID;
CREATE INDEX payment_views_order ON payment_views (order_id, created_at, id);

CREATE TABLE ticket_views (
    id         TEXT    NOT NULL PRIMARY KEY,
    version    INTEGER NOT NULL,
    status     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    document   BLOB    NOT NULL
) WITHOUT ROWID;
CREATE INDEX ticket_views_newest ON ticket_views (created_at, id);
CREATE INDEX ticket_views_status ON ticket_views (status, created_at, id);

-- +goose Down
DROP TABLE ticket_views;
DROP TABLE payment_views;
