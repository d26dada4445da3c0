-- What a bulk with an idempotency key has answered so far: one row for each transaction, numbered by its first step.
-- The key is a digest of the client's key and its token, the request a digest of the body.
CREATE TABLE idempotency (
    tenant INTEGER NOT NULL,
    key BYTEA NOT NULL,
    part INTEGER NOT NULL,
    request BYTEA NOT NULL,
    began BIGINT NOT NULL,
    answer TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, key, part)
);
CREATE INDEX idempotency_by_age ON idempotency (tenant, began);
