-- Keys in which a token differs from its client profile, as JSON; and the client that its requests showed.
ALTER TABLE tokens ADD COLUMN profile_overrides TEXT;
ALTER TABLE tokens ADD COLUMN recognised TEXT;
