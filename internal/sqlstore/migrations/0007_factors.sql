-- Second factors, passkeys, and users who come from elsewhere.

alter table users add column mfa           text not null default ''; -- what the user prefers, JSON, '' for nothing
alter table users add column password_hash text not null default ''; -- another system's, sealed; it goes with the first right password
