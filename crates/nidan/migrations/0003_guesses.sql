-- What was guessed, and what was taken from which budget. Tokens as in 0001_first.sql.

-- A group of its own, as login_key: no transaction reaches from here into the accounts, nor touches two rows of it.
CREATE TABLE rate_counter (
  key_hash {BLOB} NOT NULL PRIMARY KEY,  -- keyed hash of what is counted, and for whom
  place {INT} NOT NULL,                  -- where in time the counts are; the rule says how
  taken {INT} NOT NULL,
  completed {INT} NOT NULL,
  taken_before {INT} NOT NULL,
  completed_before {INT} NOT NULL,
  blocked_ms {INT} NOT NULL,             -- until when nothing is given
  expires_ms {INT} NOT NULL              -- from then on the row is as good as none
) {OPTIONS};
CREATE INDEX rate_counter_expiry ON rate_counter (expires_ms);

ALTER TABLE account ADD COLUMN guesses {BLOB};               -- of its unknown devices, by day of the last year; none: none
ALTER TABLE account ADD COLUMN lane_closed_ms {INT};         -- since when unknown devices get no messages: somebody has the password
ALTER TABLE account ADD COLUMN lane_told_ms {INT};           -- when its owner was last written to about that
ALTER TABLE account ADD COLUMN lane_stopped {INT} NOT NULL DEFAULT 0;  -- attempts stopped since then
ALTER TABLE account ADD COLUMN password_changed_ms {INT};

ALTER TABLE device ADD COLUMN guess_life {INT} NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN guess_day {INT} NOT NULL DEFAULT 0;      -- since guess_since_ms
ALTER TABLE device ADD COLUMN guess_since_ms {INT} NOT NULL DEFAULT 0;

-- By what was proven. What is open while the schema changes goes on as if from known devices.
ALTER TABLE ceremony ADD COLUMN lane {INT} NOT NULL DEFAULT 1;
ALTER TABLE ceremony ADD COLUMN charged {INT} NOT NULL DEFAULT 0;      -- guesses that a success gives back
ALTER TABLE ceremony ADD COLUMN released_ms {INT};           -- when a secret from the mailbox freed it
-- The only ones that are looked for by account: those that may tell that somebody has the password.
CREATE INDEX ceremony_password_only ON ceremony (account_id, opened_ms) WHERE lane = 2;

ALTER TABLE challenge ADD COLUMN budgets {BLOB};             -- taken for its messages, to be completed with it
CREATE INDEX challenge_ceremony ON challenge (account_id, ceremony_id);

CREATE INDEX message_created ON message (created_ms);

-- What was asked for, granted or not: opened sign-ins, presses of "send again", and what a rule refused.
CREATE TABLE request (
  account_id {BLOB} NOT NULL,
  request_id {BLOB} NOT NULL,
  ceremony_id {BLOB},                 -- the sign-in that it opened or belongs to; none: refused before there was one
  press {INT} NOT NULL,               -- 1: another message was asked for
  network {BLOB},                     -- keyed hash of the client's network: shows which are the same, and no more
  facts {BLOB} NOT NULL,              -- sealed: client, device, API key
  refused {TEXT},                     -- why nothing was sent
  completed_ms {INT},                 -- when its sign-in was completed
  created_ms {INT} NOT NULL,
  {KEY(account_id, request_id)}
) {OPTIONS};
CREATE INDEX request_account ON request (account_id, created_ms);
CREATE INDEX request_created ON request (created_ms);
