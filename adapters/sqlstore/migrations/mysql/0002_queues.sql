-- +goose Up

-- Who reads what: a topic's messages go into the queue of every group that has
-- declared one on it.
CREATE TABLE queues (
    id    BIGINT AUTO_INCREMENT PRIMARY KEY,
    topic VARBINARY(255) NOT NULL,
    grp   VARBINARY(255) NOT NULL,
    types BLOB NOT NULL, -- a JSON array; empty for all
    UNIQUE KEY (topic, grp)
) ENGINE=InnoDB;

-- What has not been handled yet. A message may be claimed once it is due: a claim
-- puts that off by the lease, a nack by a delay.
CREATE TABLE queue_messages (
    seq        BIGINT AUTO_INCREMENT PRIMARY KEY,
    queue      BIGINT NOT NULL,
    message_id VARBINARY(255) NOT NULL,
    headers    MEDIUMBLOB NOT NULL,
    payload    LONGBLOB NOT NULL,
    nacks      INT NOT NULL,
    holder     VARBINARY(255) NOT NULL, -- who claimed it last; empty if nobody has it
    due_at     BIGINT NOT NULL,
    KEY queue_messages_due (queue, due_at)
) ENGINE=InnoDB;

-- +goose Down
DROP TABLE queue_messages;
DROP TABLE queues;
