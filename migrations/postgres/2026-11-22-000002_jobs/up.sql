-- Work that is done in batches, each in a transaction of its own, and taken up again after a crash.
CREATE TABLE jobs (
    tenant INTEGER NOT NULL,
    id BYTEA NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    done BIGINT NOT NULL,
    total BIGINT NOT NULL,
    error TEXT COLLATE "C",
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE INDEX jobs_by_status ON jobs (status, tenant, id);
