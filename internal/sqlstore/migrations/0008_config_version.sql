-- A number by chance, another one with each change of a pool, of its app clients and
-- of its signing keys: what was read and decoded is as it is while this is the same.
alter table pools add column config_version bigint not null default 0;
