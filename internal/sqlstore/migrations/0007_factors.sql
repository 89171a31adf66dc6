-- Second factors, passkeys, and users who come from elsewhere.

alter table users add column mfa           text not null default ''; -- what the user prefers, JSON, '' for nothing
alter table users add column password_hash text not null default ''; -- another system's, sealed; it goes with the first right password

-- What a sign-in looked like to whoever asks about it later.
alter table audit add column device   text not null default ''; -- browser and system, of sign-ins and the like
alter table audit add column feedback text not null default ''; -- an administrator's word on it, JSON
