DROP TABLE recomputations;
DROP TABLE condition_watches;
