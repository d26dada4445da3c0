-- The token that made a change; its name stands in actor.
ALTER TABLE changes ADD COLUMN token BYTEA;

-- What a source deactivated or deleted of late, each object once.
CREATE TABLE inbound_removals (
    tenant INTEGER NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    key BYTEA NOT NULL,
    at BIGINT NOT NULL,
    approved BOOLEAN NOT NULL,
    PRIMARY KEY (tenant, source, type, key)
);
CREATE INDEX inbound_removals_by_time ON inbound_removals (tenant, source, type, at);

-- What a source was refused by the ceiling, and until when it may be done after all.
CREATE TABLE inbound_held (
    tenant INTEGER NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    key BYTEA NOT NULL,
    wire_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    op TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    token BYTEA,
    request_id TEXT COLLATE "C" NOT NULL,
    approved_until BIGINT,
    PRIMARY KEY (tenant, source, type, key)
);

-- How many more removals an approval allows a source, and until when.
CREATE TABLE inbound_allowances (
    tenant INTEGER NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    until BIGINT NOT NULL,
    remaining BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, source)
);
