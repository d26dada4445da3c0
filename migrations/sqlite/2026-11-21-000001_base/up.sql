-- Times are microseconds since 1970-01-01T00:00:00Z. Keys are 16-byte UUIDv7. Documents are JSON text.

CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE tenants (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created BIGINT NOT NULL
);

CREATE TABLE tokens (
    tenant INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    profile TEXT NOT NULL,
    scopes TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
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
    type TEXT NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, type, path)
);

CREATE TABLE objects (
    tenant INTEGER NOT NULL,
    key BLOB NOT NULL,
    type TEXT NOT NULL,
    wire_id TEXT NOT NULL,
    rev BIGINT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    external_ids TEXT,
    label TEXT,
    doc TEXT NOT NULL,
    PRIMARY KEY (tenant, type, key),
    UNIQUE (tenant, type, wire_id)
);

CREATE TABLE tombstones (
    tenant INTEGER NOT NULL,
    type TEXT NOT NULL,
    wire_id TEXT NOT NULL,
    key BLOB NOT NULL,
    rev BIGINT NOT NULL,
    deleted BIGINT NOT NULL,
    PRIMARY KEY (tenant, type, wire_id, key)
) WITHOUT ROWID;

CREATE TABLE attribute_index (
    tenant INTEGER NOT NULL,
    path INTEGER NOT NULL,
    value TEXT NOT NULL,
    key BLOB NOT NULL,
    PRIMARY KEY (tenant, path, value, key)
) WITHOUT ROWID;

CREATE TABLE unique_values (
    tenant INTEGER NOT NULL,
    path INTEGER NOT NULL,
    hash BLOB NOT NULL,
    key BLOB NOT NULL,
    PRIMARY KEY (tenant, path, hash)
) WITHOUT ROWID;

CREATE TABLE external_ids (
    tenant INTEGER NOT NULL,
    type TEXT NOT NULL,
    source TEXT NOT NULL,
    value TEXT NOT NULL,
    key BLOB NOT NULL,
    PRIMARY KEY (tenant, type, source, value, key)
) WITHOUT ROWID;

CREATE TABLE edges (
    tenant INTEGER NOT NULL,
    relation TEXT NOT NULL,
    from_key BLOB NOT NULL,
    to_key BLOB NOT NULL,
    variant TEXT NOT NULL,
    id BLOB NOT NULL,
    from_type TEXT NOT NULL,
    to_type TEXT NOT NULL,
    rev BIGINT NOT NULL,
    created BIGINT NOT NULL,
    properties TEXT,
    PRIMARY KEY (tenant, relation, from_key, to_key, variant),
    UNIQUE (tenant, id)
) WITHOUT ROWID;
CREATE INDEX edges_by_target ON edges (tenant, relation, to_key, from_key, variant);

-- What a client wrote as a reference and what led nowhere; never bound later.
CREATE TABLE unresolved_references (
    tenant INTEGER NOT NULL,
    key BLOB NOT NULL,
    relation TEXT NOT NULL,
    value TEXT NOT NULL,
    element TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (tenant, key, relation, value)
) WITHOUT ROWID;

CREATE TABLE conditions (
    tenant INTEGER NOT NULL,
    role_key BLOB NOT NULL,
    source TEXT NOT NULL,
    reads TEXT NOT NULL,
    PRIMARY KEY (tenant, role_key)
) WITHOUT ROWID;

-- A condition can only match an object that has one of its anchors: "path\u001fvalue", or "*".
CREATE TABLE condition_anchors (
    tenant INTEGER NOT NULL,
    anchor TEXT NOT NULL,
    role_key BLOB NOT NULL,
    PRIMARY KEY (tenant, anchor, role_key)
) WITHOUT ROWID;
CREATE INDEX condition_anchors_by_role ON condition_anchors (tenant, role_key);

CREATE TABLE changes (
    tenant INTEGER NOT NULL,
    id BLOB NOT NULL,
    seq BIGINT,
    at BIGINT NOT NULL,
    type TEXT NOT NULL,
    key BLOB NOT NULL,
    op TEXT NOT NULL,
    rev BIGINT NOT NULL,
    other_key BLOB,
    actor TEXT NOT NULL,
    source TEXT NOT NULL,
    dialect TEXT NOT NULL,
    request_id TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX changes_by_seq ON changes (tenant, seq) WHERE seq IS NOT NULL;
-- PostgreSQL alone has such rows: the dispatcher numbers them in the order of commit.
CREATE INDEX changes_unnumbered ON changes (tenant, id) WHERE seq IS NULL;
CREATE INDEX changes_by_key ON changes (tenant, key, seq);

CREATE TABLE targets (
    tenant INTEGER NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    config TEXT NOT NULL,
    secrets TEXT,
    mappings TEXT NOT NULL,
    deprovision TEXT NOT NULL,
    guard TEXT,
    state TEXT NOT NULL,
    state_reason TEXT,
    state_since BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    created BIGINT NOT NULL,
    dispatched_seq BIGINT NOT NULL,
    not_before BIGINT,
    failures INTEGER NOT NULL,
    backlog TEXT,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, name)
);

CREATE TABLE leases (
    tenant INTEGER NOT NULL,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    counter BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE links (
    tenant INTEGER NOT NULL,
    target BLOB NOT NULL,
    key BLOB NOT NULL,
    type TEXT NOT NULL,
    remote_id TEXT,
    status TEXT NOT NULL,
    wanted BIGINT NOT NULL,
    done BIGINT NOT NULL,
    intent TEXT,
    intent_at BIGINT,
    applied TEXT,
    applied_hash BLOB,
    applied_at BIGINT,
    tombstone TEXT,
    priority INTEGER NOT NULL,
    due BIGINT,
    attempts INTEGER NOT NULL,
    error_class TEXT,
    error TEXT,
    failed_since BIGINT,
    epoch BIGINT NOT NULL,
    PRIMARY KEY (tenant, target, key)
) WITHOUT ROWID;
CREATE INDEX links_due ON links (tenant, target, priority, due) WHERE due IS NOT NULL;
CREATE UNIQUE INDEX links_by_remote ON links (tenant, target, type, remote_id) WHERE remote_id IS NOT NULL;
CREATE INDEX links_by_key ON links (tenant, key);

-- The members that a target's group should have (wanted) and was last told to have (applied).
CREATE TABLE link_members (
    tenant INTEGER NOT NULL,
    target BLOB NOT NULL,
    group_key BLOB NOT NULL,
    member_key BLOB NOT NULL,
    wanted BOOLEAN NOT NULL,
    applied TEXT,
    PRIMARY KEY (tenant, target, group_key, member_key)
) WITHOUT ROWID;
CREATE INDEX link_members_open ON link_members (tenant, target, group_key) WHERE wanted <> (applied IS NOT NULL);

-- Who waits at a target for whom to be linked.
CREATE TABLE link_waits (
    tenant INTEGER NOT NULL,
    target BLOB NOT NULL,
    on_key BLOB NOT NULL,
    waiter_key BLOB NOT NULL,
    PRIMARY KEY (tenant, target, on_key, waiter_key)
) WITHOUT ROWID;

CREATE TABLE attempts (
    tenant INTEGER NOT NULL,
    id BLOB NOT NULL,
    target BLOB NOT NULL,
    key BLOB NOT NULL,
    type TEXT NOT NULL,
    op TEXT NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    paths TEXT NOT NULL,
    error TEXT,
    at BIGINT NOT NULL,
    millis BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX attempts_by_target ON attempts (tenant, target, id);
CREATE INDEX attempts_by_key ON attempts (tenant, key, id);
