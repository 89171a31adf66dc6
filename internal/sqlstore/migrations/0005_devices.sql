-- The devices that users signed in from.

create table devices (
  pool_id          text    not null references pools (id) on delete cascade,
  device_key       text    not null,
  user_id          text    not null,
  group_key        text    not null,
  name             text    not null,
  verifier         text    not null, -- sealed, '' before it is confirmed
  remembered       boolean not null,
  address          text    not null, -- of the last sign-in
  created_at       bigint  not null,
  modified_at      bigint  not null,
  confirmed_at     bigint  not null, -- 0: not yet
  authenticated_at bigint  not null,
  primary key (pool_id, device_key)
);
create index devices_by_user on devices (pool_id, user_id, device_key);

alter table families add column device_key text not null default '';
alter table sessions add column device_key text not null default ''; -- that the sign-in began with
