-- What a bulk with an idempotency key has answered so far: one row for each transaction, numbered by its first step.
-- The key is a digest of the client's key and its token, the request a digest of the body.
CREATE TABLE idempotency (
    tenant INTEGER NOT NULL,
    key BLOB NOT NULL,
    part INTEGER NOT NULL,
    request BLOB NOT NULL,
    began BIGINT NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (tenant, key, part)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (tenant, began);
