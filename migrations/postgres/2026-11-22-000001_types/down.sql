DROP TABLE unfinished_paths;
DROP TABLE type_versions;
DROP TABLE object_types;
