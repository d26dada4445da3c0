-- What conditions read of what edges lead to: "type\u001fpath" of an object, "\u001frelation" of an edge.
CREATE TABLE condition_watches (
    tenant INTEGER NOT NULL,
    subject TEXT NOT NULL,
    route TEXT NOT NULL,
    role_key BLOB NOT NULL,
    PRIMARY KEY (tenant, subject, route, role_key)
) WITHOUT ROWID;
CREATE INDEX condition_watches_by_role ON condition_watches (tenant, role_key);
CREATE INDEX condition_watches_by_route ON condition_watches (tenant, route);

-- Roles whose conditional grants a job is still bringing in line: until it ends the condition decides, not the edges.
CREATE TABLE recomputations (
    tenant INTEGER NOT NULL,
    role_key BLOB NOT NULL,
    job BLOB NOT NULL,
    PRIMARY KEY (tenant, role_key)
) WITHOUT ROWID;
