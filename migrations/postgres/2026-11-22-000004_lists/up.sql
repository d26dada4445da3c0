-- Lists by time of change: "what changed since", and sorting by it.
CREATE INDEX objects_by_modified ON objects (tenant, type, modified, key);
