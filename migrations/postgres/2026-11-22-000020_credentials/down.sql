DROP TABLE signing_keys;
DROP TABLE revoked_tokens;
DROP TABLE assertions;
DROP TABLE credentials;
DROP TABLE clients;
