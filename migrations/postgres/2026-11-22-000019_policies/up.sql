-- Policies of resources: rules that deny whatever roles allow. The body is as it was written.
CREATE TABLE policies (
    tenant INTEGER NOT NULL,
    id BYTEA NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    resource_id TEXT COLLATE "C" NOT NULL,
    rev BIGINT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX policies_by_resource ON policies (tenant, resource_type, resource_id);
