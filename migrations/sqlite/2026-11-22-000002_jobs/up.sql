-- Work that is done in batches, each in a transaction of its own, and taken up again after a crash.
CREATE TABLE jobs (
    tenant INTEGER NOT NULL,
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    state TEXT NOT NULL,
    status TEXT NOT NULL,
    done BIGINT NOT NULL,
    total BIGINT NOT NULL,
    error TEXT,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE INDEX jobs_by_status ON jobs (status, tenant, id);
