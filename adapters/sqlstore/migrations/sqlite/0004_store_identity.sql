-- +goose Up

-- Which store this is, among those that talk through a broker. One row, made by
-- whoever asks first.
CREATE TABLE store (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    id  TEXT    NOT NULL
);

-- How far in the feed of another store everything that a handler wants has been
-- taken over.
CREATE TABLE mirrors (
    handler  TEXT    NOT NULL,
    store    TEXT    NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (handler, store)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE mirrors;
DROP TABLE store;
