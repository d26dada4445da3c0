-- What a tenant adds to the shipped object types, and its own types: a definition in the form of schema/*.json.
CREATE TABLE object_types (
    tenant INTEGER NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    rev BIGINT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    definition TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- Raised by every change of a tenant's types; a write asks it before it rests on what it knows of them.
CREATE TABLE type_versions (
    tenant INTEGER NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);

-- Attribute paths whose index rows or unique values a job is still making.
CREATE TABLE unfinished_paths (
    tenant INTEGER NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    job BYTEA NOT NULL,
    PRIMARY KEY (tenant, type, path)
);
