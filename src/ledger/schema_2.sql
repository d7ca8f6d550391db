-- How many generations of a run's journal are in the tables: what a journal holds of these is known already.
ALTER TABLE run ADD COLUMN filed INTEGER NOT NULL DEFAULT 0;
