-- What was stopped because of a fault of our own or of a site, what shows such faults, and what password hashes cost. Tokens as
-- in 0001_first.sql.

CREATE TABLE stop (
  kind {TEXT} NOT NULL,                -- route, or api_key
  name {TEXT} NOT NULL,
  why {TEXT} NOT NULL,
  counted {INT} NOT NULL,
  should_be {INT} NOT NULL,
  stopped_ms {INT} NOT NULL,
  resumed_ms {INT},                    -- when an operator had it go on; none: it is stopped
  PRIMARY KEY (kind, name, stopped_ms)
) {OPTIONS};
CREATE UNIQUE INDEX stop_now ON stop (kind, name) WHERE resumed_ms IS NULL;

ALTER TABLE message ADD COLUMN wires {INT} NOT NULL DEFAULT 0;        -- how often a route was given it that may have it

ALTER TABLE carrier_message ADD COLUMN route {TEXT};                  -- only in one row of a message or receipt
ALTER TABLE carrier_message ADD COLUMN number {BLOB};                 -- keyed hash of the number's end; none: not told
ALTER TABLE carrier_message ADD COLUMN told {INT} NOT NULL DEFAULT 0; -- 1: a receipt told of an end
CREATE INDEX carrier_message_number ON carrier_message (route, created_ms) WHERE number IS NOT NULL;
CREATE INDEX carrier_message_at_number ON carrier_message (number, created_ms) WHERE number IS NOT NULL;

ALTER TABLE account ADD COLUMN hash_class {TEXT};  -- function and cost of an imported password hash; none: ours, or no password
CREATE INDEX account_hash_class ON account (hash_class) WHERE state = 1 AND password IS NOT NULL;
