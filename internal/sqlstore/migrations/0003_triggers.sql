-- What a pool's own functions keep of a sign-in between its requests.

alter table sessions add column sealed text not null default '';
