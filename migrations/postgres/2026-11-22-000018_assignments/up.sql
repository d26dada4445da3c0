-- What assignments were applied to an account, as JSON, so that they can be taken back.
ALTER TABLE links ADD COLUMN assigned TEXT COLLATE "C";
CREATE INDEX links_assigned ON links (tenant, target) WHERE assigned IS NOT NULL;
