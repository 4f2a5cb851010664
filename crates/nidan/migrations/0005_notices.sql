-- What owners say of notices. Tokens as in 0001_first.sql.

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
