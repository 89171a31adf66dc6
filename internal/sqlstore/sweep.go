package sqlstore

import (
	"context"
	"time"
)

const (
	sqlSweepSessions = `delete from sessions where hash in (
		select hash from sessions where expires_at <= $1 limit $2)`
	sqlSweepChallenges = `delete from challenges where id in (
		select id from challenges where expires_at <= $1 limit $2)`
	sqlSweepRegistrations = `delete from registrations where id in (
		select id from registrations where expires_at > 0 and expires_at <= $1 limit $2)`
	sqlSweepFamilies = `delete from families where id in (
		select id from families where expires_at <= $1 limit $2)`
	sqlSweepNonces = `delete from nonces where nonce in (
		select nonce from nonces where expires_at <= $1 limit $2)`
	sqlSweepRepeats = `delete from repeats where request in (
		select request from repeats where expires_at <= $1 limit $2)`
	sqlSweepCounters = `delete from counters where name in (
		select name from counters where reset_at <= $1 limit $2)`

	sqlSweepMessages = `delete from messages where id in (
		select id from messages where next_at <= $1 and expires_at <= $1 limit $2)`
	sqlSweepLocks = `delete from password_locks where (pool_id, subject) in (
		select pool_id, subject from password_locks where failed_at <= $1 limit $2)`

	sqlSweepCells = `delete from guard_cells where name in (
		select name from guard_cells where changed_at <= $1 limit $2)`
	sqlSweepKnown = `delete from known_numbers where number_key in (
		select number_key from known_numbers where signed_in_at <= $1 limit $2)`
)

// forgetAfter is how long Sweep leaves what has no expiry of its own, or what
// somebody should have taken away: the lock of a password that nobody has tried
// since, and an expired text, which its sender drops and gives back the budget.
const forgetAfter = 24 * time.Hour

// How long the guard remembers. A cell's account is of no use when its texts are
// older than the longest budget; a number that has not signed in for half a year
// is a stranger's, and what is noted of it may be a day old.
const (
	keepCells     = 40 * 24 * time.Hour
	keepDecisions = 90 * 24 * time.Hour
	keepKnown     = 181 * 24 * time.Hour
)

// Sweep deletes registrations alone, for their challenges and sessions expire
// before them.
func (t *tx) Sweep(ctx context.Context, now, late time.Time, limit int) (int, error) {
	useless, remembered, forgotten := millis(now), millis(late), millis(now.Add(-forgetAfter))
	swept := 0
	if err := t.onLedger(ctx, t.ledger.store); err != nil {
		return 0, err
	}
	for _, s := range []struct {
		sql    string
		before int64
	}{
		{sqlSweepSessions, remembered},
		{sqlSweepChallenges, remembered},
		{sqlSweepRegistrations, useless},
		{sqlSweepFamilies, remembered},
		{sqlSweepNonces, useless},
		{sqlSweepRepeats, useless},
		{sqlSweepCounters, useless},
		{sqlSweepMessages, forgotten},
		{sqlSweepLocks, forgotten},
		{sqlSweepCells, millis(now.Add(-keepCells))},
		{sqlSweepDecisions, millis(now.Add(-keepDecisions))},
		{sqlSweepKnown, millis(now.Add(-keepKnown))},
	} {
		n, err := t.exec(ctx, s.sql, s.before, limit)
		if err != nil {
			return 0, err
		}
		swept += int(n)
	}
	return swept, t.onLedger(ctx, t.ledger.swept)
}
