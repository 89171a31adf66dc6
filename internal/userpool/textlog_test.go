package userpool_test

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// pupil is a sender that chooses by what became of texts.
type pupil struct {
	provider
	mu      sync.Mutex // guards lessons
	lessons [][]sms.Evidence
}

func (p *pupil) Learn(_ time.Time, recent []sms.Evidence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lessons = append(p.lessons, recent)
}

// taught returns what the pupil was told since the last time.
func (p *pupil) taught() [][]sms.Evidence {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.lessons
	p.lessons = nil
	return all
}

// logTexts writes down that texts were sent so long ago, each by a provider of its
// name.
func (w *world) logTexts(ago time.Duration, ids ...string) {
	w.t.Helper()
	at := time.Now().Add(-ago)
	w.must(w.store.Update(w.ctx, func(tx userpool.Tx) error {
		for _, id := range ids {
			if err := tx.PutText(w.ctx, userpool.Text{
				ID: userpool.MessageID(id), PoolID: w.pool, ClientID: w.client, Purpose: userpool.PurposeSignIn, Country: "IN", Provider: id,
				Segments: 1, Micros: 40_000, Status: userpool.TextSent, Attempts: 1, QueuedAt: at, SentAt: at,
			}); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestLearner_IsToldOfTextsOldEnough_AndNothingWhereThereAreNone(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		p := &pupil{provider: provider{count: map[string]int{}}}
		w.watchedBy(&onlooker{}, w.store, p)
		w.pass(2 * time.Minute)
		if all := p.taught(); len(all) > 0 {
			t.Fatalf("told %v of nothing", all)
		}
		w.logTexts(0, "young")
		w.logTexts(7*time.Minute, "late")
		w.logTexts(30*time.Minute, "old")
		w.logTexts(34*time.Minute, "older")
		w.pass(2 * time.Minute) // an idle server looks that often
		of := func(id string, slice int) sms.Evidence {
			return sms.Evidence{Slice: slice, Provider: id, Country: "IN", Sent: 1}
		}
		if all := p.taught(); !reflect.DeepEqual(all, [][]sms.Evidence{{of("late", 1), of("old", 5)}}) {
			t.Fatalf("told %v", all)
		}
		w.pass(2 * time.Minute)
		if all := p.taught(); !reflect.DeepEqual(all, [][]sms.Evidence{{of("young", 0), of("late", 1)}}) {
			t.Fatalf("told %v", all)
		}
		_, err := w.s.EndAfterRestore(w.ctx, false) // of what was before, no code can be used
		w.must(err)
		w.pass(6 * time.Minute)
		if all := p.taught(); len(all) != 1 || len(all[0]) != 0 {
			t.Fatalf("told %v after a restore, want the end once", all)
		}
	})
}

func TestTexts_AreFoldedAfterTwoDays_AndForgottenAfterNinety(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.stop()
		var old []string
		for i := range 501 { // more than one transaction folds
			old = append(old, fmt.Sprint("old", i))
		}
		w.logTexts(49*time.Hour, old...)
		w.logTexts(47*time.Hour, "young")
		began := time.Now()
		w.start()
		w.settle()
		counts, err := w.s.TextCounts(w.ctx, began.Add(-100*24*time.Hour), began.Add(24*time.Hour))
		w.must(err)
		asked, micros := 0, int64(0)
		for _, c := range counts {
			asked, micros = asked+c.Asked, micros+c.Micros
		}
		if asked != 502 || micros != 502*40_000 {
			t.Errorf("%d texts for %d are counted in %+v", asked, micros, counts)
		}
		w.must(w.store.View(w.ctx, func(tx userpool.Tx) error {
			_, old, err := tx.Text(w.ctx, "old500")
			if err != nil {
				return err
			}
			_, young, err := tx.Text(w.ctx, "young")
			if old || !young {
				t.Errorf("a text of 49 hours ago is there: %v, one of 47 hours: %v", old, young)
			}
			return err
		}))
		w.passDown(93 * 24 * time.Hour)
		counts, err = w.s.TextCounts(w.ctx, began.Add(-100*24*time.Hour), began.Add(24*time.Hour))
		w.must(err)
		if len(counts) != 0 {
			t.Errorf("three months later there is %+v", counts)
		}
	})
}
