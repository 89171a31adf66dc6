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

	sqlTouchUnused = `update challenges set closed = closed where id = $1 and used_at < 1`
	onTextThere    = `
		on conflict (id) do update set provider = excluded.provider, ref = excluded.ref, segments = excluded.segments,
			micros = excluded.micros, status = excluded.status, code = excluded.code, attempts = excluded.attempts,
			sent_at = excluded.sent_at
			where texts.status = 'maybe'`
	// SQLite makes a table of what an in lists, at each run.
	sqlPutText = `insert into texts (` + textColumns + `) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
			$12, $13, $14, $15, $16, $17, $18, $19,
			case when ($14 = 'maybe' or $14 = 'sent' or $14 = 'failed' or $14 = 'delivered')
				and not exists (select 1 from texts where challenge_id <> '' and challenge_id = $5 and texts.used_at <> 0)
			then coalesce((select used_at from challenges where id = $5),
				(select max(used_at) from guard_log where challenge_id <> '' and challenge_id = $5), 0) else 0 end)` + onTextThere

	// The same of several texts, on PostgreSQL, which would hash what an exists looks for
	// in all rows for them.
	pgTouchUnused = `update challenges set closed = closed where id = any($1::text[]) and used_at < 1`
	pgPutTexts    = `insert into texts (` + textColumns + `)
		select t.id, t.pool_id, t.client_id, t.purpose, t.challenge, t.country, t.known, t.provider, t.ref, t.wording, t.language,
			t.segments, t.micros, t.status, t.code, t.attempts, t.queued_at, t.sent_at, t.told_at,
			case when t.status in ('maybe', 'sent', 'failed', 'delivered')
				and (select max(used_at) from texts where challenge_id <> '' and challenge_id = t.challenge and used_at <> 0) is null
			then coalesce((select used_at from challenges where challenges.id = t.challenge),
				(select max(used_at) from guard_log where challenge_id <> '' and challenge_id = t.challenge), 0) else 0 end
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
	// By = and not in: PostgreSQL joins what is in a list, which costs more than the rest,
	// and reads all texts for it where they were counted when there were none.
	sqlUseText = `update texts set used_at = $2 where id = (
			select id from texts where challenge_id <> '' and challenge_id = $1 and ` + mayBeSent + `
			order by sent_at desc, id desc limit 1)
		and not exists (select 1 from texts where challenge_id <> '' and challenge_id = $1 and used_at <> 0)
		returning ` + textColumns

	sqlMarkUsedText = `update texts set used_at = $2 where id = $1`

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

// PutText reads whether the codes were used, which whoever uses one writes at the
// challenge before he looks for texts: of the two one sees the other. A challenge that is
// used stays so, and need not be touched. One that went with its sign-up has left its use
// in the decision log.
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

// apart is how many of the texts one statement may store: none of them needs to see what
// is stored of another of its code, or under its id.
func apart(texts []userpool.Text) int {
	ids, codes := make(map[userpool.MessageID]bool), make(map[userpool.ChallengeID]bool)
	for i, x := range texts {
		if ids[x.ID] || codes[x.Challenge] {
			return i
		}
		ids[x.ID], codes[x.Challenge] = true, x.Challenge != ""
	}
	return len(texts)
}

func (t *tx) putTexts(ctx context.Context, texts []userpool.Text) error {
	if len(texts) == 1 {
		x := texts[0]
		if x.Challenge != "" {
			if err := t.touch(ctx, sqlTouchUnused, x.Challenge); err != nil {
				return err
			}
		}
		return t.run(ctx, sqlPutText, x.ID, x.PoolID, x.ClientID, x.Purpose, x.Challenge, x.Country, x.Known, x.Provider, x.Ref,
			x.Wording, x.Language, x.Segments, x.Micros, x.Status, x.Code, x.Attempts, millis(x.QueuedAt), millis(x.SentAt), millis(x.ToldAt))
	}
	challenges := column(texts, func(x userpool.Text) string { return string(x.Challenge) })
	if t.snapshot {
		if err := t.leave(ctx, pgTouchUnused, challenges); err != nil {
			return err
		}
	}
	return t.run(ctx, pgPutTexts,
		column(texts, func(x userpool.Text) string { return string(x.ID) }),
		column(texts, func(x userpool.Text) string { return string(x.PoolID) }),
		column(texts, func(x userpool.Text) string { return string(x.ClientID) }),
		column(texts, func(x userpool.Text) string { return string(x.Purpose) }),
		challenges,
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

func (t *tx) UseText(ctx context.Context, id userpool.ChallengeID, at time.Time, used func(userpool.Text)) error {
	if !t.conn.engine().alone {
		return t.askLater(ctx, sqlUseText, []any{id, millis(at)}, func(r row) error {
			x, err := scanText(r)
			if err == nil {
				used(x)
			}
			return err
		})
	}
	all, err := t.TextsOf(ctx, id)
	if err != nil || slices.ContainsFunc(all, func(x userpool.Text) bool { return !x.UsedAt.IsZero() }) {
		return err
	}
	all = slices.DeleteFunc(all, func(x userpool.Text) bool { return !x.Status.MayBeSent() })
	if len(all) == 0 {
		return nil
	}
	x := all[len(all)-1]
	x.UsedAt = time.UnixMilli(millis(at)).UTC()
	used(x)
	return t.run(ctx, sqlMarkUsedText, x.ID, millis(at))
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
