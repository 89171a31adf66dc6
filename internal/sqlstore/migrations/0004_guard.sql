-- What the guard remembers: cells, payments beside counts, the decision log, and
-- the numbers that have signed in. Rows outlive the pools that they came from.

-- What the last payment allowed in all (a count has 0), and how much of what is
-- spent servers have taken in advance and may not have used.
alter table counters add column most bigint not null default 0;
alter table counters add column held bigint not null default 0;

create table guard_cells (
  name       text   {bytes} not null primary key, -- kind/hi/lo, the latter in hexadecimal
  kind       bigint not null,
  standing   bigint not null, -- 0: open
  data       text   not null, -- a version and fields
  changed_at bigint not null  -- the hour, so that most changes leave the indexes alone
) {without rowid};
create index guard_cells_by_standing on guard_cells (kind, standing, changed_at) where standing > 0;
create index guard_cells_by_age on guard_cells (changed_at);

create table guard_log (
  id           text    {bytes} not null primary key, -- in the order of time
  at           bigint  not null,
  number_key   text    not null, -- keyed hash
  request_id   text    not null,
  challenge_id text    not null, -- '' where nothing was sent
  verdict      bigint  not null, -- 2: sent
  used_at      bigint  not null,
  unsent       boolean not null,
  matured      boolean not null,
  detail       text    not null -- JSON
) {without rowid};
create index guard_log_by_number on guard_log (number_key, id);
create index guard_log_by_request on guard_log (request_id, id) where request_id <> '';
create index guard_log_by_challenge on guard_log (challenge_id, id) where challenge_id <> '';
create index guard_log_unscored on guard_log (at, id) where verdict = 2 and unsent = false and matured = false;

create table known_numbers (
  number_key   text   not null primary key, -- keyed hash
  signed_in_at bigint not null -- at most a day behind
) {without rowid};
create index known_numbers_by_age on known_numbers (signed_in_at);
