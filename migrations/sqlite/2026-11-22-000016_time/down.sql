DROP TABLE temporal;
