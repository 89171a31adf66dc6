-- What a pool's own functions keep of a sign-in between its requests.

alter table sessions add column sealed text not null default '';

-- What a custom sender is told of a message.
alter table messages add column letter text not null default ''; -- sealed
