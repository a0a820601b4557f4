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
  // Who may ask, tariffs, quarantined records, and a narrow row a device for lists of all of them.
  `
  CREATE TABLE users (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'administrator')),
    password TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    login_ms INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    subject TEXT NOT NULL REFERENCES users (name),
    created_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX sessions_by_subject ON sessions (subject, created_ms);

  CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL,
    name TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE tariffs (
    device INTEGER PRIMARY KEY REFERENCES devices (row),
    json TEXT NOT NULL
  ) STRICT;

  ALTER TABLE records ADD COLUMN quarantined INTEGER NOT NULL DEFAULT 0;

  CREATE TABLE fleet (
    device INTEGER PRIMARY KEY REFERENCES devices (row),
    name TEXT NOT NULL,
    search TEXT NOT NULL,
    state TEXT NOT NULL,
    enrolled_ms INTEGER NOT NULL,
    last_seen_ms INTEGER,
    alarm_ms INTEGER,
    day INTEGER NOT NULL DEFAULT 0,
    received INTEGER NOT NULL DEFAULT 0,
    interval_ms INTEGER NOT NULL DEFAULT 0,
    clock TEXT,
    firmware TEXT,
    spool REAL
  ) STRICT;
  CREATE INDEX fleet_by_name ON fleet (name COLLATE NOCASE, device);
  INSERT INTO fleet (device, name, search, state, enrolled_ms, last_seen_ms, alarm_ms)
    SELECT row, name, lower(name || ' ' || coalesce(serial, '') || ' ' || hex(ueid)), state,
      enrolled_ms, last_seen_ms,
      (SELECT max(at_ms) FROM events WHERE events.device = devices.row AND severity = 'alarm')
    FROM devices;
  ALTER TABLE devices DROP COLUMN last_seen_ms;

  CREATE INDEX audit_by_subject ON audit (subject, row);
  CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
    BEGIN SELECT raise(ABORT, 'the audit log is only added to'); END;
  CREATE TRIGGER audit_is_never_cut BEFORE DELETE ON audit
    BEGIN SELECT raise(ABORT, 'the audit log is only added to'); END;
  `,
  // What a device itself announced, found without reading all that it sent.
  `
  CREATE INDEX records_of_schemas ON records (stream, seq) WHERE kind = 6;
  `,
  // A signature says nothing without its kind: evidence of a contradiction is kept with it.
  `
  ALTER TABLE conflicts ADD COLUMN kind INTEGER;
  `,
]
