-- User names and e-mail addresses beside phone numbers, values that wait for a
-- code, groups, search, several secrets of a client, admin keys, the audit trail.

alter table users add column srp_identity     text   not null default '';
alter table users add column pending          text   not null default ''; -- attribute values that wait for a code
alter table users add column password_history text   not null default ''; -- sealed verifiers
alter table users add column active_at        bigint not null default 0;

alter table registrations add column srp_identity text not null default '';
alter table sessions add column by_id boolean not null default false;

-- Where somebody stands in a list. It is made of the name that he signed up with
-- and never changes; a sign-up has the place next to the user that comes of it.
alter table users add column place text {bytes} not null default '';
create index users_by_place on users (pool_id, place);
create index users_by_status on users (pool_id, status, place);
create index users_by_enabled on users (pool_id, enabled, place);
alter table registrations add column place text {bytes} not null default '';
create index registrations_by_place on registrations (pool_id, place);

-- A contact is a phone number in E.164 or an e-mail address.
alter table challenges rename column number to contact;
alter table messages rename column number to contact;
alter table messages add column headline text not null default ''; -- of an e-mail

-- The attributes that users and sign-ups are searched by, one row a value.
create table user_search (
  pool_id         text not null references pools (id) on delete cascade,
  attribute       text not null,
  value           text {bytes} not null,
  place           text {bytes} not null,
  owner           text not null, -- user id or registration id
  registration_id text references registrations (id) on delete cascade, -- null: of a user
  primary key (pool_id, attribute, value, place, owner)
) {without rowid};
create index user_search_by_place on user_search (pool_id, attribute, place, value);
create index user_search_by_registration on user_search (registration_id) where registration_id is not null;

create table user_groups (
  pool_id     text   not null references pools (id) on delete cascade,
  name        text {bytes} not null,
  description text   not null,
  role_arn    text   not null,
  precedence  bigint not null, -- -1: none
  created_at  bigint not null,
  modified_at bigint not null,
  primary key (pool_id, name)
) {without rowid};

create table group_members (
  pool_id    text   not null references pools (id) on delete cascade,
  group_name text {bytes} not null,
  user_id    text   not null,
  added_at   bigint not null,
  primary key (pool_id, group_name, user_id)
) {without rowid};
create index group_members_by_user on group_members (pool_id, user_id, group_name);

-- A client's secrets are a JSON list: id, sealed secret, time in milliseconds.
alter table clients add column secrets text not null default '';
update clients set secrets = '[{"id":"' || id || '--' || (created_at / 1000) || '","sealed":"' || secret || '","at":' || created_at || '}]'
  where secret <> '';
alter table clients drop column secret;

create table admin_keys (
  id           text   not null primary key,
  name         text   not null,
  secret       text   not null, -- sealed
  operations   text   not null, -- JSON list, '' for all
  pools        text   not null, -- JSON list, '' for all
  created_at   bigint not null,
  expires_at   bigint not null, -- 0: never
  last_used_at bigint not null
) {without rowid};

-- What happened. Rows outlive the pools and users that they speak of.
create table audit (
  id         text   {bytes} not null primary key, -- UUID version 7 of at: in the order of time
  at         bigint not null,
  operation  text   not null,
  actor_kind text   not null, -- anonymous, user, admin, operator, system
  actor      text   not null, -- user id, access key id, operator's login
  pool_id    text   not null,
  client_id  text   not null,
  user_id    text   not null,
  name_hash  text   not null, -- keyed hash of the sign-in name
  masked     text   not null, -- the sign-in name, masked; '' once its user is gone
  address    text   not null, -- IPv6: the /64
  request_id text   not null,
  outcome    text   not null, -- success, refused, failed
  reason     text   not null,
  detail     text   not null  -- JSON
) {without rowid};
create index audit_by_pool on audit (pool_id, id);
create index audit_by_user on audit (user_id, id);
create index audit_by_name on audit (name_hash, id);
