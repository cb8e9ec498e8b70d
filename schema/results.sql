-- The results database of one job: every row, every attempt, every run. Other programs read the views and nothing else.
-- Times in tables are milliseconds since 1970 UTC; the views show them as RFC 3339.

PRAGMA application_id = 0x43564F44;  -- "CVOD"
PRAGMA user_version = 6;  -- rises with every change of this file (src/ledger/schema.cpp)

-- Facts about the file itself: the job's name; the shard whose cards it has ("2/4"; none: the whole job); who signed last
-- ("mchid 1900000001", "brand 1004"); once something was forgotten, the key of the hashes, and how many rows; of what `merge`
-- has made, of how many shards, or "carried on" once another command wrote to it.
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One card to invalidate. Its identity on the platform is (brand_id, card_id, code).
CREATE TABLE row (
  id            INTEGER PRIMARY KEY,
  brand_id      TEXT NOT NULL,
  card_id       TEXT NOT NULL,
  code          TEXT NOT NULL,              -- of a forgotten row its keyed hash: 64 digits, and no code is so long
  openid        TEXT NOT NULL,              -- of a forgotten row empty, and its reason too
  reason        TEXT NOT NULL,              -- empty: none is sent
  source_line   INTEGER NOT NULL,           -- in the import that brought it
  status        TEXT NOT NULL DEFAULT 'pending'
                -- No IN: SQLite would make a table of the words for every row, which costs 85 % of an import.
                CHECK (status = 'pending' OR status = 'in_flight' OR status = 'invalidated' OR status = 'rejected' OR
                       status = 'unresolved'),
  held          INTEGER NOT NULL DEFAULT 0, -- unresolved until `retry` takes it up again
  conflict      INTEGER NOT NULL DEFAULT 0, -- 1: the latest input names another openid or reason than was
                                            -- sent, or contradicts itself: not sent. 2: for the length of an
                                            -- import, a row that it brought and contradicts
  absent        INTEGER NOT NULL DEFAULT 0, -- 0: the latest complete import names it. 1: it does not, and no
                                            -- request was ever made: not sent until one does. 2: it does not,
                                            -- and it is sent all the same (a request was made, or
                                            -- input.vanished is "send")
  protected     INTEGER NOT NULL DEFAULT 0, -- safety.protect, at the latest import, or the table `protection`
                                            -- names it: never sent
  strange       INTEGER NOT NULL DEFAULT 0, -- its last answer is one that only this card may have (docs/answers.md):
                                            -- it comes last
  -- What the platform said last; NULL where it has not.
  card_state    TEXT,
  invalid_time  TEXT,
  error_code    TEXT,
  error_message TEXT,
  http_status   INTEGER,
  request_id    TEXT,
  endpoint      TEXT,
  settled_by    TEXT CHECK (settled_by = 'answer' OR settled_by = 'read_back' OR settled_by = 'already'),
  answer_signed INTEGER,                    -- 1: the answer that settled it had a verified signature; 0: it had
                                            -- none; NULL: not settled
  first_sent_at INTEGER,                    -- our first invalidation request
  finished_at   INTEGER,                    -- when it was settled
  retried_at    INTEGER,                    -- when `retry` last put it back, or withdrew its acceptance
  retried_by    TEXT,                       -- the operating-system user; NULL: of an earlier version
  -- A person's word by `accept`, which leaves the status as it is. It settles the row while it is later than
  -- retried_at and the row is rejected or unresolved; then it is only on record.
  accepted_at   INTEGER,
  accepted_by   TEXT,
  accepted_note TEXT,
  forgotten_at  INTEGER,                    -- when `forget` removed its personal data; NULL: it is as it was
  CHECK ((status = 'invalidated') = (settled_by IS NOT NULL))
) STRICT;

-- Away while an import brings many rows, and made at its end; for others only in a first import
-- (src/ledger/large_import.hpp).
CREATE UNIQUE INDEX row_key ON row (brand_id, card_id, code);

-- What a run looks for when it begins, without a look at every row.
CREATE INDEX row_pending ON row (id) WHERE status = 'pending';
CREATE INDEX row_in_doubt ON row (id) WHERE status = 'in_flight' OR status = 'unresolved';
-- What `status` counts.
CREATE INDEX row_error ON row (status, error_code, accepted_at, retried_at) WHERE error_code IS NOT NULL AND status <> 'invalidated';

-- How many rows of the plan are alike in what is counted (src/ledger/tally.hpp). No line: to be counted again.
CREATE TABLE tally (
  status        TEXT NOT NULL,
  held          INTEGER NOT NULL,
  conflict      INTEGER NOT NULL,
  absent        INTEGER NOT NULL,
  protected     INTEGER NOT NULL,
  settled_by    TEXT NOT NULL,              -- empty: not settled
  is_unsigned   INTEGER NOT NULL,           -- answer_signed = 0
  accepted      INTEGER NOT NULL,           -- a person's word settles them
  rows          INTEGER NOT NULL,
  PRIMARY KEY (status, held, conflict, absent, protected, settled_by, is_unsigned, accepted)
) STRICT, WITHOUT ROWID;

-- One request. Its line is committed before its first byte leaves (outcome NULL until it ended).
CREATE TABLE attempt (
  row_id      INTEGER NOT NULL REFERENCES row (id),
  n           INTEGER NOT NULL,             -- per row, increasing; gaps are requests that were never sent
  run_id      INTEGER NOT NULL,
  kind        TEXT NOT NULL CHECK (kind = 'invalidate' OR kind = 'read_back'),
  endpoint    TEXT NOT NULL CHECK (endpoint = 'primary' OR endpoint = 'backup'),
  sent        INTEGER NOT NULL DEFAULT 1,   -- 0: surely not one byte left
  started_at  INTEGER NOT NULL,
  finished_at INTEGER,
  latency_us  INTEGER,
  http_status INTEGER,
  error_code  TEXT,
  request_id  TEXT,
  outcome     TEXT,                         -- docs/answers.md
  PRIMARY KEY (row_id, n)
) STRICT, WITHOUT ROWID;

-- What a row without a request said before an import changed it in place, so that an earlier plan can still be
-- compared. Kept as long as a plan of `shown_plan` may need it.
CREATE TABLE correction (
  id      INTEGER PRIMARY KEY,
  row_id  INTEGER NOT NULL REFERENCES row (id),
  openid  TEXT NOT NULL,
  reason  TEXT NOT NULL,
  made_at INTEGER NOT NULL
) STRICT;

-- What `protect` has added and taken back: cards and members that must never be sent.
CREATE TABLE protection (
  id         INTEGER PRIMARY KEY,
  code       TEXT,                          -- one of the two
  openid     TEXT,
  note       TEXT NOT NULL,
  added_by   TEXT NOT NULL,                 -- the operating-system user
  added_at   INTEGER NOT NULL,
  removed_by TEXT,
  removed_at INTEGER,                       -- NULL: it holds
  CHECK ((code IS NULL) <> (openid IS NULL)),
  CHECK ((removed_by IS NULL) = (removed_at IS NULL))
) STRICT;

-- Input lines of the latest import that never became rows.
CREATE TABLE refused_line (
  id          INTEGER PRIMARY KEY,
  source_line INTEGER NOT NULL,
  cause       TEXT NOT NULL,
  raw         TEXT NOT NULL
) STRICT;

-- One reading of the input. Written when it is complete.
CREATE TABLE import (
  id          INTEGER PRIMARY KEY,
  started_at  INTEGER NOT NULL,
  finished_at INTEGER NOT NULL,
  source      TEXT NOT NULL,                -- what was read, in words
  file        TEXT,                         -- its name; NULL: an earlier version did not note these four
  file_time   INTEGER,                      -- when the file was changed last; NULL too for standard input
  sha256      TEXT,                         -- of every byte that was read, hex; NULL too for a query
  read_by     TEXT,                         -- the operating-system user
  lines       INTEGER NOT NULL,             -- rows and refused lines together
  added       INTEGER NOT NULL,
  known       INTEGER NOT NULL,             -- were here from an earlier import
  duplicates  INTEGER NOT NULL,             -- the same card again in the same input
  refused     INTEGER NOT NULL,             -- lines, those of conflicts among them
  conflicts   INTEGER NOT NULL,             -- rows whose openid or reason the input has changed
  vanished    INTEGER NOT NULL,             -- rows here that the input no longer has
  vanished_to_send INTEGER NOT NULL,        -- of these, still to send
  last_row    INTEGER NOT NULL,             -- greatest row.id; what lies above is of an import that died
  last_refused INTEGER NOT NULL,            -- greatest refused_line.id; likewise
  elsewhere   INTEGER NOT NULL DEFAULT 0,   -- of a shard: lines of other shards, not among `lines`
  recipe      TEXT,                         -- SHA-256 of what it came from: with the same one another import would
                                            -- change nothing. NULL: it may, or something was done since
  remarks     TEXT                          -- what a person should know of the input, a JSON array; NULL: no recipe
) STRICT;

-- The last plans that `plan` showed or `run` made, each fingerprint once: what a `--confirm` that does not fit any more
-- is compared with.
CREATE TABLE shown_plan (
  id          INTEGER PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  made_at     INTEGER NOT NULL,
  made_by     TEXT,                         -- the operating-system user; NULL: of an earlier version
  last_row    INTEGER NOT NULL,             -- greatest row.id then
  to_send     INTEGER NOT NULL,             -- how many rows that were
  row_ids     TEXT NOT NULL,                -- which, as ranges: "1-12400 12403-12410"; "-": too many to be
                                            -- kept, or the plan of a shard, kept by `merge` to say who agreed
                                            -- to it
  last_correction INTEGER NOT NULL DEFAULT 0, -- greatest correction.id then
  confirmed_at INTEGER,                     -- when somebody last agreed to it; NULL: not yet
  confirmed_by TEXT                         -- who that was, likewise
) STRICT;

-- One execution of a command that sends. ended_at and exit_code are NULL when it died.
CREATE TABLE run (
  id          INTEGER PRIMARY KEY,
  command     TEXT NOT NULL,
  started_at  INTEGER NOT NULL,
  ended_at    INTEGER,
  user        TEXT,                         -- of the operating system; NULL: of a version that did not note it
  host        TEXT NOT NULL,
  pid         INTEGER NOT NULL,
  version     TEXT NOT NULL,
  acknowledge TEXT NOT NULL,
  requests_per_second REAL,                 -- limits.requests_per_second; NULL: of an earlier version
  consent     TEXT,                         -- how its user agreed to the plan: confirm (--confirm), yes (--yes), typed
                                            -- (the number of cards); NULL: it sends nothing, or as above
  fingerprint TEXT NOT NULL,                -- of the plan when the run began
  by_confirm  INTEGER NOT NULL,             -- somebody named that fingerprint, and no row came in since that
                                            -- it did not cover
  last_row    INTEGER NOT NULL,             -- greatest row.id of that plan
  exit_code   INTEGER,
  ending      TEXT,                         -- why it ended, in words
  sent        INTEGER NOT NULL DEFAULT 0,   -- invalidation requests
  confirmed   INTEGER NOT NULL DEFAULT 0,
  rejected    INTEGER NOT NULL DEFAULT 0,
  unresolved  INTEGER NOT NULL DEFAULT 0,
  canary      INTEGER NOT NULL DEFAULT 0,   -- rows that passed it: sent one by one, and read back as INVALID.
                                            -- 0 again after a trip and after `retry`
  other_brand INTEGER NOT NULL DEFAULT 0,   -- verified answers that named another brand_id
  tripped_by  TEXT,                         -- why it stopped itself: canary, failure_rate, unknown_answer,
                                            -- wrong_card, contradiction, already; NULL: it did not
  culprits    TEXT                          -- the rows that caused it, their ids as a JSON array
) STRICT;

-- What the run under way said of itself last, for `status`; one line.
CREATE TABLE pulse (
  id            INTEGER PRIMARY KEY CHECK (id = 1),
  run_id        INTEGER NOT NULL,
  at            INTEGER NOT NULL,
  rate          REAL NOT NULL,              -- requests/s over the last minute, of every kind
  allowed_rate  REAL NOT NULL,              -- requests/s at present: below the limit after a 429
  in_flight     INTEGER NOT NULL,
  waiting       INTEGER NOT NULL,           -- for their back-off
  primary_state TEXT NOT NULL,              -- closed: serves; open: does not; half_open: is being probed
  backup_state  TEXT NOT NULL,
  canary        INTEGER NOT NULL DEFAULT 0, -- rows that go one by one before the pace opens; 0: it is open
  canary_passed INTEGER NOT NULL DEFAULT 0, -- of these, done
  canary_already INTEGER NOT NULL DEFAULT 0, -- of these, INVALID before us
  reasons_to_wait TEXT NOT NULL             -- a JSON array of {kind, words, since, until}: why nothing leaves, or
                                            -- less than the limit allows
) STRICT;

-- The reasons to wait of every run, while they lasted: what held it up, or made it slower than its job allows. Written with
-- the pulse, so a run that died has those that it had.
CREATE TABLE wait (
  run_id       INTEGER NOT NULL,
  kind         TEXT NOT NULL,               -- as in pulse.reasons_to_wait
  since        INTEGER NOT NULL,
  until        INTEGER NOT NULL,            -- the last pulse that still had it
  words        TEXT NOT NULL,
  allowed_rate REAL NOT NULL,               -- requests/s that were allowed then, at most
  PRIMARY KEY (run_id, kind, since)
) STRICT, WITHOUT ROWID;

CREATE VIEW results AS
SELECT brand_id, card_id, iif(forgotten_at IS NULL, code, NULL) AS code, nullif(openid, '') AS openid,
       nullif(reason, '') AS reason, status, card_state, invalid_time, error_code,
       error_message, http_status,
       (SELECT count(*) FROM attempt WHERE attempt.row_id = row.id AND attempt.sent) AS attempts,
       request_id, endpoint, source_line,
       strftime('%Y-%m-%dT%H:%M:%fZ', first_sent_at / 1000.0, 'unixepoch') AS first_sent_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', finished_at / 1000.0, 'unixepoch') AS finished_at,
       settled_by, answer_signed,
       CASE WHEN status = 'invalidated' OR status = 'rejected' THEN NULL
            WHEN protected THEN 'protected'
            WHEN held THEN 'held'
            WHEN conflict THEN 'conflict'
            WHEN absent = 1 THEN 'left_list' END AS held_back,
       -- A word that is not the later one, or of a row that has moved on, does not show (src/ledger/state.hpp).
       CASE WHEN (status = 'rejected' OR status = 'unresolved') AND accepted_at > coalesce(retried_at, 0)
            THEN strftime('%Y-%m-%dT%H:%M:%fZ', accepted_at / 1000.0, 'unixepoch') END AS accepted_at,
       CASE WHEN (status = 'rejected' OR status = 'unresolved') AND accepted_at > coalesce(retried_at, 0)
            THEN accepted_by END AS accepted_by,
       CASE WHEN (status = 'rejected' OR status = 'unresolved') AND accepted_at > coalesce(retried_at, 0)
            THEN accepted_note END AS accepted_note,
       strftime('%Y-%m-%dT%H:%M:%fZ', forgotten_at / 1000.0, 'unixepoch') AS forgotten_at
FROM row
WHERE id <= (SELECT max(last_row) FROM import);

CREATE VIEW attempts AS
SELECT row_id, iif(forgotten_at IS NULL, row.code, NULL) AS code, n, run_id, kind, attempt.endpoint,
       strftime('%Y-%m-%dT%H:%M:%fZ', started_at / 1000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', attempt.finished_at / 1000.0, 'unixepoch') AS finished_at,
       latency_us / 1000.0 AS latency_ms, attempt.http_status, attempt.error_code, attempt.request_id, outcome
FROM attempt JOIN row ON row.id = attempt.row_id
WHERE sent;

CREATE VIEW refused AS
SELECT source_line, cause, raw FROM refused_line WHERE id <= (SELECT last_refused FROM import ORDER BY id DESC LIMIT 1);

CREATE VIEW runs AS
SELECT id AS run_id, user, strftime('%Y-%m-%dT%H:%M:%fZ', started_at / 1000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', ended_at / 1000.0, 'unixepoch') AS ended_at, host, pid, version, acknowledge,
       fingerprint, exit_code, sent, confirmed, rejected, unresolved, ending, tripped_by, culprits
FROM run;
