-- When a service account last used a permission. What was never used has no row.
CREATE TABLE permission_uses (
    tenant INTEGER NOT NULL,
    account BLOB NOT NULL,
    permission TEXT NOT NULL,
    last_used BIGINT NOT NULL,
    PRIMARY KEY (tenant, account, permission)
) WITHOUT ROWID;
