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
