-- Every table but payload numbers its rows without gaps (AUTOINCREMENT remembers the last number), so lost rows are noticed.
-- check_sum covers all other columns of its row but id.

CREATE TABLE scope (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  endpoint   TEXT NOT NULL,
  query_hash BLOB,
  account    TEXT NOT NULL,
  check_sum  INTEGER NOT NULL
) STRICT;

-- sync_count changes once a second, so that a commit with synchronous=FULL has something to write.
CREATE TABLE run (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  scope      INTEGER NOT NULL,
  what       TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at   INTEGER,
  sync_count INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One row for each payload of each shipment, in order of arrival: what one night reads and writes together is stored together.
CREATE TABLE payload (
  id             INTEGER PRIMARY KEY,
  scope          INTEGER NOT NULL,
  identity       BLOB NOT NULL,
  payload        BLOB NOT NULL,
  order_no       TEXT NOT NULL,
  trackingnumber TEXT NOT NULL,
  accepted_run   INTEGER,
  accepted_at    INTEGER,
  seen_run       INTEGER NOT NULL,
  touched_run    INTEGER NOT NULL,
  doubt_run      INTEGER,
  doubt_since    INTEGER,
  check_sum      INTEGER NOT NULL
) STRICT;

-- Eight bytes tell nearly all shipments apart, and make the index smaller than whole identities.
CREATE INDEX payload_identity ON payload (substr(identity, 1, 8));
