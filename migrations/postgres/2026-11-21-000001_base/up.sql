-- Times are microseconds since 1970-01-01T00:00:00Z. Keys are 16-byte UUIDv7. Documents are JSON text.

CREATE TABLE settings (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);

CREATE TABLE tenants (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    created BIGINT NOT NULL
);

CREATE TABLE tokens (
    tenant INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id BYTEA NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    profile TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    hash BYTEA NOT NULL UNIQUE,
    created BIGINT NOT NULL,
    expires BIGINT,
    revoked BIGINT,
    last_used BIGINT,
    PRIMARY KEY (tenant, id)
);

-- One integer for each indexed or unique attribute of a tenant's object types.
CREATE TABLE attribute_paths (
    tenant INTEGER NOT NULL,
    id INTEGER NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, type, path)
);

CREATE TABLE objects (
    tenant INTEGER NOT NULL,
    key BYTEA NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    wire_id TEXT COLLATE "C" NOT NULL,
    rev BIGINT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    external_ids TEXT COLLATE "C",
    label TEXT COLLATE "C",
    doc TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, type, key),
    UNIQUE (tenant, type, wire_id)
);

CREATE TABLE tombstones (
    tenant INTEGER NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    wire_id TEXT COLLATE "C" NOT NULL,
    key BYTEA NOT NULL,
    rev BIGINT NOT NULL,
    deleted BIGINT NOT NULL,
    PRIMARY KEY (tenant, type, wire_id, key)
);

CREATE TABLE attribute_index (
    tenant INTEGER NOT NULL,
    path INTEGER NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    key BYTEA NOT NULL,
    PRIMARY KEY (tenant, path, value, key)
);

CREATE TABLE unique_values (
    tenant INTEGER NOT NULL,
    path INTEGER NOT NULL,
    hash BYTEA NOT NULL,
    key BYTEA NOT NULL,
    PRIMARY KEY (tenant, path, hash)
);

CREATE TABLE external_ids (
    tenant INTEGER NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    key BYTEA NOT NULL,
    PRIMARY KEY (tenant, type, source, value, key)
);

CREATE TABLE edges (
    tenant INTEGER NOT NULL,
    relation TEXT COLLATE "C" NOT NULL,
    from_key BYTEA NOT NULL,
    to_key BYTEA NOT NULL,
    variant TEXT COLLATE "C" NOT NULL,
    id BYTEA NOT NULL,
    from_type TEXT COLLATE "C" NOT NULL,
    to_type TEXT COLLATE "C" NOT NULL,
    rev BIGINT NOT NULL,
    created BIGINT NOT NULL,
    properties TEXT COLLATE "C",
    PRIMARY KEY (tenant, relation, from_key, to_key, variant),
    UNIQUE (tenant, id)
);
CREATE INDEX edges_by_target ON edges (tenant, relation, to_key, from_key, variant);

-- What a client wrote as a reference and what led nowhere; never bound later.
CREATE TABLE unresolved_references (
    tenant INTEGER NOT NULL,
    key BYTEA NOT NULL,
    relation TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    element TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (tenant, key, relation, value)
);

CREATE TABLE conditions (
    tenant INTEGER NOT NULL,
    role_key BYTEA NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    reads TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, role_key)
);

-- A condition can only match an object that has one of its anchors: "path\u001fvalue", or "*".
CREATE TABLE condition_anchors (
    tenant INTEGER NOT NULL,
    anchor TEXT COLLATE "C" NOT NULL,
    role_key BYTEA NOT NULL,
    PRIMARY KEY (tenant, anchor, role_key)
);
CREATE INDEX condition_anchors_by_role ON condition_anchors (tenant, role_key);

CREATE TABLE changes (
    tenant INTEGER NOT NULL,
    id BYTEA NOT NULL,
    seq BIGINT,
    at BIGINT NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    key BYTEA NOT NULL,
    op TEXT COLLATE "C" NOT NULL,
    rev BIGINT NOT NULL,
    other_key BYTEA,
    actor TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    dialect TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX changes_by_seq ON changes (tenant, seq) WHERE seq IS NOT NULL;
-- PostgreSQL alone has such rows: the dispatcher numbers them in the order of commit.
CREATE INDEX changes_unnumbered ON changes (tenant, id) WHERE seq IS NULL;
CREATE INDEX changes_by_key ON changes (tenant, key, seq);

CREATE TABLE targets (
    tenant INTEGER NOT NULL,
    id BYTEA NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    config TEXT COLLATE "C" NOT NULL,
    secrets TEXT COLLATE "C",
    mappings TEXT COLLATE "C" NOT NULL,
    deprovision TEXT COLLATE "C" NOT NULL,
    guard TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    state_reason TEXT COLLATE "C",
    state_since BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    created BIGINT NOT NULL,
    dispatched_seq BIGINT NOT NULL,
    not_before BIGINT,
    failures INTEGER NOT NULL,
    backlog TEXT COLLATE "C",
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, name)
);

CREATE TABLE leases (
    tenant INTEGER NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    counter BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE links (
    tenant INTEGER NOT NULL,
    target BYTEA NOT NULL,
    key BYTEA NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    remote_id TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    wanted BIGINT NOT NULL,
    done BIGINT NOT NULL,
    intent TEXT COLLATE "C",
    intent_at BIGINT,
    applied TEXT COLLATE "C",
    applied_hash BYTEA,
    applied_at BIGINT,
    tombstone TEXT COLLATE "C",
    priority INTEGER NOT NULL,
    due BIGINT,
    attempts INTEGER NOT NULL,
    error_class TEXT COLLATE "C",
    error TEXT COLLATE "C",
    failed_since BIGINT,
    epoch BIGINT NOT NULL,
    PRIMARY KEY (tenant, target, key)
);
CREATE INDEX links_due ON links (tenant, target, priority, due) WHERE due IS NOT NULL;
CREATE UNIQUE INDEX links_by_remote ON links (tenant, target, type, remote_id) WHERE remote_id IS NOT NULL;
CREATE INDEX links_by_key ON links (tenant, key);

-- The members that a target's group should have (wanted) and was last told to have (applied).
CREATE TABLE link_members (
    tenant INTEGER NOT NULL,
    target BYTEA NOT NULL,
    group_key BYTEA NOT NULL,
    member_key BYTEA NOT NULL,
    wanted BOOLEAN NOT NULL,
    applied TEXT COLLATE "C",
    PRIMARY KEY (tenant, target, group_key, member_key)
);
CREATE INDEX link_members_open ON link_members (tenant, target, group_key) WHERE wanted <> (applied IS NOT NULL);

-- Who waits at a target for whom to be linked.
CREATE TABLE link_waits (
    tenant INTEGER NOT NULL,
    target BYTEA NOT NULL,
    on_key BYTEA NOT NULL,
    waiter_key BYTEA NOT NULL,
    PRIMARY KEY (tenant, target, on_key, waiter_key)
);

CREATE TABLE attempts (
    tenant INTEGER NOT NULL,
    id BYTEA NOT NULL,
    target BYTEA NOT NULL,
    key BYTEA NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    op TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    status INTEGER,
    paths TEXT COLLATE "C" NOT NULL,
    error TEXT COLLATE "C",
    at BIGINT NOT NULL,
    millis BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX attempts_by_target ON attempts (tenant, target, id);
CREATE INDEX attempts_by_key ON attempts (tenant, key, id);

-- Rows of queues: dead index entries at the head cost more than frequent vacuuming.
ALTER TABLE links SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01);
ALTER TABLE link_members SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01);
ALTER TABLE changes SET (autovacuum_vacuum_scale_factor = 0.01);
