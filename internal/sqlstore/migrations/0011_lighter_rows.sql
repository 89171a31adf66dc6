-- What a sign-in writes, once more; see 0009.

-- All sign-ins of a user are ended in his row: nobody looks for families by user. Those of
-- a pool lie together, so that its end reads no others.
alter table users add column sign_outs bigint not null default 0;
alter table families add column sign_outs bigint not null default 0;
drop index families_by_user;
create index families_by_pool on families (pool_id);
