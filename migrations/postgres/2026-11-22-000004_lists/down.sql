DROP INDEX objects_by_modified;
