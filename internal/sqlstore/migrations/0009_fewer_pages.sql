-- What a sign-in writes. An index by something random costs a page of the log for each
-- row, so none has rows that no statement looks for.

-- A challenge that is used is in no slot.
drop index challenges_by_slot;
create unique index challenges_by_slot on challenges (pool_id, subject, client_id, purpose, requester, closed)
  where used_at = 0;

-- A Session that waits for a code, and for nothing else, ends with the code's challenge.
drop index sessions_by_subject;
create index sessions_by_subject on sessions (pool_id, subject) where challenge_id = '' or proof <> '' or sealed <> '';

-- The outbox is short. What is forgotten in it is found by its turn.
drop index messages_by_pool;
drop index messages_by_expiry;

-- Devices are together by user; see rekeyDevices.
