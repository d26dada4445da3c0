DROP TABLE permission_uses;
