DROP INDEX links_assigned;
ALTER TABLE links DROP COLUMN assigned;
