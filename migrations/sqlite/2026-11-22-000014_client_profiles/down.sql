ALTER TABLE tokens DROP COLUMN recognised;
ALTER TABLE tokens DROP COLUMN profile_overrides;
