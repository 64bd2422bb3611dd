-- +goose Up

-- The truth. A row is never changed and never removed. Keys are bytes, here and in
-- all tables: a collation would take Abc-1 and aBC-1 for one stream.
CREATE TABLE events (
    stream      VARBINARY(255)  NOT NULL,
    version     BIGINT          NOT NULL,
    id          VARBINARY(255)  NOT NULL,
    type        VARBINARY(255)  NOT NULL,
    `schema`    INT             NOT NULL,
    data        LONGBLOB        NOT NULL,
    metadata    MEDIUMBLOB      NOT NULL,
    occurred_at BIGINT          NOT NULL, -- microseconds since 1970, UTC; so are all times here
    PRIMARY KEY (stream, version)
) ENGINE = InnoDB;

-- Appends that have not been published yet, oldest first.
CREATE TABLE outbox (
    seq           BIGINT         NOT NULL AUTO_INCREMENT PRIMARY KEY,
    stream        VARBINARY(255) NOT NULL,
    first_version BIGINT         NOT NULL,
    last_version  BIGINT         NOT NULL
) ENGINE = InnoDB;

-- The one order of all events, without gaps. Only the relay writes it.
CREATE TABLE feed (
    position BIGINT         NOT NULL PRIMARY KEY,
    stream   VARBINARY(255) NOT NULL,
    version  BIGINT         NOT NULL,
    type     VARBINARY(255) NOT NULL
) ENGINE = InnoDB;

-- The journal: every command that was accepted, and what became of it.
CREATE TABLE commands (
    id          VARBINARY(255) NOT NULL PRIMARY KEY,
    type        VARBINARY(255) NOT NULL,
    target      VARBINARY(255) NOT NULL,
    `schema`    INT            NOT NULL,
    payload     LONGBLOB       NOT NULL,
    expected    MEDIUMBLOB     NOT NULL,
    fingerprint VARBINARY(255) NOT NULL,
    metadata    MEDIUMBLOB     NOT NULL,
    accepted_at BIGINT         NOT NULL
) ENGINE = InnoDB;

CREATE TABLE unfinished_commands (
    id          VARBINARY(255) NOT NULL PRIMARY KEY,
    accepted_at BIGINT         NOT NULL,
    KEY unfinished_commands_oldest (accepted_at, id)
) ENGINE = InnoDB;

CREATE TABLE outcomes (
    command_id  VARBINARY(255) NOT NULL PRIMARY KEY,
    type        VARBINARY(255) NOT NULL,
    target      VARBINARY(255) NOT NULL,
    status      VARBINARY(32)  NOT NULL,
    version     BIGINT         NOT NULL,
    problem     MEDIUMBLOB     NOT NULL,
    decided_at  BIGINT         NOT NULL
) ENGINE = InnoDB;

CREATE TABLE leases (
    name       VARBINARY(255) NOT NULL PRIMARY KEY,
    holder     VARBINARY(255) NOT NULL,
    epoch      BIGINT         NOT NULL,
    expires_at BIGINT         NOT NULL
) ENGINE = InnoDB;

-- How far in the feed each handler is known to have seen everything.
CREATE TABLE checkpoints (
    handler  VARBINARY(255) NOT NULL PRIMARY KEY,
    position BIGINT         NOT NULL
) ENGINE = InnoDB;

CREATE TABLE processes (
    name    VARBINARY(255) NOT NULL,
    id      VARBINARY(255) NOT NULL,
    version BIGINT         NOT NULL,
    state   MEDIUMBLOB     NOT NULL,
    PRIMARY KEY (id, name)
) ENGINE = InnoDB;

CREATE TABLE dead_letters (
    id         VARBINARY(255) NOT NULL PRIMARY KEY,
    handler    VARBINARY(255) NOT NULL,
    topic      VARBINARY(255) NOT NULL,
    message_id VARBINARY(255) NOT NULL,
    payload    LONGBLOB       NOT NULL,
    metadata   MEDIUMBLOB     NOT NULL,
    error      MEDIUMBLOB     NOT NULL,
    attempts   INT            NOT NULL,
    died_at    BIGINT         NOT NULL
) ENGINE = InnoDB;

CREATE TABLE order_views (
    id          VARBINARY(255) NOT NULL PRIMARY KEY,
    version     BIGINT         NOT NULL,
    status      VARBINARY(32)  NOT NULL,
    customer_id VARBINARY(512) NOT NULL,
    created_at  BIGINT         NOT NULL,
    words       BIGINT         NOT NULL, -- a hash of what the order can be found by
    document    LONGBLOB       NOT NULL,
    KEY order_views_newest (created_at, id),
    KEY order_views_status (status, created_at, id),
    KEY order_views_customer (customer_id, created_at, id)
) ENGINE = InnoDB;

-- What orders can be found by: not their texts, but tokens made of them.
CREATE TABLE order_search (
    id    VARBINARY(255) NOT NULL PRIMARY KEY,
    words MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    FULLTEXT KEY order_search_words (words)
) ENGINE = InnoDB;

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
