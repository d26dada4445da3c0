DROP TABLE issuer_audiences;
DROP TABLE issuers;
