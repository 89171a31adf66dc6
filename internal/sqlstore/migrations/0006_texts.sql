-- What became of texts: a row each for two days, sums of a day after that. No row
-- has a number or words. Rows outlive the pools that they came from: what was spent
-- stays spent, and the provider's bill has it.

-- What is known of a text when it is put in the outbox.
alter table messages add column wording  text    not null default '';
alter table messages add column language text    not null default '';
alter table messages add column country  text    not null default '';
alter table messages add column known    boolean not null default false;
alter table messages add column nth      bigint  not null default 1; -- of the texts of its code
alter table messages add column unsent   bigint  not null default 0; -- of its attempts, those that surely sent nothing
alter table messages add column parked   boolean not null default false; -- sent, and kept for its failure

create table texts (
  id           text    not null primary key,
  pool_id      text    not null,
  client_id    text    not null,
  purpose      text    not null,
  challenge_id text    not null, -- '' for one without a code
  country      text    not null,
  known        boolean not null,
  provider     text    not null,
  ref          text    not null, -- the provider's id, '' for none
  wording      text    not null,
  language     text    not null,
  segments     bigint  not null,
  micros       bigint  not null,
  status       text    not null,
  code         text    not null, -- the provider's, of the failure
  attempts     bigint  not null,
  queued_at    bigint  not null,
  sent_at      bigint  not null, -- or given up
  told_at      bigint  not null,
  used_at      bigint  not null
);
create index texts_by_challenge on texts (challenge_id, sent_at) where challenge_id <> '';
create index texts_by_ref on texts (provider, ref) where ref <> '';
create index texts_by_time on texts (sent_at);

create table text_days (
  day         bigint not null, -- midnight in UTC
  pool_id     text   not null,
  purpose     text   not null,
  country     text   not null,
  provider    text   not null,
  wording     text   not null,
  language    text   not null,
  asked       bigint not null,
  sent        bigint not null,
  unsent      bigint not null,
  maybe       bigint not null,
  expired     bigint not null,
  dry_run     bigint not null,
  delivered   bigint not null,
  failed      bigint not null,
  used        bigint not null,
  segments    bigint not null,
  micros      bigint not null,
  used_in_5   bigint not null, -- so many codes were used within so many seconds, and not within fewer
  used_in_10  bigint not null,
  used_in_15  bigint not null,
  used_in_20  bigint not null,
  used_in_30  bigint not null,
  used_in_45  bigint not null,
  used_in_60  bigint not null,
  used_in_90  bigint not null,
  used_in_120 bigint not null,
  used_in_180 bigint not null,
  used_in_300 bigint not null,
  used_in_600 bigint not null,
  used_later  bigint not null,
  primary key (day, pool_id, purpose, country, provider, wording, language)
) {without rowid};

-- Who has answered STOP.
create table opt_outs (
  number_key text   not null primary key, -- keyed hash
  at         bigint not null
) {without rowid};
