-- Whether the row is known to be the only one of its shipment in its scope; then it need not be looked for in the indexes
-- by whoever meets it beside the row that was found last.
ALTER TABLE payload ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;
