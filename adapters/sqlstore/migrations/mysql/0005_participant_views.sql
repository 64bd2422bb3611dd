-- +goose Up

CREATE TABLE payment_views (
    id         VARBINARY(255) NOT NULL PRIMARY KEY,
    version    BIGINT         NOT NULL,
    order_id   VARBINARY(255) NOT NULL,
    created_at BIGINT         NOT NULL,
    document   LONGBLOB       NOT NULL,
    KEY payment_views_order (order_id, created_at, id)
) ENGINE = InnoDB;

CREATE TABLE ticket_views (
    id         VARBINARY(255) NOT NULL PRIMARY KEY,
    version    BIGINT         NOT NULL,
    status     VARBINARY(32)  NOT NULL,
    created_at BIGINT         NOT NULL,
    document   LONGBLOB       NOT NULL,
    KEY ticket_views_newest (created_at, id),
    KEY ticket_views_status (status, created_at, id)
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE ticket_views;
DROP TABLE payment_views;
