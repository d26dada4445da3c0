-- The token that made a change; its name stands in actor.
ALTER TABLE changes ADD COLUMN token BLOB;

-- What a source deactivated or deleted of late, each object once.
CREATE TABLE inbound_removals (
    tenant INTEGER NOT NULL,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    key BLOB NOT NULL,
    at BIGINT NOT NULL,
    approved BOOLEAN NOT NULL,
    PRIMARY KEY (tenant, source, type, key)
) WITHOUT ROWID;
CREATE INDEX inbound_removals_by_time ON inbound_removals (tenant, source, type, at);

-- What a source was refused by the ceiling, and until when it may be done after all.
CREATE TABLE inbound_held (
    tenant INTEGER NOT NULL,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    key BLOB NOT NULL,
    wire_id TEXT NOT NULL,
    name TEXT,
    op TEXT NOT NULL,
    at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    actor TEXT NOT NULL,
    token BLOB,
    request_id TEXT NOT NULL,
    approved_until BIGINT,
    PRIMARY KEY (tenant, source, type, key)
) WITHOUT ROWID;

-- How many more removals an approval allows a source, and until when.
CREATE TABLE inbound_allowances (
    tenant INTEGER NOT NULL,
    source TEXT NOT NULL,
    until BIGINT NOT NULL,
    remaining BIGINT NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (tenant, source)
) WITHOUT ROWID;
