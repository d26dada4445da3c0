-- Service accounts that ever had a credential: the number of their tokens' generation, which only rises. A row outlives its
-- account, so that no client id comes back.
CREATE TABLE clients (
    client_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant INTEGER NOT NULL,
    account BYTEA NOT NULL,
    ver BIGINT NOT NULL,
    UNIQUE (tenant, account)
);

-- What an account proves itself with: the digest of a secret, or a public key as JWK.
CREATE TABLE credentials (
    tenant INTEGER NOT NULL,
    account BYTEA NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    shown TEXT COLLATE "C" NOT NULL,
    material TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    last_used BIGINT,
    PRIMARY KEY (tenant, account, kind, name)
);

-- Names of client assertions that were used, until these expire.
CREATE TABLE assertions (
    tenant INTEGER NOT NULL,
    account BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (tenant, account, hash)
);

-- Single tokens that were revoked, until they expire.
CREATE TABLE revoked_tokens (
    tenant INTEGER NOT NULL,
    account BYTEA NOT NULL,
    jti TEXT COLLATE "C" NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (tenant, account, jti)
);

-- The keys that this installation signs with; the private half is sealed by the master key.
CREATE TABLE signing_keys (
    id BYTEA NOT NULL PRIMARY KEY,
    algorithm TEXT COLLATE "C" NOT NULL,
    public TEXT COLLATE "C" NOT NULL,
    private TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    signs_from BIGINT NOT NULL
);
