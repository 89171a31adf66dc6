-- The schema, in the subset of SQL that SQLite and PostgreSQL share. Times are
-- Unix milliseconds, 0 for none. Lists and maps are JSON text, '' for empty.
-- Every foreign key is a row's pool: what a pool owns goes with it.

create table meta (
  name  text   not null primary key,
  value text   not null
) {without rowid};

create table pools (
  id          text   not null primary key,
  name        text   not null,
  settings    text   not null,
  created_at  bigint not null,
  modified_at bigint not null
);

create table clients (
  id          text   not null primary key,
  pool_id     text   not null references pools (id) on delete cascade,
  name        text   not null,
  secret      text   not null, -- sealed
  settings    text   not null,
  created_at  bigint not null,
  modified_at bigint not null
);
create index clients_by_pool on clients (pool_id, id);

-- A key in stock has pool_id ''.
create table signing_keys (
  id         text   not null primary key,
  pool_id    text   not null,
  purpose    text   not null,
  alg        text   not null,
  private    text   not null, -- sealed
  created_at bigint not null,
  active_at  bigint not null,
  retired_at bigint not null
);
create index signing_keys_by_pool on signing_keys (pool_id, alg);

create table users (
  pool_id       text    not null references pools (id) on delete cascade,
  id            text    not null,
  username      text    not null,
  names         text    not null,
  status        text    not null,
  enabled       boolean not null,
  attributes    text    not null,
  verifier      text    not null, -- sealed
  created_at    bigint  not null,
  modified_at   bigint  not null,
  password_at   bigint  not null,
  signed_in_at  bigint  not null,
  signed_out_at bigint  not null,
  unproved      boolean not null,
  primary key (pool_id, id)
);

-- What a user can be found by, one row a name: names and the user name.
create table user_names (
  pool_id text not null references pools (id) on delete cascade,
  name    text not null,
  user_id text not null,
  primary key (pool_id, name)
) {without rowid};

-- Ids that are never given again.
create table retired_users (
  pool_id text not null references pools (id) on delete cascade,
  user_id text not null,
  primary key (pool_id, user_id)
) {without rowid};

-- How many deleted users held a name. The name is hashed, so that a deleted
-- user's number is not here to be read.
create table retired_names (
  pool_id   text   not null references pools (id) on delete cascade,
  name_hash text   not null,
  users     bigint not null,
  primary key (pool_id, name_hash)
) {without rowid};

-- Wrong passwords in a row, of users and of names that nobody has.
create table password_locks (
  pool_id   text   not null references pools (id) on delete cascade,
  subject   text   not null,
  failures  bigint not null,
  failed_at bigint not null,
  primary key (pool_id, subject)
) {without rowid};
create index password_locks_by_age on password_locks (failed_at);

create table registrations (
  id          text   not null primary key,
  pool_id     text   not null references pools (id) on delete cascade,
  client_id   text   not null,
  name        text   not null,
  sub         text   not null,
  requester   text   not null,
  attributes  text   not null,
  verifier    text   not null, -- sealed
  existing_id text   not null,
  created_at  bigint not null,
  expires_at  bigint not null -- 0: never
);
create index registrations_by_name on registrations (pool_id, name);
create index registrations_by_sub on registrations (pool_id, sub);
create index registrations_by_expiry on registrations (expires_at);

-- A slot (pool, subject, client, purpose, requester) has one challenge with
-- closed ''; those that held it before carry their own id there.
create table challenges (
  id              text   not null primary key,
  pool_id         text   not null references pools (id) on delete cascade,
  client_id       text   not null,
  subject         text   not null,
  purpose         text   not null,
  requester       text   not null,
  closed          text   not null,
  registration_id text   not null,
  number          text   not null,
  key_id          text   not null,
  digits          bigint not null,
  max_tries       bigint not null,
  tries           bigint not null,
  sends           bigint not null,
  created_at      bigint not null,
  expires_at      bigint not null,
  sent_at         bigint not null,
  used_at         bigint not null
);
create unique index challenges_by_slot on challenges (pool_id, subject, client_id, purpose, requester, closed);
create index challenges_by_registration on challenges (registration_id) where registration_id <> '';
create index challenges_by_expiry on challenges (expires_at);

create table sessions (
  hash         text    not null primary key,
  pool_id      text    not null references pools (id) on delete cascade,
  client_id    text    not null,
  subject      text    not null,
  decoy        boolean not null,
  step         text    not null,
  username     text    not null,
  name         text    not null,
  challenge_id text    not null,
  history      text    not null,
  pending      boolean not null,
  created_at   bigint  not null,
  expires_at   bigint  not null,
  used_at      bigint  not null
);
create index sessions_by_subject on sessions (pool_id, subject);
create index sessions_by_expiry on sessions (expires_at);

create table nonces (
  nonce      text   not null primary key,
  expires_at bigint not null
) {without rowid};
create index nonces_by_expiry on nonces (expires_at);

create table repeats (
  request    text   not null primary key,
  answer     text   not null,
  expires_at bigint not null
);
create index repeats_by_expiry on repeats (expires_at);

create table families (
  id         text   not null primary key,
  pool_id    text   not null references pools (id) on delete cascade,
  client_id  text   not null,
  user_id    text   not null,
  generation bigint not null,
  auth_time  bigint not null,
  created_at bigint not null,
  expires_at bigint not null,
  rotated_at bigint not null,
  revoked_at bigint not null
);
create index families_by_user on families (pool_id, user_id);
create index families_by_expiry on families (expires_at);

create table messages (
  id           text    not null primary key,
  pool_id      text    not null references pools (id) on delete cascade,
  client_id    text    not null,
  purpose      text    not null,
  challenge_id text    not null,
  key_id       text    not null,
  digits       bigint  not null,
  template     text    not null,
  app_host     text    not null,
  number       text    not null,
  secret       text    not null, -- sealed
  username     text    not null,
  decoy        boolean not null,
  requester    text    not null,
  created_at   bigint  not null,
  expires_at   bigint  not null,
  next_at      bigint  not null,
  attempts     bigint  not null
);
create index messages_by_pool on messages (pool_id);
create index messages_by_turn on messages (next_at);
create index messages_by_challenge on messages (challenge_id) where challenge_id <> '';
create index messages_by_expiry on messages (expires_at);

create table counters (
  name     text   not null primary key,
  spent    bigint not null,
  reset_at bigint not null
) {without rowid};
create index counters_by_reset on counters (reset_at);
