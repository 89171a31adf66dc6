-- Second factors, passkeys, and users who come from elsewhere.

alter table users add column mfa           text not null default ''; -- what the user prefers, JSON, '' for nothing
alter table users add column password_hash text not null default ''; -- another system's, sealed; it goes with the first right password

-- What a sign-in looked like to whoever asks about it later.
alter table audit add column device   text not null default ''; -- browser and system, of sign-ins and the like
alter table audit add column feedback text not null default ''; -- an administrator's word on it, JSON

-- The passkeys of users. None of it is secret.

create table passkeys (
  pool_id         text    not null references pools (id) on delete cascade,
  credential_id   text    not null, -- base64url
  user_id         text    not null,
  relying_party   text    not null,
  name            text    not null,
  public_key      text    not null, -- COSE, base64url
  sign_count      bigint  not null, -- 0 where its authenticator does not count
  transports      text    not null, -- JSON list, '' for none
  attachment      text    not null,
  backup_eligible boolean not null,
  backed_up       boolean not null,
  created_at      bigint  not null,
  used_at         bigint  not null, -- 0: not yet
  primary key (pool_id, credential_id)
);
create index passkeys_by_user on passkeys (pool_id, user_id);

-- Authenticator apps.
create table software_tokens (
  pool_id     text   not null references pools (id) on delete cascade,
  user_id     text   not null,
  secret      text   not null, -- sealed, '' before one has given its first code
  pending     text   not null, -- sealed, that waits for its first code, '' for none
  name        text   not null, -- as its client calls it
  last_step   bigint not null, -- of the last code that was accepted
  created_at  bigint not null,
  verified_at bigint not null, -- 0: not yet
  primary key (pool_id, user_id)
);

alter table sessions add column proof text not null default ''; -- of the first factor, where a second is asked for

-- What the hashes that users of a pool came with cost to check: whoever has none
-- is made to cost the same while anybody has one.
create table hash_costs (
  pool_id text not null references pools (id) on delete cascade,
  cost    text not null, -- algorithm and parameters
  primary key (pool_id, cost)
);
create index users_with_hash on users (pool_id) where password_hash <> '';

-- Jobs that import users from a file.

create table import_jobs (
  pool_id      text   not null references pools (id) on delete cascade,
  id           text   not null primary key,
  name         text   not null,
  role_arn     text   not null,
  algorithm    text   not null, -- of the hashes in the file, '' for none
  status       text   not null,
  message      text   not null, -- why it ended
  created_at   bigint not null,
  started_at   bigint not null, -- 0: not yet
  completed_at bigint not null, -- 0: not yet
  imported     bigint not null,
  skipped      bigint not null,
  failed       bigint not null,
  upload       text   not null, -- the file that it reads, '' for none yet
  size         bigint not null, -- of the file, in bytes
  read_to      bigint not null, -- the bytes of the file that are done with
  line         bigint not null, -- and its lines
  holder       text   not null, -- the run that is at it, '' for none
  lease_until  bigint not null  -- after which another may take it
);
create index import_jobs_listed on import_jobs (pool_id, created_at, id);
create index import_jobs_open on import_jobs (status) where completed_at = 0;

create table import_files (
  id     text   not null primary key, -- of job, upload and piece
  job_id text   not null references import_jobs (id) on delete cascade,
  upload text   not null,
  piece  bigint not null, -- from 0
  sealed text   not null
);
create unique index import_files_read on import_files (job_id, upload, piece);

-- Listings of ten million users. One index finds both by status and by whether they
-- are enabled, and a listing by a prefix is in the order of values.
create index users_by_standing on users (pool_id, status, enabled, place);
drop index users_by_status;
drop index users_by_enabled;
drop index user_search_by_place;

-- Where the events of pools go, and how far they have gone.
create table log_deliveries (
  pool_id   text   not null references pools (id) on delete cascade,
  source    text   not null, -- userAuthEvents, userNotification
  place     bigint not null, -- in the pool's list
  level     text   not null,
  kind      text   not null, -- log group, bucket, stream
  arn       text   not null,
  cursor_id text   {bytes} not null, -- row of the audit trail up to which they have arrived
  lost      bigint not null, -- events that were swept before
  failures  bigint not null, -- tries in a row
  due_at    bigint not null, -- of who has taken it, the end of the lease
  primary key (pool_id, source)
) {without rowid};
