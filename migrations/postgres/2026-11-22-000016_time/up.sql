-- When a role or the edge of a grant holds, and which of its two instants comes next; none when both are past. The key is
-- that of the role, or the id of the edge.
CREATE TABLE temporal (
    tenant INTEGER NOT NULL,
    key BYTEA NOT NULL,
    edge BOOLEAN NOT NULL,
    starts BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    due BIGINT,
    PRIMARY KEY (tenant, key)
);

CREATE INDEX temporal_by_due ON temporal (due, tenant, key) WHERE due IS NOT NULL;
