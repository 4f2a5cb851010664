-- Routes to carriers: what they call a message, what they tell of it later, and what they cost. Tokens as in 0001_first.sql.

ALTER TABLE message ADD COLUMN carrier_id {TEXT};   -- the carrier's own id of it, for who asks the carrier
ALTER TABLE message ADD COLUMN receipt_ms {INT};    -- when the first receipt came that told of an end
ALTER TABLE message ADD COLUMN passed_by {TEXT};    -- the route that was given it last and certainly did not take it
CREATE INDEX message_route ON message (route, created_ms) WHERE route IS NOT NULL;
CREATE INDEX message_passed_by ON message (passed_by, created_ms) WHERE passed_by IS NOT NULL;

-- A group of its own, as login_key: a receipt names no account. No transaction reaches from here into the accounts.
CREATE TABLE carrier_message (
  key_hash {BLOB} NOT NULL PRIMARY KEY,  -- keyed hash of route, the carrier's id, and the end of the number if it is told
  account_id {BLOB},                     -- none: a receipt came before the message was known
  message_id {BLOB},
  receipt {INT},                         -- the one that waits for its message
  created_ms {INT} NOT NULL
) {OPTIONS};
CREATE INDEX carrier_message_created ON carrier_message (created_ms);

CREATE TABLE route_day (
  route {TEXT} NOT NULL,
  day {INT} NOT NULL,                    -- YYYYMMDD in the site's zone
  spent {INT} NOT NULL,                  -- thousandths of the operator's currency
  PRIMARY KEY (route, day)
) {OPTIONS};
