-- Issuers whose tokens a tenant takes, as they were written, JSON text.
CREATE TABLE issuers (
    tenant INTEGER NOT NULL,
    id BLOB NOT NULL,
    issuer TEXT NOT NULL,
    rev BIGINT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, issuer)
) WITHOUT ROWID;

-- For whom their users' tokens are meant. A token names no tenant, so a pair belongs to one of the whole installation.
CREATE TABLE issuer_audiences (
    issuer TEXT NOT NULL,
    audience TEXT NOT NULL,
    tenant INTEGER NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (issuer, audience)
) WITHOUT ROWID;

CREATE INDEX issuer_audiences_of ON issuer_audiences (tenant, id);
