package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	textColumns = `id, pool_id, client_id, purpose, challenge_id, country, known, provider, ref, wording, language,
		segments, micros, status, code, attempts, queued_at, sent_at, told_at, used_at`

	mayBeSent = `status in ('maybe', 'sent', 'failed', 'delivered')`

	onTextThere = `
		on conflict (id) do update set provider = excluded.provider, ref = excluded.ref, segments = excluded.segments,
			micros = excluded.micros, status = excluded.status, code = excluded.code, attempts = excluded.attempts,
			sent_at = excluded.sent_at
			where texts.status = 'maybe'`
	// Where nobody else writes. SQLite makes a table of what an in lists, at each run.
	sqlPutText = `insert into texts (` + textColumns + `) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
			$12, $13, $14, $15, $16, $17, $18, $19,
			case when ($14 = 'maybe' or $14 = 'sent' or $14 = 'failed' or $14 = 'delivered')
				and not exists (select 1 from texts where challenge_id <> '' and challenge_id = $5 and texts.used_at <> 0)
			then coalesce((select used_at from challenges where id = $5),
				(select max(used_at) from guard_log where challenge_id <> '' and challenge_id = $5), 0) else 0 end)` + onTextThere

	// Elsewhere what becomes of the codes is asked later: see UseTexts.
	pgPutTexts = `insert into texts (` + textColumns + `)
		select t.id, t.pool_id, t.client_id, t.purpose, t.challenge, t.country, t.known, t.provider, t.ref, t.wording, t.language,
			t.segments, t.micros, t.status, t.code, t.attempts, t.queued_at, t.sent_at, t.told_at, 0
		from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bool[], $8::text[], $9::text[],
			$10::text[], $11::text[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::bigint[], $17::bigint[],
			$18::bigint[], $19::bigint[]) as t (id, pool_id, client_id, purpose, challenge, country, known, provider, ref,
			wording, language, segments, micros, status, code, attempts, queued_at, sent_at, told_at)` + onTextThere

	sqlText      = `select ` + textColumns + ` from texts where id = $1`
	sqlTextByRef = `select ` + textColumns + ` from texts where ref <> '' and provider = $1 and ref = $2
		order by sent_at desc, id desc limit 1`
	sqlTextsOf = `select ` + textColumns + ` from texts where challenge_id <> '' and challenge_id = $1`

	// In the order of userpool's statuses.
	statusRank = ` when 'expired' then 1 when 'unsent' then 2 when 'dry_run' then 3 when 'maybe' then 4
		when 'sent' then 5 when 'failed' then 6 when 'delivered' then 7 end`
	sqlTellText = `update texts set status = $2, code = $3, told_at = $4
		where id = $1 and case status` + statusRank + ` < case $2` + statusRank
	sqlPriceText = `update texts set segments = case when cast($2 as bigint) > 0 then cast($2 as bigint) else segments end,
			micros = case when cast($3 as bigint) > 0 then cast($3 as bigint) else micros end
		where id = $1`
	// What is no join is looked up by its key, whatever the planner knows of the tables, and
	// what is sorted by a sum is not looked for among all texts, from the last one back.
	pgUseTexts = `update texts set used_at = ` + pgCodeUsedAt + ` where id = any(array(
			select (select id from texts where challenge_id <> '' and challenge_id = c.id and ` + mayBeSent + `
				order by sent_at + 0 desc, id desc limit 1)
			from unnest($1::text[]) as c (id)
			where (select max(used_at) from texts where challenge_id <> '' and challenge_id = c.id and used_at <> 0) is null))
		and ` + pgCodeUsedAt + ` > 0 and ` + codeNotOpen + ` returning ` + textColumns
	// What is no challenge, or one that is gone, may be used.
	codeNotOpen  = `coalesce((select c.used_at from challenges c where c.id = texts.challenge_id), 1) > 0`
	pgCodeUsedAt = `coalesce(nullif(($2::bigint[])[array_position($1::text[], texts.challenge_id)], 0),
			(select c.used_at from challenges c where c.id = texts.challenge_id),
			(select max(g.used_at) from guard_log g where g.challenge_id <> '' and g.challenge_id = texts.challenge_id), 0)`

	// The same where nobody else writes.
	sqlMarkUsedText = `update texts set used_at = $2 where id = $1 and ` + codeNotOpen
	sqlCodeUsedAt   = `select coalesce((select used_at from challenges where id = $1),
		(select max(used_at) from guard_log where challenge_id <> '' and challenge_id = $1), 0)`

	sqlTextEvidence = `select provider, country, known, count(*),
			sum(case when status = 'failed' then 1 else 0 end),
			sum(case when status in ('failed', 'delivered') then 1 else 0 end),
			sum(case when used_at <> 0 then 1 else 0 end)
		from texts where sent_at >= $1 and sent_at < $2 and status in ('sent', 'failed', 'delivered')
		group by provider, country, known order by provider, country, known`
)

func scanText(r row) (t userpool.Text, err error) {
	err = r.Scan(&t.ID, &t.PoolID, &t.ClientID, &t.Purpose, &t.Challenge, &t.Country, &t.Known, &t.Provider, &t.Ref, &t.Wording,
		&t.Language, &t.Segments, &t.Micros, &t.Status, &t.Code, &t.Attempts, moment{&t.QueuedAt}, moment{&t.SentAt},
		moment{&t.ToldAt}, moment{&t.UsedAt})
	return t, err
}

// PutText asks whether the codes were used where nobody can use one meanwhile. A challenge
// that went with its sign-up has left its use in the decision log.
func (t *tx) PutText(ctx context.Context, texts ...userpool.Text) error {
	for len(texts) > 0 {
		n := 1
		if !t.conn.engine().alone {
			n = apart(texts)
		}
		if err := t.putTexts(ctx, texts[:n]); err != nil {
			return err
		}
		texts = texts[n:]
	}
	return nil
}

// apart is how many of the texts one statement may store, which meets no row twice.
func apart(texts []userpool.Text) int {
	ids := make(map[userpool.MessageID]bool)
	for i, x := range texts {
		if ids[x.ID] {
			return i
		}
		ids[x.ID] = true
	}
	return len(texts)
}

func (t *tx) putTexts(ctx context.Context, texts []userpool.Text) error {
	if t.conn.engine().alone {
		x := texts[0]
		return t.run(ctx, sqlPutText, x.ID, x.PoolID, x.ClientID, x.Purpose, x.Challenge, x.Country, x.Known, x.Provider, x.Ref,
			x.Wording, x.Language, x.Segments, x.Micros, x.Status, x.Code, x.Attempts, millis(x.QueuedAt), millis(x.SentAt), millis(x.ToldAt))
	}
	return t.run(ctx, pgPutTexts,
		column(texts, func(x userpool.Text) string { return string(x.ID) }),
		column(texts, func(x userpool.Text) string { return string(x.PoolID) }),
		column(texts, func(x userpool.Text) string { return string(x.ClientID) }),
		column(texts, func(x userpool.Text) string { return string(x.Purpose) }),
		column(texts, func(x userpool.Text) string { return string(x.Challenge) }),
		column(texts, func(x userpool.Text) string { return x.Country }),
		column(texts, func(x userpool.Text) bool { return x.Known }),
		column(texts, func(x userpool.Text) string { return x.Provider }),
		column(texts, func(x userpool.Text) string { return x.Ref }),
		column(texts, func(x userpool.Text) string { return x.Wording }),
		column(texts, func(x userpool.Text) string { return x.Language }),
		column(texts, func(x userpool.Text) int64 { return int64(x.Segments) }),
		column(texts, func(x userpool.Text) int64 { return x.Micros }),
		column(texts, func(x userpool.Text) string { return string(x.Status) }),
		column(texts, func(x userpool.Text) string { return x.Code }),
		column(texts, func(x userpool.Text) int64 { return int64(x.Attempts) }),
		column(texts, func(x userpool.Text) int64 { return millis(x.QueuedAt) }),
		column(texts, func(x userpool.Text) int64 { return millis(x.SentAt) }),
		column(texts, func(x userpool.Text) int64 { return millis(x.ToldAt) }))
}

// column is one column of rows, as an array.
func column[T, V any](rows []T, of func(T) V) []V {
	all := make([]V, len(rows))
	for i, r := range rows {
		all[i] = of(r)
	}
	return all
}

func (t *tx) Text(ctx context.Context, id userpool.MessageID) (userpool.Text, bool, error) {
	return maybe(ctx, t, scanText, sqlText, id)
}

func (t *tx) TextByRef(ctx context.Context, provider, ref string) (userpool.Text, bool, error) {
	return maybe(ctx, t, scanText, sqlTextByRef, provider, ref)
}

func (t *tx) TellText(ctx context.Context, id userpool.MessageID, s userpool.TextStatus, code string, segments int, micros int64, at time.Time) (bool, error) {
	changed, err := t.changed(ctx, sqlTellText, id, s, code, millis(at))
	if err == nil && (segments > 0 || micros > 0) {
		err = t.run(ctx, sqlPriceText, id, segments, micros)
	}
	return changed, err
}

func (t *tx) UseTexts(ctx context.Context, codes []userpool.UsedCode, used func(userpool.Text)) error {
	if t.conn.engine().alone {
		for _, c := range codes {
			if err := t.useText(ctx, c, used); err != nil {
				return err
			}
		}
		return nil
	}
	// In one order, so that two never wait for each other crosswise, and each once, by the
	// time that somebody knows.
	codes = slices.Clone(codes)
	slices.SortFunc(codes, func(a, b userpool.UsedCode) int {
		return cmp.Or(cmp.Compare(a.Challenge, b.Challenge), b.At.Compare(a.At))
	})
	codes = slices.CompactFunc(codes, func(a, b userpool.UsedCode) bool { return a.Challenge == b.Challenge })
	if len(codes) == 0 {
		return nil
	}
	args := []any{
		column(codes, func(c userpool.UsedCode) string { return string(c.Challenge) }),
		column(codes, func(c userpool.UsedCode) int64 { return millis(c.At) }),
	}
	return t.askLater(ctx, pgUseTexts, args, func(r row) error {
		x, err := scanText(r)
		if err == nil {
			used(x)
		}
		return err
	})
}

// useText is UseTexts for one code where nobody else writes.
func (t *tx) useText(ctx context.Context, c userpool.UsedCode, used func(userpool.Text)) error {
	all, err := t.TextsOf(ctx, c.Challenge)
	if err != nil || slices.ContainsFunc(all, func(x userpool.Text) bool { return !x.UsedAt.IsZero() }) {
		return err
	}
	all = slices.DeleteFunc(all, func(x userpool.Text) bool { return !x.Status.MayBeSent() })
	if len(all) == 0 {
		return nil
	}
	at := millis(c.At)
	if at == 0 {
		if at, err = one(ctx, t, value[int64], sqlCodeUsedAt, c.Challenge); err != nil || at == 0 {
			return err
		}
	}
	x := all[len(all)-1]
	x.UsedAt = time.UnixMilli(at).UTC()
	marked, err := t.changed(ctx, sqlMarkUsedText, x.ID, at)
	if marked {
		used(x)
	}
	return err
}

func (t *tx) TextsOf(ctx context.Context, id userpool.ChallengeID) ([]userpool.Text, error) {
	all, err := many(ctx, t, scanText, sqlTextsOf, id)
	slices.SortFunc(all, func(a, b userpool.Text) int { return cmp.Or(a.SentAt.Compare(b.SentAt), cmp.Compare(a.ID, b.ID)) })
	return all, err
}

func (t *tx) TextEvidence(ctx context.Context, from, to time.Time) ([]sms.Evidence, error) {
	return many(ctx, t, func(r row) (e sms.Evidence, err error) {
		err = r.Scan(&e.Provider, &e.Country, &e.Known, &e.Sent, &e.Failed, &e.Told, &e.Used)
		return e, err
	}, sqlTextEvidence, millis(from), millis(to))
}

const (
	groupOfDay = `day, pool_id, purpose, country, provider, wording, language`
	daySums    = `asked, sent, maybe, unsent, expired, dry_run, delivered, failed, used, segments, micros,
		used_in_5, used_in_10, used_in_15, used_in_20, used_in_30, used_in_45, used_in_60, used_in_90, used_in_120,
		used_in_180, used_in_300, used_in_600, used_later`

	// Sums of rows of texts, in the order of daySums. PostgreSQL adds bigints up to a
	// numeric.
	textGroup = `sent_at - sent_at % 86400000, pool_id, purpose, country, provider, wording, language`
	textSums  = `count(*),
		sum(case when status in ('sent', 'failed', 'delivered') then 1 else 0 end),
		sum(case when status = 'maybe' then 1 else 0 end),
		sum(case when status = 'unsent' then 1 else 0 end),
		sum(case when status = 'expired' then 1 else 0 end),
		sum(case when status = 'dry_run' then 1 else 0 end),
		sum(case when status = 'delivered' then 1 else 0 end),
		sum(case when status = 'failed' then 1 else 0 end),
		sum(case when used_at <> 0 then 1 else 0 end),
		cast(sum(case when ` + mayBeSent + ` then segments else 0 end) as bigint),
		cast(sum(case when ` + mayBeSent + ` then micros else 0 end) as bigint),
		sum(case when used_at <> 0 and used_at - queued_at <= 5000 then 1 else 0 end),
		sum(case when used_at - queued_at > 5000 and used_at - queued_at <= 10000 then 1 else 0 end),
		sum(case when used_at - queued_at > 10000 and used_at - queued_at <= 15000 then 1 else 0 end),
		sum(case when used_at - queued_at > 15000 and used_at - queued_at <= 20000 then 1 else 0 end),
		sum(case when used_at - queued_at > 20000 and used_at - queued_at <= 30000 then 1 else 0 end),
		sum(case when used_at - queued_at > 30000 and used_at - queued_at <= 45000 then 1 else 0 end),
		sum(case when used_at - queued_at > 45000 and used_at - queued_at <= 60000 then 1 else 0 end),
		sum(case when used_at - queued_at > 60000 and used_at - queued_at <= 90000 then 1 else 0 end),
		sum(case when used_at - queued_at > 90000 and used_at - queued_at <= 120000 then 1 else 0 end),
		sum(case when used_at - queued_at > 120000 and used_at - queued_at <= 180000 then 1 else 0 end),
		sum(case when used_at - queued_at > 180000 and used_at - queued_at <= 300000 then 1 else 0 end),
		sum(case when used_at - queued_at > 300000 and used_at - queued_at <= 600000 then 1 else 0 end),
		sum(case when used_at - queued_at > 600000 then 1 else 0 end)`

	oldestTexts  = `id in (select id from texts where sent_at < $1 order by sent_at, id limit $2)`
	sqlFoldTexts = `insert into text_days (` + groupOfDay + `, ` + daySums + `)
		select ` + textGroup + `, ` + textSums + ` from texts where ` + oldestTexts + ` group by ` + textGroup + `
		on conflict (` + groupOfDay + `) do update set
			asked = text_days.asked + excluded.asked, sent = text_days.sent + excluded.sent,
			maybe = text_days.maybe + excluded.maybe, unsent = text_days.unsent + excluded.unsent,
			expired = text_days.expired + excluded.expired, dry_run = text_days.dry_run + excluded.dry_run,
			delivered = text_days.delivered + excluded.delivered, failed = text_days.failed + excluded.failed,
			used = text_days.used + excluded.used, segments = text_days.segments + excluded.segments,
			micros = text_days.micros + excluded.micros,
			used_in_5 = text_days.used_in_5 + excluded.used_in_5, used_in_10 = text_days.used_in_10 + excluded.used_in_10,
			used_in_15 = text_days.used_in_15 + excluded.used_in_15, used_in_20 = text_days.used_in_20 + excluded.used_in_20,
			used_in_30 = text_days.used_in_30 + excluded.used_in_30, used_in_45 = text_days.used_in_45 + excluded.used_in_45,
			used_in_60 = text_days.used_in_60 + excluded.used_in_60, used_in_90 = text_days.used_in_90 + excluded.used_in_90,
			used_in_120 = text_days.used_in_120 + excluded.used_in_120, used_in_180 = text_days.used_in_180 + excluded.used_in_180,
			used_in_300 = text_days.used_in_300 + excluded.used_in_300, used_in_600 = text_days.used_in_600 + excluded.used_in_600,
			used_later = text_days.used_later + excluded.used_later`
	sqlDeleteFolded = `delete from texts where ` + oldestTexts
	sqlTextCounts   = `select ` + groupOfDay + `, ` + daySums + ` from text_days where day >= $1 and day < $2
		union all
		select ` + textGroup + `, ` + textSums + ` from texts where sent_at >= $1 and sent_at < $2 group by ` + textGroup
	sqlSweepTextDays = `delete from text_days where day < $1`

	sqlOptOut   = `insert into opt_outs (number_key, at) values ($1, $2) on conflict do nothing`
	sqlOptIn    = `delete from opt_outs where number_key = $1`
	sqlOptedOut = `select at from opt_outs where number_key = $1`
)

// FoldTexts is two statements that see the same rows, as an Update sees them.
func (t *tx) FoldTexts(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := t.run(ctx, sqlFoldTexts, millis(before), limit); err != nil {
		return 0, err
	}
	n, err := t.exec(ctx, sqlDeleteFolded, millis(before), limit)
	return int(n), err
}

func scanTextCount(r row) (c userpool.TextCount, err error) {
	within := &c.UsedWithin
	to := []any{
		moment{&c.Day}, &c.Pool, &c.Purpose, &c.Country, &c.Provider, &c.Wording, &c.Language,
		&c.Asked, &c.Sent, &c.Maybe, &c.Unsent, &c.Expired, &c.DryRun, &c.Delivered, &c.Failed, &c.Used, &c.Segments, &c.Micros,
	}
	for i := range within {
		to = append(to, &within[i])
	}
	err = r.Scan(to...)
	return c, err
}

func (t *tx) TextCounts(ctx context.Context, from, to time.Time) ([]userpool.TextCount, error) {
	rows, err := many(ctx, t, scanTextCount, sqlTextCounts, millis(from), millis(to))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b userpool.TextCount) int { return compareGroups(a.TextGroup, b.TextGroup) })
	merged := rows[:0]
	for _, c := range rows { // a day of which some texts are folded comes twice
		if last := len(merged) - 1; last >= 0 && merged[last].TextGroup == c.TextGroup {
			merged[last].Add(c.TextSums)
			continue
		}
		merged = append(merged, c)
	}
	return merged, nil
}

func compareGroups(a, b userpool.TextGroup) int {
	return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Purpose, b.Purpose), cmp.Compare(a.Country, b.Country),
		cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Wording, b.Wording), cmp.Compare(a.Language, b.Language))
}

func (t *tx) SweepTextDays(ctx context.Context, before time.Time) (int, error) {
	n, err := t.exec(ctx, sqlSweepTextDays, millis(before))
	return int(n), err
}

func (t *tx) OptOut(ctx context.Context, numberKey string, at time.Time) error {
	return t.run(ctx, sqlOptOut, numberKey, millis(at))
}

func (t *tx) OptIn(ctx context.Context, numberKey string) error {
	return t.run(ctx, sqlOptIn, numberKey)
}

func (t *tx) OptedOut(ctx context.Context, numberKey string) (bool, error) {
	_, found, err := maybe(ctx, t, scanMoment, sqlOptedOut, numberKey)
	return found, err
}
