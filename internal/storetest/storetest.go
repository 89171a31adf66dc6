// Package storetest is the conformance suite for userpool.Store: what every
// store must do, said once, as tests. Each method has its round trip, its
// absent and its taken key; each verb that must win once has a race.
package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Run runs the suite on stores that open makes: each case has one of its own,
// empty, which open's t closes at its end. It runs all cases a second time on
// stores that run every Update function twice, as a store may.
func Run(t *testing.T, open func(t *testing.T) userpool.Store) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) { c.run(newEnv(t, open(t))) })
		t.Run(c.name+"/twice", func(t *testing.T) { c.run(newEnv(t, Twice(open(t)))) })
	}
}

// verbRaces are the cases in which one statement decides between many, so that
// no isolation level is needed for it. What must not go over a number of groups
// is not among them, nor is what reads first and writes then.
var verbRaces = []string{
	"ClaimAttempt/by many gives each try once",
	"ClaimLogDelivery/by many gives it to one, until its lease is over",
	"ClaimMatured/by many gives each line to one",
	"ClaimMessages/by many gives each message to one",
	"ClaimStockKey/gives a key to one of many",
	"ConfirmDevice/has one winner, of the user's own",
	"ClaimImportJob/hands a job to one of many, until the lease ends",
	"ConsumeAttempt/counts the try, marks the challenge used and has one winner",
	"ConsumeChallenge/has one winner and keeps the first time",
	"ConsumeSession/has one winner, who is seen to have used it",
	"CountPasswordFailure/by many counts each",
	"DeleteAccessKey/removes the one, once",
	"DeleteDevice/removes the one, once",
	"DeletePasskey/removes the one, once",
	"InsertGroup/of one name by many has one winner",
	"InsertUser/of one name by many has one winner",
	"MarkSent/counts a send once",
	"MarkUnsent/has one winner",
	"OpenChallenge/by many opens one",
	"ReplaceSealed/replaces what was read, and that alone",
	"Pay/by many is exact, all or nothing",
	"RotateRefresh/has one winner for each generation",
	"Spend/by many is exact",
	"TellText/by many is told once of each",
	"UpdateUser/of two who want one free name has one winner",
	"UseNonce/has one winner for each value",
	"UseSession/has one winner, who is seen to have used it",
	"UsePasskey/has one winner of a count, which only goes forward",
}

// RunRaces runs those of the suite's races that a store must pass at any
// isolation level.
func RunRaces(t *testing.T, open func(t *testing.T) userpool.Store) {
	byName := map[string]testCase{}
	for _, c := range cases() {
		byName[c.name] = c
	}
	for _, name := range verbRaces {
		c, ok := byName[name]
		if !ok {
			t.Errorf("there is no case %q", name)
			continue
		}
		t.Run(name, func(t *testing.T) { c.run(newEnv(t, open(t))) })
	}
}

type testCase struct {
	name string
	run  func(*env)
}

func cases() []testCase {
	var all []testCase
	for _, group := range [][]testCase{
		transactionCases, textCases, poolCases, clientCases, keyCases, userCases, lockCases, registrationCases,
		directoryCases, groupCases,
		challengeCases, sessionCases, familyCases, outboxCases, counterCases, sweepCases,
		deviceCases, importCases, passkeyCases, softwareTokenCases, sealedCases, accessKeyCases, auditCases, skewCases, restoreCases, guardCases, textLogCases,
		logDeliveryCases,
	} {
		all = append(all, group...)
	}
	return all
}

// Twice returns a store that runs each Update function once for nothing, rolls
// it back, and then runs it again, so that a function which does more than call
// its transaction is caught.
func Twice(s userpool.Store) userpool.Store { return twice{s} }

type twice struct{ userpool.Store }

var errFirstRun = errors.New("first run")

func (s twice) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	err := s.Store.Update(ctx, func(tx userpool.Tx) error {
		// An error of the first run may be gone in the second.
		_ = fn(tx)
		return errFirstRun
	})
	if !errors.Is(err, errFirstRun) {
		return err
	}
	return s.Store.Update(ctx, fn)
}

// env is a case's store, with a pool and a client in it.
type env struct {
	*testing.T
	ctx    context.Context
	store  userpool.Store
	now    time.Time
	pool   userpool.PoolID
	client userpool.ClientID
}

func newEnv(t *testing.T, s userpool.Store) *env {
	e := &env{
		T: t, ctx: t.Context(), store: s,
		now:  time.Date(2026, 3, 29, 1, 59, 59, 123e6, time.UTC),
		pool: "us-east-1_Home", client: "home-client",
	}
	e.do(func(tx userpool.Tx) error {
		return errors.Join(
			tx.InsertPool(e.ctx, e.newPool(e.pool)),
			tx.InsertClient(e.ctx, e.newClient(e.client, e.pool)))
	})
	return e
}

// do runs an Update that must succeed.
func (e *env) do(fn func(userpool.Tx) error) {
	e.Helper()
	if err := e.store.Update(e.ctx, fn); err != nil {
		e.Fatalf("Update: %v", err)
	}
}

// try runs an Update that must fail with want.
func (e *env) try(want error, fn func(userpool.Tx) error) {
	e.Helper()
	if err := e.store.Update(e.ctx, fn); !errors.Is(err, want) {
		e.Fatalf("Update: got error %v, want %v", err, want)
	}
}

// write returns what an Update that must succeed has found.
func write[T any](e *env, fn func(userpool.Tx) (T, error)) (v T) {
	e.Helper()
	e.do(func(tx userpool.Tx) (err error) {
		v, err = fn(tx)
		return err
	})
	return v
}

// read returns what a View that must succeed has found.
func read[T any](e *env, fn func(userpool.Tx) (T, error)) T {
	e.Helper()
	v, err := look(e, fn)
	if err != nil {
		e.Fatalf("View: %v", err)
	}
	return v
}

// look is read with the error.
func look[T any](e *env, fn func(userpool.Tx) (T, error)) (v T, err error) {
	err = e.store.View(e.ctx, func(tx userpool.Tx) (err error) {
		v, err = fn(tx)
		return err
	})
	return v, err
}

// absent checks that a look-up finds nothing.
func absent[T any](e *env, what string, fn func(userpool.Tx) (T, error)) {
	e.Helper()
	if v, err := look(e, fn); !errors.Is(err, userpool.ErrNotFound) {
		e.Fatalf("%s: got %+v, %v, want ErrNotFound", what, v, err)
	}
}

func equal[T any](e *env, what string, got, want T) {
	e.Helper()
	if !reflect.DeepEqual(got, want) {
		e.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// racers is how many goroutines race for what only one, or few, may get.
const racers = 24

// race runs fn in an Update of its own on each of n goroutines, all at once,
// and returns their results, in the order of their numbers.
func race[T any](e *env, n int, fn func(tx userpool.Tx, i int) (T, error)) []T {
	e.Helper()
	results, errs := make([]T, n), make([]error, n)
	var ready, done sync.WaitGroup
	gate := make(chan struct{})
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-gate
			// Who waits too long for the others' rows is told so, has nothing stored, and
			// asks again: on a slow disk some do.
			for range 5 {
				errs[i] = e.store.Update(e.ctx, func(tx userpool.Tx) (err error) {
					results[i], err = fn(tx, i)
					return err
				})
				if !fault.Is(errs[i], fault.Unavailable) {
					break
				}
			}
		})
	}
	ready.Wait()
	close(gate)
	done.Wait()
	if err := errors.Join(errs...); err != nil {
		e.Fatalf("race: %v", err)
	}
	return results
}

// raceOne checks that of many racers one wins.
func raceOne(e *env, what string, fn func(tx userpool.Tx) (bool, error)) {
	e.Helper()
	won := race(e, racers, func(tx userpool.Tx, _ int) (bool, error) { return fn(tx) })
	if n := count(won); n != 1 {
		e.Fatalf("%s: %d of %d racers won, want 1", what, n, racers)
	}
}

func count(all []bool) (n int) {
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}

// in returns the time d after the case's start.
func (e *env) in(d time.Duration) time.Time { return e.now.Add(d) }

// newID makes an id that no other case has.
func newID() string { return rand.Text() }
