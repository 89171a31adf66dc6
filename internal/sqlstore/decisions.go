package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	decisionColumns = `id, at, number_key, request_id, challenge_id, verdict, used_at, unsent, matured, detail`

	decisionsBetween = ` id > $1 and id < $2`
	decisionsOldest  = ` order by id limit $3`
	decisionsNewest  = ` order by id desc limit $3`
	selectDecisions  = `select ` + decisionColumns + ` from guard_log where`
	ofNumber         = ` number_key = $4 and`
	ofRequest        = ` request_id <> '' and request_id = $4 and`

	sqlDecisions                = selectDecisions + decisionsBetween + decisionsOldest
	sqlDecisionsNewest          = selectDecisions + decisionsBetween + decisionsNewest
	sqlDecisionsOfNumber        = selectDecisions + ofNumber + decisionsBetween + decisionsOldest
	sqlDecisionsOfNumberNewest  = selectDecisions + ofNumber + decisionsBetween + decisionsNewest
	sqlDecisionsOfRequest       = selectDecisions + ofRequest + decisionsBetween + decisionsOldest
	sqlDecisionsOfRequestNewest = selectDecisions + ofRequest + decisionsBetween + decisionsNewest

	sqlSentFor = selectDecisions + ` challenge_id <> '' and challenge_id = $1
		and verdict = 2 and used_at = 0 and unsent = false order by id`
	sqlMarkUsed = `update guard_log set used_at = $2 where challenge_id <> '' and challenge_id = $1
		and verdict = 2 and used_at = 0 and unsent = false and ` + notOpen + ` returning ` + decisionColumns
	// A pool's own challenge is no row. What is no join is looked up by its key, whatever
	// the planner knows of the tables.
	notOpen = `coalesce((select c.used_at from challenges c where c.id = guard_log.challenge_id), 1) > 0`
	// The same where nobody else writes: an update that returns its row makes a table for
	// it, which costs SQLite more than a look.
	sqlMarkable = selectDecisions + ` challenge_id <> '' and challenge_id = $1
		and verdict = 2 and used_at = 0 and unsent = false and ` + notOpen
	sqlMarkUsedBy = `update guard_log set used_at = $2 where id = $1`
	sqlMarkUnsent = `update guard_log set unsent = true where id = $1 and verdict = 2 and used_at = 0 and unsent = false`

	unscored = `verdict = 2 and unsent = false and matured = false`
	// The second look at what is unscored decides between two that chose the same row.
	sqlClaimMatured = `update guard_log set matured = true where ` + unscored + ` and id in (
			select id from guard_log where ` + unscored + ` and at <= $1 order by at, id limit $2)
		returning ` + decisionColumns
	sqlScoreNoMore = `update guard_log set matured = true where ` + unscored

	sqlSweepDecisions = `delete from guard_log where at <= $1 and id in (
		select id from guard_log where id > '' order by id limit $2)`
)

var (
	batchInsertDecisions = newBatch(`insert into guard_log (`+decisionColumns+`) values `,
		`({1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}, {10})`, ` on conflict do nothing`, 0, 10)
	// Not from a list of values: PostgreSQL would read the whole log for that.
	batchMarkUsed = func() (b batch) {
		var cases, ids strings.Builder
		for n := range b {
			fmt.Fprintf(&cases, " when $%d then cast($%d as bigint)", 2*n+1, 2*n+2)
			fmt.Fprintf(&ids, ", $%d", 2*n+1)
			b[n] = `update guard_log set used_at = case challenge_id` + cases.String() + ` end
				where challenge_id <> '' and challenge_id in (` + ids.String()[2:] + `) and verdict = 2 and used_at = 0 and unsent = false
				and ` + notOpen + ` returning ` + decisionColumns
		}
		return b
	}()
)

// kept is a time as the store keeps times.
func kept(at time.Time) time.Time {
	if at.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(at.UnixMilli()).UTC()
}

// finite is a number that JSON has a form for.
func finite(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return max(-math.MaxFloat64, min(f, math.MaxFloat64))
}

func scanDecision(r row) (guard.Entry, error) { return scanLine(r, true) }

// scanSent leaves out the levels, which say nothing of what becomes of a text.
func scanSent(r row) (guard.Entry, error) { return scanLine(r, false) }

func scanLine(r row, levels bool) (e guard.Entry, err error) {
	var verdict int64
	var number string
	var d decisionDetail
	err = r.Scan(&e.ID, moment{&e.At}, &number, &e.RequestID, &e.Challenge, &verdict, moment{&e.UsedAt}, &e.Unsent,
		&e.Matured, decoded{&d})
	if err != nil {
		return e, err
	}
	e.Verdict = guard.Verdict(verdict)
	if !levels {
		d.Looked, d.Levels = "", nil
	}
	if err := d.fill(&e, number); err != nil {
		return e, fmt.Errorf("decision %s: %w", e.ID, err)
	}
	return e, nil
}

func (t *tx) InsertDecisions(ctx context.Context, lines []guard.Entry) error {
	for part := range slices.Chunk(lines, batchMost) {
		args := make([]any, 0, 10*len(part))
		for _, e := range part {
			args = append(args, e.ID, millis(e.At), e.Ask.Party.Number, e.RequestID, e.Challenge, int64(e.Verdict),
				millis(e.UsedAt), e.Unsent, e.Matured, detailText(detailOf(e)))
		}
		if err := t.run(ctx, batchInsertDecisions.text(len(part)), args...); err != nil {
			return err
		}
	}
	return nil
}

// Decisions has a statement for each index and direction, so that a page never
// reads more rows than it returns.
func (t *tx) Decisions(ctx context.Context, p userpool.DecisionPage) ([]guard.Entry, error) {
	below := p.Below
	if below == "" {
		below = afterEveryID
	}
	args := []any{p.Above, below, p.Limit}
	oldest, newest := sqlDecisions, sqlDecisionsNewest
	switch {
	case p.RequestID != "":
		oldest, newest, args = sqlDecisionsOfRequest, sqlDecisionsOfRequestNewest, append(args, p.RequestID)
	case p.Number != "":
		oldest, newest, args = sqlDecisionsOfNumber, sqlDecisionsOfNumberNewest, append(args, p.Number)
	}
	if p.Newest {
		return many(ctx, t, scanDecision, newest, args...)
	}
	return many(ctx, t, scanDecision, oldest, args...)
}

func (t *tx) SentFor(ctx context.Context, id userpool.ChallengeID) ([]guard.Entry, error) {
	return many(ctx, t, scanSent, sqlSentFor, id)
}

func (t *tx) MarkUsed(ctx context.Context, codes []userpool.UsedCode) (all []guard.Entry, err error) {
	defer func() { sortDecisions(all) }()
	if t.conn.engine().alone {
		for _, c := range codes {
			if all, err = t.markUsed(ctx, c, all); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
	if len(codes) == 1 {
		return many(ctx, t, scanSent, sqlMarkUsed, codes[0].Challenge, millis(codes[0].At))
	}
	// The first of those that are there twice.
	codes = slices.Clone(codes)
	slices.SortStableFunc(codes, func(a, b userpool.UsedCode) int { return cmp.Compare(a.Challenge, b.Challenge) })
	codes = slices.CompactFunc(codes, func(a, b userpool.UsedCode) bool { return a.Challenge == b.Challenge })
	for part := range slices.Chunk(codes, batchMost) {
		args := make([]any, 0, 2*len(part))
		for _, c := range part {
			args = append(args, c.Challenge, millis(c.At))
		}
		lines, err := many(ctx, t, scanSent, batchMarkUsed.text(len(part)), args...)
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	return all, nil
}

// markUsed adds the lines of a challenge where nobody else writes.
func (t *tx) markUsed(ctx context.Context, c userpool.UsedCode, to []guard.Entry) ([]guard.Entry, error) {
	lines, err := many(ctx, t, scanSent, sqlMarkable, c.Challenge)
	for i := range lines {
		lines[i].UsedAt = kept(c.At)
		if err == nil {
			err = t.run(ctx, sqlMarkUsedBy, lines[i].ID, millis(c.At))
		}
	}
	return append(to, lines...), err
}

func (t *tx) MarkUnsent(ctx context.Context, id string) (bool, error) {
	return t.changed(ctx, sqlMarkUnsent, id)
}

func (t *tx) ClaimMatured(ctx context.Context, sentBefore time.Time, limit int) ([]guard.Entry, error) {
	all, err := many(ctx, t, scanSent, sqlClaimMatured, millis(sentBefore), limit)
	sortDecisions(all)
	return all, err
}

// sortDecisions sorts lines from the oldest on: RETURNING promises no order.
func sortDecisions(all []guard.Entry) {
	slices.SortFunc(all, func(a, b guard.Entry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
}
