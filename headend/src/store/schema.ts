/**
 * The store's tables, one migration an entry; entries are never changed, only added.
 *
 * Times are milliseconds since 1970. `records.bytes` are the signed bytes exactly as received and
 * the truth; everything beside them is derived, so that questions are answered by an index.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE devices (
    row INTEGER PRIMARY KEY,
    ueid BLOB NOT NULL UNIQUE,
    algorithm TEXT NOT NULL,
    public_key BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    serial TEXT UNIQUE,
    card BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'quarantined', 'revoked')),
    enrolled_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    newest_epoch INTEGER NOT NULL DEFAULT 0,
    last_seen_ms INTEGER,
    heartbeat INTEGER
  ) STRICT;
  CREATE INDEX devices_by_name ON devices (name, ueid);

  CREATE TABLE epochs (
    row INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (row),
    number INTEGER NOT NULL,
    boot_counter INTEGER NOT NULL,
    prekey BLOB NOT NULL,
    stored_ms INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (device, number)
  ) STRICT;
  CREATE INDEX epochs_by_prekey ON epochs (prekey);

  CREATE TABLE kids (
    kid BLOB PRIMARY KEY,
    epoch INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE schemas (
    row INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    record INTEGER
  ) STRICT;

  CREATE TABLE streams (
    row INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (row),
    number INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    schema INTEGER REFERENCES schemas (row),
    contiguous INTEGER NOT NULL,
    contiguous_hash BLOB NOT NULL,
    newest INTEGER NOT NULL,
    newest_hash BLOB NOT NULL,
    newest_ms INTEGER NOT NULL,
    gap_since_ms INTEGER,
    gap_told INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    open_seals INTEGER NOT NULL,
    conflicts INTEGER NOT NULL,
    UNIQUE (device, number)
  ) STRICT;

  CREATE TABLE records (
    row INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES streams (row),
    seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    stored_ms INTEGER NOT NULL,
    proof INTEGER NOT NULL,
    schema INTEGER,
    hash BLOB NOT NULL,
    previous BLOB NOT NULL,
    path BLOB,
    bytes BLOB NOT NULL,
    UNIQUE (stream, seq)
  ) STRICT;

  CREATE TABLE samples (
    stream INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    record INTEGER NOT NULL,
    schema INTEGER NOT NULL,
    status INTEGER NOT NULL,
    registers BLOB NOT NULL,
    PRIMARY KEY (stream, time_ms, seq)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE seals (
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    records INTEGER NOT NULL,
    digest BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'closed', 'contradicted')),
    PRIMARY KEY (stream, seq)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE conflicts (
    row INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES streams (row),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    stored_ms INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (stream, seq, hash)
  ) STRICT;

  CREATE TABLE events (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    device INTEGER REFERENCES devices (row),
    at_ms INTEGER NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'alarm')),
    code TEXT NOT NULL,
    reason TEXT,
    details TEXT NOT NULL,
    record INTEGER
  ) STRICT;
  CREATE INDEX events_by_device ON events (device, row);

  CREATE TABLE audit (
    row INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    deed TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL
  ) STRICT;
  `,
]
