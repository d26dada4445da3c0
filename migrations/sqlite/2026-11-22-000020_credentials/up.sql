-- Service accounts that ever had a credential: the number of their tokens' generation, which only rises. A row outlives its
-- account, so that no client id comes back.
CREATE TABLE clients (
    client_id TEXT NOT NULL PRIMARY KEY,
    tenant INTEGER NOT NULL,
    account BLOB NOT NULL,
    ver BIGINT NOT NULL,
    UNIQUE (tenant, account)
) WITHOUT ROWID;

-- What an account proves itself with: the digest of a secret, or a public key as JWK.
CREATE TABLE credentials (
    tenant INTEGER NOT NULL,
    account BLOB NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    shown TEXT NOT NULL,
    material TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    last_used BIGINT,
    PRIMARY KEY (tenant, account, kind, name)
) WITHOUT ROWID;

-- Names of client assertions that were used, until these expire.
CREATE TABLE assertions (
    tenant INTEGER NOT NULL,
    account BLOB NOT NULL,
    hash BLOB NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (tenant, account, hash)
) WITHOUT ROWID;

-- Single tokens that were revoked, until they expire.
CREATE TABLE revoked_tokens (
    tenant INTEGER NOT NULL,
    account BLOB NOT NULL,
    jti TEXT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (tenant, account, jti)
) WITHOUT ROWID;

-- The keys that this installation signs with; the private half is sealed by the master key.
CREATE TABLE signing_keys (
    id BLOB NOT NULL PRIMARY KEY,
    algorithm TEXT NOT NULL,
    public TEXT NOT NULL,
    private TEXT NOT NULL,
    created BIGINT NOT NULL,
    signs_from BIGINT NOT NULL
) WITHOUT ROWID;
