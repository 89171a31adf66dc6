package userpool

import (
	"context"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// How long a text has a row of its own, and a day its sums. Providers tell of most
// texts within a minute, and of some a day later.
const (
	keepTexts    = 2 * day
	keepTextDays = 90 * day
	day          = 24 * time.Hour
	foldEvery    = 10 * time.Minute
	foldLimit    = 500
)

// What a sender learns from. Most codes are used within a minute of their texts, and
// nearly all that ever are within three: of a younger text nobody knows yet, and
// counted it would pass for one that did not arrive. Half an hour of them is enough
// to judge a provider by, and short enough that one which is well again is seen to be.
const (
	teachEvery    = 15 * time.Second
	evidenceAge   = 3 * time.Minute
	evidenceSlice = 30 * time.Minute / sms.EvidenceSlices
)

// TextCounts says what became of the texts of the days from that of the one time to
// that before the other, in UTC. They are kept for 90 days.
func (s *Service) TextCounts(ctx context.Context, from, to time.Time) (counts []TextCount, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		counts, err = tx.TextCounts(ctx, midnight(from), midnight(to))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sums of texts: %w", err)
	}
	return counts, nil
}

// midnight is the beginning of the day in UTC.
func midnight(at time.Time) time.Time { return at.UTC().Truncate(day) }

// foldTexts puts old texts into the sums of their days, and forgets old days.
func (s *Service) foldTexts(ctx context.Context) error {
	for {
		var n int
		at := s.now()
		err := s.store.Update(ctx, func(tx Tx) (err error) {
			if n, err = tx.FoldTexts(ctx, at.Add(-keepTexts), foldLimit); err != nil {
				return err
			}
			_, err = tx.SweepTextDays(ctx, midnight(at).Add(-keepTextDays))
			return err
		})
		if err != nil || n < foldLimit {
			return err
		}
	}
}

// teach returns the job that tells a sender which chooses by what became of texts.
// It is read from the store, so that all nodes know the same. Texts of before a
// restore teach nothing: their codes were ended.
func (s *Service) teach() func(context.Context) error {
	learner, ok := s.sender.(sms.Learner)
	if !ok {
		return func(context.Context) error { return nil }
	}
	told := false
	return func(ctx context.Context) error {
		at := s.now()
		recent, err := TextEvidence(ctx, s.store, at)
		if err != nil || len(recent) == 0 && !told {
			return err
		}
		told = len(recent) > 0
		learner.Learn(at, recent)
		return nil
	}
}

// TextEvidence is what a sender that learns is told at the time.
func TextEvidence(ctx context.Context, store Store, at time.Time) (recent []sms.Evidence, err error) {
	err = store.View(ctx, func(tx Tx) error {
		recent, err = evidence(ctx, tx, at.Add(-evidenceAge))
		return err
	})
	return recent, err
}

// evidence is what became of the texts of half an hour, the slice that ends at the
// time first.
func evidence(ctx context.Context, tx Tx, to time.Time) (all []sms.Evidence, err error) {
	restored, err := restoredAt(ctx, tx)
	if err != nil {
		return nil, err
	}
	for slice := range sms.EvidenceSlices {
		from := to.Add(-evidenceSlice)
		if restored.After(from) {
			from = restored
		}
		part, err := tx.TextEvidence(ctx, from, to)
		if err != nil {
			return nil, err
		}
		for i := range part {
			part[i].Slice = slice
		}
		all, to = append(all, part...), to.Add(-evidenceSlice)
	}
	return all, nil
}
