package dynamo_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/pack"
	"github.com/bellhop-auth/bellhop/internal/pack/dynamo"
	"github.com/bellhop-auth/bellhop/internal/pack/packtest"
)

var (
	blockKey   = guard.Key{Kind: guard.CellBlock, Hi: 9, Lo: 491761234}
	countryKey = guard.CountryKey("DE")
	hourly     = guard.Limit{Max: 10, Window: time.Hour}
)

var errNo = errors.New("no")

// text is a decision such as the guard's: a credit of two cells, an amount and a
// count. It is refused without credit or room.
func text(credit float32) func(pack.Tx) error {
	return func(tx pack.Tx) error {
		keys := []guard.Key{blockKey, countryKey}
		cells, err := tx.Cells(ctx, keys)
		if err != nil {
			return err
		}
		for i := range cells {
			if cells[i].Sends++; cells[i].Sends > credit {
				return errNo
			}
		}
		paid, err := tx.Pay(ctx, []guard.Payment{{Key: "server/hour", Limit: guard.Limit{Max: 100, Window: time.Hour}, Amount: 7}}, start)
		if err != nil || !paid[0].OK {
			return errors.Join(err, errNo)
		}
		spent, err := tx.Spend(ctx, "number", hourly, start)
		if err != nil || !spent.OK {
			return errors.Join(err, errNo)
		}
		return errors.Join(tx.Keep("challenge", rand.Text(), guard.Outcome{Receipt: guard.Receipt{Price: 7}}, start.Add(time.Hour)), tx.PutCells(ctx, keys, cells))
	}
}

// state is what is in the table of what text changes.
type state struct {
	cells [2]float32
	paid  int
	count int
	kept  int
}

func stateOf(t *testing.T, s *dynamo.Store) (now state) {
	t.Helper()
	err := s.Update(ctx, start, func(tx pack.Tx) error {
		cells, err := tx.Cells(ctx, []guard.Key{blockKey, countryKey})
		if err != nil {
			return err
		}
		now.cells = [2]float32{cells[0].Sends, cells[1].Sends}
		paid, err := tx.Pay(ctx, []guard.Payment{{Key: "server/hour", Limit: guard.Limit{Window: time.Hour}, Amount: 1 << 40}}, start)
		if err != nil {
			return err
		}
		now.paid = paid[0].Count
		if now.count, err = tx.Count(ctx, "number", start); err != nil {
			return err
		}
		kept, err := tx.Kept("challenge")
		now.kept = len(kept)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// crowded runs the decisions until none is kept from deciding by others.
func crowded(t *testing.T, s *dynamo.Store, decide func(i int) func(pack.Tx) error) int {
	return crowdOf(t, 24, func(i int) (bool, error) {
		for {
			err := s.Update(ctx, start, decide(i))
			if err == nil || errors.Is(err, errNo) {
				return err == nil, nil
			}
			if !strings.Contains(err.Error(), "at the same time") {
				return false, err
			}
		}
	})
}

func TestUpdate_Crowd_NoneGoesBeyondALimit(t *testing.T) {
	s := newStore(t)
	sent := crowded(t, s, func(int) func(pack.Tx) error { return text(1000) })
	// The block may have counted who was taken back, never one too few.
	got, want := stateOf(t, s), state{cells: [2]float32{10, 10}, paid: 70, count: 10, kept: 10}
	want.cells[0] = max(want.cells[0], got.cells[0])
	if sent != 10 || got != want {
		t.Errorf("%d were sent and left %+v; want 10 and %+v", sent, got, want)
	}
}

func TestUpdate_Crowd_NoneGoesBeyondACellsCredit(t *testing.T) {
	s := newStore(t)
	sent := crowded(t, s, func(i int) func(pack.Tx) error {
		return func(tx pack.Tx) error {
			keys := []guard.Key{{Kind: guard.CellBlock, Lo: uint64(i)}, countryKey}
			cells, err := tx.Cells(ctx, keys)
			if err != nil {
				return err
			}
			cells[0].Sends++
			if cells[1].Sends++; cells[1].Sends > 8 {
				return errNo
			}
			return tx.PutCells(ctx, keys, cells)
		}
	})
	if got := stateOf(t, s); sent != 8 || got.cells[1] != 8 {
		t.Errorf("%d were sent and left %+v; want 8", sent, got)
	}
}

func TestUpdate_Fails_LeavesNothing(t *testing.T) {
	s := newStore(t)
	err := s.Update(ctx, start, func(tx pack.Tx) error { return errors.Join(text(1000)(tx), errNo) })
	if got := stateOf(t, s); !errors.Is(err, errNo) || got != (state{}) {
		t.Errorf("%v, and %+v is left", err, got)
	}
}

// Between the run and the writing another one takes the last room: what was written
// before that is taken back.
func TestUpdate_OvertakenBetweenRunAndWriting_IsDecidedAnew(t *testing.T) {
	s := newStore(t)
	for range hourly.Max - 1 {
		if err := s.Update(ctx, start, text(1000)); err != nil {
			t.Fatal(err)
		}
	}
	var once sync.Once
	err := s.Update(ctx, start, func(tx pack.Tx) error {
		if err := text(1000)(tx); err != nil {
			return err
		}
		if cells, err := tx.Cells(ctx, []guard.Key{blockKey}); err != nil || cells[0].Sends < float32(hourly.Max) {
			return err // nothing is read yet
		}
		once.Do(func() {
			if spent, err := s.Spend(ctx, "number", hourly, start); !spent.OK || err != nil {
				t.Error(spent, err)
			}
		})
		return nil
	})
	want := state{cells: [2]float32{9, 9}, paid: 63, count: 10, kept: 9}
	if got := stateOf(t, s); !errors.Is(err, errNo) || got != want {
		t.Errorf("%v, and %+v is left; want %+v", err, got, want)
	}
}

func TestUpdate_GivenBackAndCleared_IsStored(t *testing.T) {
	s := newStore(t)
	for range 3 {
		if err := s.Update(ctx, start, text(1000)); err != nil {
			t.Fatal(err)
		}
	}
	err := s.Update(ctx, start, func(tx pack.Tx) error {
		pay := guard.Payment{Key: "server/hour", Amount: 8}
		return errors.Join(tx.Refund(ctx, []guard.Payment{pay}, start), tx.GiveBack(ctx, "number", hourly, start))
	})
	if got := stateOf(t, s); err != nil || got.paid != 13 || got.count != 2 || got.kept != 3 {
		t.Errorf("%v, and %+v is left", err, got)
	}
	err = s.Update(ctx, start, func(tx pack.Tx) error {
		pay := guard.Payment{Key: "server/hour", Amount: 100}
		return errors.Join(tx.Refund(ctx, []guard.Payment{pay}, start), tx.Clear(ctx, "number"))
	})
	if got := stateOf(t, s); err != nil || got.paid != 0 || got.count != 0 {
		t.Errorf("%v, and %+v is left", err, got)
	}
	next := start.Add(time.Hour)
	err = s.Update(ctx, next, func(tx pack.Tx) error {
		for range 2 {
			if spent, err := tx.Spend(ctx, "number", hourly, next); err != nil || !spent.OK || !spent.ResetAt.Equal(next.Add(time.Hour)) {
				t.Errorf("in the next window: %+v, %v", spent, err)
			}
		}
		return nil
	})
	if n, countErr := s.Count(ctx, "number", next); err != nil || countErr != nil || n != 2 {
		t.Errorf("in the next window there are %d: %v, %v", n, err, countErr)
	}
}

func TestDrop_Crowd_EachIsTakenOutOnce(t *testing.T) {
	s := newStore(t)
	for range 2 {
		if err := s.Update(ctx, start, text(1000)); err != nil {
			t.Fatal(err)
		}
	}
	taken := 0
	var mu sync.Mutex
	crowded(t, s, func(int) func(pack.Tx) error {
		return func(tx pack.Tx) error {
			kept, err := tx.Kept("challenge")
			if err != nil {
				return err
			}
			for id, o := range kept {
				if o.Receipt.Price != 7 || o.Used {
					t.Errorf("kept is %+v", o)
				}
				if err := tx.Drop("challenge", id); err != nil {
					return err
				}
				if _, err := tx.Spend(ctx, "credits", guard.Limit{Max: 100, Window: time.Hour}, start); err != nil {
					return err
				}
			}
			mu.Lock()
			defer mu.Unlock()
			taken++
			return nil
		}
	})
	n, err := s.Count(ctx, "credits", start)
	if err != nil || n != 2 {
		t.Errorf("two outcomes were credited %d times in %d runs, %v", n, taken, err)
	}
}

func TestKeep_AgainAndDropped_IsAsTheLastOne(t *testing.T) {
	s := newStore(t)
	do := func(fn func(pack.Tx) error) {
		t.Helper()
		if err := s.Update(ctx, start, fn); err != nil {
			t.Fatal(err)
		}
	}
	do(func(tx pack.Tx) error {
		return errors.Join(tx.Keep("l", "a", guard.Outcome{}, start.Add(time.Hour)), tx.Keep("l", "b", guard.Outcome{}, start.Add(time.Hour)),
			tx.Note(ctx, "n", start, time.Hour))
	})
	do(func(tx pack.Tx) error {
		return errors.Join(tx.Keep("l", "a", guard.Outcome{Used: true}, start.Add(time.Hour)), tx.Drop("l", "b"), tx.Drop("l", "none"))
	})
	do(func(tx pack.Tx) error {
		kept, err := tx.Kept("l")
		if len(kept) != 0 && (len(kept) != 1 || !kept["a"].Used) { // nothing at first, before it is read
			t.Errorf("kept are %+v", kept)
		}
		return err
	})
	if at, err := s.Noted(ctx, "n"); err != nil || !at.Equal(start) {
		t.Errorf("noted is %s, %v", at, err)
	}
}

// asked counts requests by operation.
type asked struct {
	mu  sync.Mutex // guards all
	all map[string]int
}

func (a *asked) Do(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	a.mu.Lock()
	a.all[operation]++
	a.mu.Unlock()
	return http.DefaultClient.Do(r)
}

// The documentation says how much a decision asks of the table.
func TestUpdate_OneDecision_ReadsOnceAndWritesEachItemOnce(t *testing.T) {
	t.Parallel()
	client, table := packtest.Table(t)
	options := client.Options()
	count := &asked{all: map[string]int{}}
	options.HTTPClient = count
	s := dynamo.New(dynamodb.New(options), table)
	for i, want := range []map[string]int{
		{"BatchGetItem": 1, "PutItem": 4, "UpdateItem": 1}, // two cells, two windows that open, a receipt
		{"BatchGetItem": 1, "PutItem": 2, "UpdateItem": 3},
	} {
		clear(count.all)
		if err := s.Update(context.Background(), start, text(1000)); err != nil {
			t.Fatal(err)
		}
		for _, operation := range []string{"BatchGetItem", "GetItem", "PutItem", "UpdateItem"} {
			if got := count.all[operation]; got != want[operation] {
				t.Errorf("decision %d asked for %d of %s, want %d", i+1, got, operation, want[operation])
			}
		}
	}
}

// Of two that give the same back at the same time one does.
func TestUpdate_GivenBackByOthersMeanwhile_IsNotAddedAgain(t *testing.T) {
	s := newStore(t)
	for range 2 {
		if err := s.Update(ctx, start, text(1000)); err != nil {
			t.Fatal(err)
		}
	}
	credit := func(tx pack.Tx) (found int, err error) {
		n, err := tx.Count(ctx, "number", start)
		if err != nil || n == 0 { // nothing is read yet
			return 0, err
		}
		kept, err := tx.Kept("challenge")
		for id := range kept {
			err = errors.Join(err, tx.Drop("challenge", id), tx.GiveBack(ctx, "number", hourly, start))
		}
		return len(kept), err
	}
	var once sync.Once
	err := s.Update(ctx, start, func(tx pack.Tx) error {
		if found, err := credit(tx); err != nil || found == 0 {
			return err
		}
		once.Do(func() {
			err := s.Update(ctx, start, func(tx pack.Tx) error { _, err := credit(tx); return err })
			if err != nil {
				t.Error(err)
			}
		})
		return nil
	})
	if got := stateOf(t, s); err != nil || got.count != 0 || got.kept != 0 {
		t.Errorf("%v, and %+v is left", err, got)
	}
}
