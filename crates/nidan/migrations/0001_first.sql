-- One text for SQLite and PostgreSQL. Tokens: {INT} 64-bit integer, {TEXT}, {BLOB} bytes, {KEY(a,b)} a primary key whose
-- first column is the account on PostgreSQL (shard key) and the event id on SQLite (page locality: new rows lie together),
-- {OPTIONS} what a table needs behind its columns. Times are milliseconds since the Unix epoch by the server's clock.
-- "sealed" columns are encrypted under the account's data key; look-ups of such values go by keyed hash.

CREATE TABLE account (
  account_id {BLOB} NOT NULL PRIMARY KEY,
  state {INT} NOT NULL,               -- 0 pending: its e-mail address was never confirmed; 1 active
  data_key {BLOB} NOT NULL,           -- wrapped under a key-encryption key; erasing it erases every sealed value
  email {BLOB} NOT NULL,              -- sealed
  email_verified_ms {INT},
  external_id {BLOB},                 -- sealed
  password {BLOB},                    -- sealed PHC string; none where the site keeps its own passwords
  language {TEXT} NOT NULL,
  site_groups {TEXT} NOT NULL,        -- JSON array of names
  sec_epoch {INT} NOT NULL,
  serial_day {INT} NOT NULL,          -- the day, in the site's zone, whose messages with a code are counted
  serial_sms {INT} NOT NULL,          -- by channel: the owner compares the number with what the phone, or the mailbox, got
  serial_email {INT} NOT NULL,
  two_step_since_ms {INT},
  last_seen_ms {INT},
  created_ms {INT} NOT NULL
) {OPTIONS};
CREATE INDEX account_pending ON account (created_ms) WHERE state = 0;

CREATE TABLE login_key (
  key_hash {BLOB} NOT NULL PRIMARY KEY,  -- keyed hash of kind and normalised value: e-mail address, external id
  account_id {BLOB} NOT NULL,
  claimed_ms {INT} NOT NULL              -- a claim whose account is not active some time later is anybody's
) {OPTIONS};

CREATE TABLE authenticator (
  account_id {BLOB} NOT NULL,
  authenticator_id {BLOB} NOT NULL,
  kind {INT} NOT NULL,
  role {INT} NOT NULL,
  secret {BLOB} NOT NULL,             -- sealed: phone number in E.164, or TOTP seed
  phone_key {BLOB},                   -- keyed hash of the number
  about {BLOB} NOT NULL,              -- sealed: label and what it lives on
  last_step {INT} NOT NULL,           -- TOTP: greatest time step ever accepted; strictly grows
  drift {INT} NOT NULL,               -- TOTP: learnt offset of the app's clock, in seconds
  created_ms {INT} NOT NULL,
  confirmed_ms {INT},                 -- a pending method never authenticates
  PRIMARY KEY (account_id, authenticator_id)
) {OPTIONS};
CREATE INDEX authenticator_phone ON authenticator (phone_key) WHERE phone_key IS NOT NULL;

CREATE TABLE ceremony (
  account_id {BLOB} NOT NULL,
  ceremony_id {BLOB} NOT NULL,
  purpose {INT} NOT NULL,
  holder {BLOB},                      -- hash of the browser's token; none: a site's API key holds it
  first_proof {INT} NOT NULL,
  authenticator_id {BLOB},            -- the method that is asked for, or is to be confirmed
  device_id {BLOB},                   -- the known device it came from
  stage {INT} NOT NULL,
  tries {INT} NOT NULL,               -- codes evaluated
  sec_epoch {INT} NOT NULL,
  client {BLOB} NOT NULL,             -- sealed: address and program it came from
  opened_ms {INT} NOT NULL,
  expires_ms {INT} NOT NULL,
  ended_ms {INT},
  {KEY(account_id, ceremony_id)}
) {OPTIONS};
CREATE INDEX ceremony_expiry ON ceremony (expires_ms);

CREATE TABLE challenge (
  account_id {BLOB} NOT NULL,
  challenge_id {BLOB} NOT NULL,
  ceremony_id {BLOB} NOT NULL,
  authenticator_id {BLOB},            -- none: the account's e-mail address
  key_version {INT} NOT NULL,         -- which key the code is derived under
  digits {INT} NOT NULL,
  tag {TEXT} NOT NULL,
  sent {INT} NOT NULL,                -- messages claimed
  last_sent_ms {INT} NOT NULL,
  created_ms {INT} NOT NULL,
  expires_ms {INT} NOT NULL,
  {KEY(account_id, challenge_id)}
) {OPTIONS};
CREATE INDEX challenge_expiry ON challenge (expires_ms);

CREATE TABLE device (
  account_id {BLOB} NOT NULL,
  device_id {BLOB} NOT NULL,
  token_hash {BLOB} NOT NULL,         -- the token presented last
  successor_hash {BLOB},              -- its successor, handed out and not presented yet
  successor {BLOB},                   -- sealed: handed out again if the answer was lost
  trusted {INT} NOT NULL,
  sec_epoch {INT} NOT NULL,
  client {BLOB} NOT NULL,             -- sealed: address and program last seen
  created_ms {INT} NOT NULL,
  last_used_ms {INT} NOT NULL,
  PRIMARY KEY (account_id, device_id)
) {OPTIONS};

CREATE TABLE session (
  account_id {BLOB} NOT NULL,
  session_id {BLOB} NOT NULL,
  token_hash {BLOB} NOT NULL,
  device_id {BLOB},
  level {INT} NOT NULL,               -- what it opens: setup only, or everything
  amr {TEXT} NOT NULL,                -- authentication methods (RFC 8176), separated by spaces
  sec_epoch {INT} NOT NULL,
  client {BLOB} NOT NULL,             -- sealed: address and program that signed in
  auth_ms {INT} NOT NULL,
  last_used_ms {INT} NOT NULL,
  expires_ms {INT} NOT NULL,
  {KEY(account_id, session_id)}
) {OPTIONS};
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_expiry ON session (expires_ms);

CREATE TABLE message (
  account_id {BLOB} NOT NULL,
  message_id {BLOB} NOT NULL,
  challenge_id {BLOB},                -- none: a notice
  n {INT} NOT NULL,                   -- which message of its challenge
  kind {INT} NOT NULL,
  channel {INT} NOT NULL,
  language {TEXT} NOT NULL,
  destination {BLOB} NOT NULL,        -- sealed
  facts {BLOB} NOT NULL,              -- sealed: what caused it, and what a notice tells
  serial {INT} NOT NULL,
  slot {INT} NOT NULL,                -- recovery scans by random slot
  state {INT} NOT NULL,
  reason {TEXT},
  route {TEXT},
  epoch {INT} NOT NULL,               -- fences a worker whose lease was taken over
  lease_ms {INT} NOT NULL,            -- when the lease runs out
  wired_ms {INT},                     -- set and durable before the first byte goes to a carrier
  settled_ms {INT},
  created_ms {INT} NOT NULL,
  expires_ms {INT} NOT NULL,          -- absolute validity: the code's expiry
  {KEY(account_id, message_id)}
) {OPTIONS};
CREATE UNIQUE INDEX message_challenge ON message (account_id, challenge_id, n) WHERE challenge_id IS NOT NULL;
CREATE INDEX message_due ON message (slot, lease_ms) WHERE state <= 1;
CREATE INDEX message_account ON message (account_id, created_ms);

CREATE TABLE audit (
  account_id {BLOB} NOT NULL,
  event_id {BLOB} NOT NULL,
  kind {TEXT} NOT NULL,
  facts {BLOB} NOT NULL,              -- sealed
  created_ms {INT} NOT NULL,
  {KEY(account_id, event_id)}
) {OPTIONS};
CREATE INDEX audit_account ON audit (account_id, created_ms);

CREATE TABLE api_key (
  api_key_id {BLOB} NOT NULL PRIMARY KEY,
  name {TEXT} NOT NULL,
  key_hash {BLOB} NOT NULL,
  scopes {TEXT} NOT NULL,             -- separated by spaces
  created_ms {INT} NOT NULL,
  revoked_ms {INT}
) {OPTIONS};

CREATE TABLE idempotency (
  key_hash {BLOB} NOT NULL PRIMARY KEY,  -- keyed hash of API key and Idempotency-Key
  request_hash {BLOB} NOT NULL,
  reply {BLOB},                          -- sealed under the Idempotency-Key; none: still under way
  created_ms {INT} NOT NULL
) {OPTIONS};
CREATE INDEX idempotency_created ON idempotency (created_ms);
