-- What a sign-in writes, once more; see 0009.

-- All sign-ins of a user are ended in his row: nobody looks for families by user. Those of
-- a pool lie together, so that its end reads no others.
alter table users add column sign_outs bigint not null default 0;
alter table families add column sign_outs bigint not null default 0;
drop index families_by_user;
create index families_by_pool on families (pool_id);

-- Devices have rows once they are confirmed or come back. Keys that must not be good
-- without one are here, a row for each user who has any. It is deleted with the devices.
create table forgotten_devices (
  pool_id     text   not null,
  user_id     text   not null,
  up_to       bigint not null, -- keys that were given until then, 0: none
  device_keys text   not null, -- and these, JSON list, '' for none
  primary key (pool_id, user_id)
);
