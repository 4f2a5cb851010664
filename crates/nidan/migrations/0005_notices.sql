-- What owners say of notices, and which numbers setups ask for. Tokens as in 0001_first.sql.

ALTER TABLE message ADD COLUMN said {INT};      -- of a notice: 1 "that was me", 2 "that was not me"; none: nothing yet
ALTER TABLE message ADD COLUMN said_ms {INT};
ALTER TABLE message ADD COLUMN session_id {BLOB};  -- of a notice about a sign-in: the session that it let in
ALTER TABLE message ADD COLUMN device_id {BLOB};   -- and the device that it was on

-- A group of its own, as login_key: a reference names no account. No transaction reaches from here into the accounts.
CREATE TABLE notice_reference (
  key_hash {BLOB} NOT NULL PRIMARY KEY,  -- keyed hash of what the notice's owner types
  account_id {BLOB} NOT NULL,
  message_id {BLOB} NOT NULL,
  expires_ms {INT} NOT NULL              -- from then on the row is as good as none
) {OPTIONS};
CREATE INDEX notice_reference_expiry ON notice_reference (expires_ms);

-- The numbers that messages of setups went to, or were not sent to, for a day: whether somebody pumps is told over all accounts.
CREATE TABLE setup_number (
  account_id {BLOB} NOT NULL,
  message_id {BLOB} NOT NULL,
  number_key {BLOB} NOT NULL,            -- keyed hash of the number, as in authenticator
  block_key {BLOB} NOT NULL,             -- keyed hash of the number without its last four digits
  refused {INT} NOT NULL,                -- 1: nothing was sent
  created_ms {INT} NOT NULL,
  {KEY(account_id, message_id)}
) {OPTIONS};
CREATE INDEX setup_number_created ON setup_number (created_ms);
CREATE INDEX setup_number_block ON setup_number (block_key, created_ms);
