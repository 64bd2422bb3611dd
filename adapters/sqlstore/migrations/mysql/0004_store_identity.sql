-- +goose Up

-- Which store this is, among those that talk through a broker. One row, made by
-- whoever asks first.
CREATE TABLE store (
    one INT            NOT NULL PRIMARY KEY CHECK (one = 1),
    id  VARBINARY(255) NOT NULL
) ENGINE = InnoDB;

-- How far in the feed of another store everything that a handler wants has been
-- taken over.
CREATE TABLE mirrors (
    handler  VARBINARY(255) NOT NULL,
    store    VARBINARY(255) NOT NULL,
    position BIGINT         NOT NULL,
    PRIMARY KEY (handler, store)
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE mirrors;
DROP TABLE store;
