-- The ledger's first schema. A step that was released never changes: the next version is a step of its own.

-- Whose shipments: mark is a check over the other columns, as everywhere.
CREATE TABLE scope (
  id       INTEGER PRIMARY KEY,
  endpoint TEXT NOT NULL,
  account  TEXT NOT NULL,
  mark     INTEGER NOT NULL
) STRICT;

-- Every run that opened the ledger, numbered without a gap.
CREATE TABLE run (
  id         INTEGER PRIMARY KEY,
  scope      INTEGER NOT NULL,
  what       TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at   INTEGER
) STRICT;

-- One row: what there must be at least, and the number of transactions.
CREATE TABLE state (
  id       INTEGER PRIMARY KEY,
  last_run INTEGER NOT NULL,
  scopes   INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  mark     INTEGER NOT NULL
) STRICT;

-- Every payload of every shipment. Rows stand in the order in which they came, since the next night's file has them in
-- nearly the same: what is read and written together lies together. An identity is kept as its two halves, each of
-- which has an index of its own: what one of them has lost, the other still finds.
CREATE TABLE payload (
  id             INTEGER PRIMARY KEY,
  scope          INTEGER NOT NULL,
  identity_head  INTEGER NOT NULL,
  identity_tail  INTEGER NOT NULL,
  payload        BLOB NOT NULL,
  order_no       TEXT NOT NULL,
  trackingnumber TEXT NOT NULL,
  accepted_run   INTEGER,
  accepted_at    INTEGER,
  seen_run       INTEGER NOT NULL,
  touched_run    INTEGER NOT NULL,
  doubt_run      INTEGER,
  doubt_since    INTEGER,
  mark           INTEGER NOT NULL
) STRICT;

CREATE INDEX payload_head ON payload (identity_head);
CREATE INDEX payload_tail ON payload (identity_tail);
