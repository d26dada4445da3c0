DROP TABLE inbound_allowances;
DROP TABLE inbound_held;
DROP TABLE inbound_removals;
ALTER TABLE changes DROP COLUMN token;
