-- When a service account last used a permission. What was never used has no row.
CREATE TABLE permission_uses (
    tenant INTEGER NOT NULL,
    account BYTEA NOT NULL,
    permission TEXT COLLATE "C" NOT NULL,
    last_used BIGINT NOT NULL,
    PRIMARY KEY (tenant, account, permission)
);
