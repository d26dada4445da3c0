-- Policies of resources: rules that deny whatever roles allow. The body is as it was written.
-- With rows of their own: in a table that is its key, SQLite prefers a look at all of a tenant to the index.
CREATE TABLE policies (
    tenant INTEGER NOT NULL,
    id BLOB NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    rev BIGINT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX policies_by_resource ON policies (tenant, resource_type, resource_id);
