package dynamo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/pack"
	"github.com/bellhop-auth/bellhop/internal/pack/dynamo"
	"github.com/bellhop-auth/bellhop/internal/pack/packtest"
)

var (
	ctx   = context.Background()
	start = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
)

const slot = "a slot"

func newStore(t *testing.T) *dynamo.Store {
	t.Helper()
	t.Parallel()
	return dynamo.New(packtest.Table(t))
}

func fresh(id string) pack.Challenge {
	return pack.Challenge{ID: id, ExpiresAt: start.Add(pack.CodeLife), MaxTries: 3}
}

func open(t *testing.T, s *dynamo.Store, id string, now time.Time) pack.Challenge {
	t.Helper()
	want := fresh(id)
	want.ExpiresAt = now.Add(pack.CodeLife)
	c, err := s.Open(ctx, slot, want, now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// crowd calls fn 64 times at once, and counts how often it was true.
func crowd(t *testing.T, fn func(i int) (bool, error)) int {
	t.Helper()
	return crowdOf(t, 64, fn)
}

// crowdOf is crowd of another size.
func crowdOf(t *testing.T, size int, fn func(i int) (bool, error)) int {
	t.Helper()
	var all sync.WaitGroup
	var won atomic.Int64
	for i := range size {
		all.Go(func() {
			ok, err := fn(i)
			if err != nil {
				t.Error(err)
			}
			if ok {
				won.Add(1)
			}
		})
	}
	all.Wait()
	return int(won.Load())
}

func TestOpen_LivingChallenge_IsKeptUntilItsEnd(t *testing.T) {
	s := newStore(t)
	if c := open(t, s, "first", start); c.ID != "first" {
		t.Errorf("the first is %q", c.ID)
	}
	if c := open(t, s, "second", start.Add(pack.CodeLife-time.Millisecond)); c.ID != "first" || !c.ExpiresAt.Equal(start.Add(pack.CodeLife)) {
		t.Errorf("within its life the challenge is %+v", c)
	}
	if c := open(t, s, "third", start.Add(pack.CodeLife)); c.ID != "third" {
		t.Errorf("after its life the challenge is %q", c.ID)
	}
}

func TestOpen_UsedOrTriedOutChallenge_MakesRoom(t *testing.T) {
	s := newStore(t)
	open(t, s, "used", start)
	if ok, err := s.Use(ctx, slot, "used", start); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if c := open(t, s, "tried", start); c.ID != "tried" {
		t.Fatalf("after a used one the challenge is %q", c.ID)
	}
	for range 3 {
		if _, ok, err := s.Try(ctx, slot, "tried", start); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if c := open(t, s, "next", start); c.ID != "next" || c.Tries != 0 {
		t.Errorf("after three tries the challenge is %+v", c)
	}
}

func TestOpen_Crowd_AllGetOneChallenge(t *testing.T) {
	s := newStore(t)
	var mu sync.Mutex
	ids := map[string]bool{}
	crowd(t, func(i int) (bool, error) {
		c, err := s.Open(ctx, slot, fresh(fmt.Sprint(i)), start)
		mu.Lock()
		defer mu.Unlock()
		ids[c.ID] = true
		return true, err
	})
	if len(ids) != 1 {
		t.Errorf("%d challenges in one slot", len(ids))
	}
}

func TestTry_Crowd_AsManyAsItHasTries(t *testing.T) {
	s := newStore(t)
	c := open(t, s, "c", start)
	if n := crowd(t, func(int) (bool, error) { _, ok, err := s.Try(ctx, slot, c.ID, start); return ok, err }); n != 3 {
		t.Errorf("%d of 64 tries were counted, want 3", n)
	}
}

func TestTry_DeadOrOtherChallenge_IsNotCounted(t *testing.T) {
	s := newStore(t)
	if _, ok, err := s.Try(ctx, slot, "c", start); ok || err != nil {
		t.Error("an empty slot:", ok, err)
	}
	open(t, s, "c", start)
	for name, try := range map[string]struct {
		id string
		at time.Time
	}{
		"another id": {"d", start},
		"expired":    {"c", start.Add(pack.CodeLife)},
	} {
		if _, ok, err := s.Try(ctx, slot, try.id, try.at); ok || err != nil {
			t.Errorf("%s: %v %v", name, ok, err)
		}
	}
	if ok, err := s.Use(ctx, slot, "c", start); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, ok, err := s.Try(ctx, slot, "c", start); ok || err != nil {
		t.Error("used:", ok, err)
	}
}

func TestUse_Crowd_OneWins(t *testing.T) {
	s := newStore(t)
	open(t, s, "c", start)
	if n := crowd(t, func(int) (bool, error) { return s.Use(ctx, slot, "c", start) }); n != 1 {
		t.Errorf("%d of 64 used the code up", n)
	}
}

func TestClaimSend_Crowd_OneSendsAndMayGiveItBack(t *testing.T) {
	s := newStore(t)
	c := open(t, s, "c", start)
	if n := crowd(t, func(int) (bool, error) { return s.ClaimSend(ctx, slot, c, start) }); n != 1 {
		t.Fatalf("%d of 64 may send", n)
	}
	claimed, err := s.Challenge(ctx, slot)
	if err != nil || claimed.Sends != 1 || !claimed.SentAt.Equal(start) {
		t.Fatalf("claimed: %+v, %v", claimed, err)
	}
	if err := s.ReturnSend(ctx, slot, c, start); err != nil {
		t.Fatal(err)
	}
	back, err := s.Challenge(ctx, slot)
	if err != nil || back.Sends != 0 || !back.SentAt.IsZero() {
		t.Errorf("given back: %+v, %v", back, err)
	}
	if err := s.ReturnSend(ctx, slot, c, start); err != nil {
		t.Error("given back twice:", err)
	}
}

func TestSpend_Crowd_NeverMoreThanTheLimitAcrossWindows(t *testing.T) {
	s := newStore(t)
	l := guard.Limit{Max: 7, Window: time.Hour}
	for window := range 2 {
		now := start.Add(time.Duration(window) * time.Hour)
		n := crowd(t, func(int) (bool, error) { spent, err := s.Spend(ctx, "k", l, now); return spent.OK, err })
		if n != 7 {
			t.Errorf("window %d: %d of 64 spends, want 7", window, n)
		}
	}
	spent, err := s.Spend(ctx, "k", l, start.Add(90*time.Minute))
	if want := start.Add(2 * time.Hour); err != nil || spent.OK || spent.Count != 7 || !spent.ResetAt.Equal(want) {
		t.Errorf("a spend beyond: %+v, %v", spent, err)
	}
}

func TestGiveBackAndClear_MakeRoom_NeverBelowZero(t *testing.T) {
	s := newStore(t)
	l := guard.Limit{Max: 2, Window: time.Hour}
	count := func() int {
		n, err := s.Count(ctx, "k", start)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := s.GiveBack(ctx, "k", l, start); err != nil {
		t.Error("of nothing:", err)
	}
	if err := s.Clear(ctx, "k"); err != nil {
		t.Error("clear nothing:", err)
	}
	for range 2 {
		if _, err := s.Spend(ctx, "k", l, start); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{1, 0, 0} {
		if err := s.GiveBack(ctx, "k", l, start); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != want {
			t.Errorf("%d left, want %d", n, want)
		}
	}
	if _, err := s.Spend(ctx, "k", l, start); err != nil {
		t.Fatal(err)
	}
	if err := s.Clear(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 0 {
		t.Errorf("%d after Clear", n)
	}
	if n, err := s.Count(ctx, "k", start.Add(time.Hour)); n != 0 || err != nil {
		t.Error("in the next window:", n, err)
	}
}

func TestNote_TheLastIsKept(t *testing.T) {
	s := newStore(t)
	if at, err := s.Noted(ctx, "n"); !at.IsZero() || err != nil {
		t.Error(at, err)
	}
	for _, at := range []time.Time{start, start.Add(time.Minute)} {
		if err := s.Note(ctx, "n", at, time.Hour); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Noted(ctx, "n"); !got.Equal(at) || err != nil {
			t.Errorf("noted %s, %v; want %s", got, err, at)
		}
	}
}

// deaf hears no answer to the first of two equal requests.
type deaf struct{ last string }

func (d *deaf) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	response, err := http.DefaultClient.Do(r)
	if err != nil || string(body) == d.last || strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetItem") {
		return response, err
	}
	d.last = string(body)
	return nil, errors.Join(io.ErrUnexpectedEOF, response.Body.Close())
}

// The SDK repeats what it got no answer to, and then nobody else has done it.
func TestClaimSendAndUse_AnswerLost_AreStillOnes(t *testing.T) {
	t.Parallel()
	client, table := packtest.Table(t)
	options := client.Options()
	options.HTTPClient = &deaf{}
	s := dynamo.New(dynamodb.New(options), table)
	c := open(t, s, "c", start)
	if ok, err := s.ClaimSend(ctx, slot, c, start); !ok || err != nil {
		t.Errorf("the claim is %v, %v", ok, err)
	}
	if ok, err := s.ClaimSend(ctx, slot, c, start); ok || err != nil {
		t.Errorf("claimed again it is %v, %v", ok, err)
	}
	if ok, err := s.Use(ctx, slot, c.ID, start); !ok || err != nil {
		t.Errorf("the use is %v, %v", ok, err)
	}
	if ok, err := s.Use(ctx, slot, c.ID, start); ok || err != nil {
		t.Errorf("used again it is %v, %v", ok, err)
	}
}
